import { later, safe } from "../safe.js";
import { backoff } from "../transport/backoff.js";
import { ctx } from "../rich/core.js";
import { adopt, around, call, uuid } from "./server.js";
import { chime } from "./sound.js";

// Conversations, as this page knows them. What the server numbers is kept by its number, what is on its way by the name
// that this page gave it, so each message is there once, whatever is repeated, late or lost.

export const chat = {
  talks: [],
  info: null, // what the server says of the chat
  person: null, // what the visitor said of himself, before it is told
  draw: () => {},
  attends: () => false, // whether the visitor has that conversation before him
};

let drawing;

/** Once for all that changes at the same time. */
export function changed() {
  drawing ||= !queueMicrotask(safe(() => {
    drawing = false;
    chat.draw();
  }));
}

export const found = (id) => chat.talks.find((talk) => talk.id == id);

/** `top` is up to where every message is known. */
export function begin(id) {
  const talk = { id, name: uuid(), messages: [], outbox: [], top: 0, seq: 0, read: 0, seen: 0, state: "open", draft: "", failures: 0 };
  chat.talks.unshift(talk);
  return talk;
}

/** How a conversation stands. Numbers only grow. */
export function told({ id, conversation = id, ...status }) {
  const talk = found(conversation) || begin(conversation);
  for (const name of ["seq", "read", "seen"]) status[name] = Math.max(talk[name], status[name] || 0);
  Object.assign(talk, status);
  changed();
  return talk;
}

const isSaid = ({ kind }) => kind != "event";
export const isNews = ({ author, kind }) => author != "visitor" && isSaid({ kind });

function keep(talk, message) {
  talk.outbox = talk.outbox.filter((item) => item.client_id != message.client_id);
  const known = talk.messages.find(({ seq }) => seq == message.seq);
  if (known) known.delivered ||= message.delivered;
  if (known) return;
  talk.messages.push(message);
  talk.messages.sort((a, b) => a.seq - b.seq);
  talk.typing = 0;
  if (isSaid(message)) Object.assign(talk, { excerpt: message.body || message.file?.name, last_author: message.author });
  return true;
}

/** Something that was just said. What it does not follow at once is read before it. */
export function take(message) {
  const talk = found(message.conversation);
  if (!talk) return refresh();
  talk.seq = Math.max(talk.seq, message.seq);
  const whole = message.previous <= talk.top;
  if (keep(talk, message) && isNews(message)) heard(talk, message);
  if (whole) talk.top = Math.max(talk.top, message.seq);
  else fill(talk);
  changed();
}

function heard(talk, { seq, author, kind }) {
  if (seq <= talk.seen) return;
  chime();
  ctx.emit("chat_message", { conversation: talk.id, seq, author, kind });
  if (!chat.attends(talk)) safe(call)("PUT", `conversations/${talk.id}/reading`, { delivered: seq });
}

/** Reads what this page does not have yet. */
export async function fill(talk) {
  if (talk.filling) return (talk.more = true);
  talk.filling = true;
  try {
    do {
      talk.more = false;
      const answer = await call("GET", `conversations/${talk.id}/messages?after=${talk.top}`);
      for (const message of answer.messages) {
        const isNew = keep(talk, { ...message, delivered: true });
        talk.top = Math.max(talk.top, message.seq);
        if (isNew && talk.loaded && isNews(message)) heard(talk, message);
      }
      talk.more ||= answer.more;
      told(answer);
    } while (talk.more);
    talk.loaded = true;
  } finally {
    talk.filling = false;
    changed();
  }
}

/** How everything stands; what of it is looked at, or not yet seen, is read. */
export async function refresh() {
  const { site } = ctx.setup;
  const language = chat.language();
  const query = chat.spoken == language ? "" : "?language=" + encodeURIComponent(language);
  try {
    const answer = await call("GET", `chat/${site}${query}`);
    chat.info = { ...chat.info, ...answer };
    chat.spoken = language;
    chat.trouble = false;
    for (const each of answer.conversations.reverse()) {
      const talk = told(each);
      if (talk.seq > talk.top && (talk.loaded || talk.seq > talk.seen)) await fill(talk);
    }
  } catch (error) {
    if (error.status == 404 || error.status == 403) chat.gone();
    chat.trouble = true;
    throw error;
  } finally {
    changed();
  }
}

export function write(talk, body, file) {
  talk.outbox.push({ client_id: uuid(), author: "visitor", body, file, at: Date.now() });
  drain(talk);
}

/** Sends what waits, in its order. The same name on every try, so it arrives once. */
export async function drain(talk) {
  clearTimeout(talk.timer);
  if (talk.draining) return;
  talk.draining = true;
  for (let item; (item = talk.outbox[0]); ) {
    item.failed = false;
    changed();
    try {
      await (talk.id ? post(talk, item) : open(talk, item));
      talk.failures = 0;
    } catch (error) {
      if (error.status >= 400 && error.status < 500 && error.status != 408 && error.status != 429) refuse(talk, error);
      else {
        item.failed = true;
        talk.timer = later(() => drain(talk), error.after * 1000 || backoff(talk.failures++));
        break;
      }
    }
  }
  talk.draining = false;
  changed();
}

async function post(talk, { client_id, body, file }) {
  const path = `conversations/${talk.id}/messages`;
  if (!file) return take(await call("POST", path, { client_id, body, ...around() }));
  const form = new FormData();
  form.append("client_id", client_id);
  form.append("file", file);
  take(await call("POST", path, form));
}

/** A conversation begins with its first message, or before a first file. */
async function open(talk, { client_id, body, file }) {
  const first = file ? { client_id: talk.name } : { client_id, body };
  const { token, messages, ...summary } = await call("POST", "conversations", { site: ctx.setup.site, ...first, ...chat.person, ...around() });
  // The socket may have told of it before.
  const other = found(summary.id);
  chat.talks = chat.talks.filter((each) => each != other);
  other?.messages.forEach((message) => keep(talk, message));
  talk.id = summary.id;
  talk.loaded = true;
  told(summary);
  messages.forEach(take);
  if (chat.person?.email) chat.info.known = true;
  adopt(token, true);
}

/** What the server will not take comes back, with its reason. */
function refuse(talk, { reason, details }) {
  const { body } = talk.outbox.shift();
  if (body) talk.draft = body + (talk.draft && "\n" + talk.draft);
  talk.error = reason;
  talk.returned = !!body;
  if (details?.email && !talk.id) chat.asked = false;
}

/** Those who wrote see at once that it was read. */
export function look(talk, say) {
  if (!talk.id || talk.seq <= talk.seen) return;
  talk.seen = talk.seq;
  if (!say({ type: "read", conversation: talk.id, seq: talk.seq })) {
    safe(call)("PUT", `conversations/${talk.id}/reading`, { seq: talk.seq });
  }
}

export const unread = () =>
  chat.talks.reduce((sum, talk) => sum + talk.messages.filter((message) => isNews(message) && message.seq > talk.seen).length, 0);
