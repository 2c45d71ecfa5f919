import { backoff, ctx, later, ofDocument, safe, uuid } from "../rich/core.js";
import { chime } from "./sound.js";
import { adopt, around, call } from "./server.js";

// Conversations, as this page knows them. What the server numbers is kept by its number, what is on its way by the name
// that this page gave it, so each message is there once, whatever is repeated, late or lost.

export let talks = [];
export let info = {}; // what the server says of the chat
export let trouble;
export let person; // what the visitor said of himself, before it is told
let spoken; // the language of what it says
let held;
let draw;
let attends;
let drawing;

/** `show()` draws everything, `attended(talk)` says whether the visitor has it before him. */
export function watch(show, attended) {
  draw = show;
  attends = attended;
}

/** Once for all that changes at the same time. */
export function changed() {
  drawing ||= later(() => {
    drawing = 0;
    draw();
  });
}

export function introduce(values) {
  person = values;
  changed();
}

export const language = () => ctx.chosen || ofDocument("documentElement").lang || navigator.language;

export const say = (name, value) => (info.words?.[name] || "").replace("{}", value);

export const found = (id) => talks.find((talk) => talk.id == id);

/** `top` is up to where every message is known. */
export function begin(id) {
  const talk = { id, messages: [], outbox: [], top: 0, seq: 0, read: 0, seen: 0, draft: "", failures: 0 };
  talks.unshift(talk);
  return talk;
}

/** Nothing is sent before that: it is not yet known by whom. */
export function hold(promise) {
  held = promise;
}

/** As for somebody else. What was not sent yet is `kept` by one who only said who he is, else it is nobody's. */
export function restart(kept) {
  talks = talks.filter(({ id }) => kept && !id);
  info = {};
  person = spoken = 0;
  changed();
}

/** How a conversation stands. Numbers only grow. */
export function told({ id, conversation = id, ...status }) {
  const talk = found(conversation) || begin(conversation);
  for (const name of ["seq", "read", "seen"]) status[name] = Math.max(talk[name], status[name]);
  changed();
  return Object.assign(talk, status);
}

export const unread = ({ messages, seen }) =>
  messages.filter(({ author, kind, seq }) => author != "visitor" && kind != "event" && seq > seen).length;

/** `passed` says that it came back from the server, which has then told it to the agents as well. */
function keep(talk, message, passed) {
  const { seq, author, kind, client_id } = message;
  talk.outbox = talk.outbox.filter((item) => item.client_id != client_id);
  const known = talk.messages.find((each) => each.seq == seq);
  if (known) known.passed ||= passed;
  else {
    talk.messages.push({ ...message, passed });
    talk.messages.sort((a, b) => a.seq - b.seq);
    talk.typist = 0;
    talk.excerpt = message.body || message.file?.name || talk.excerpt;
    if (talk.loaded && unread({ messages: [message], seen: talk.seen })) {
      chime();
      ctx.emit("chat_message", { conversation: talk.id, seq, author, kind });
      if (!attends(talk)) safe(call)("PUT", `conversations/${talk.id}/reading`, { delivered: seq });
    }
  }
  changed();
}

/** Something that was just said. What it does not follow at once is read before it. */
export function take(message, passed) {
  const talk = found(message.conversation);
  if (!talk) return refresh();
  const whole = message.previous <= talk.top;
  talk.seq = Math.max(talk.seq, message.seq);
  keep(talk, message, passed);
  if (!whole) return fill(talk);
  talk.top = Math.max(talk.top, message.seq);
}

/** Reads what this page does not have yet. What fails is read at the next beat, and never thrown at the page. */
export async function fill(talk) {
  talk.more = 1;
  if (talk.filling) return;
  talk.filling = 1;
  try {
    while (talk.more) {
      talk.more = 0;
      const { messages, more, ...status } = await call("GET", `conversations/${talk.id}/messages?after=${talk.top}`);
      // Of whoever was here before.
      if (!talks.includes(talk)) return;
      for (const message of messages) {
        keep(talk, message, true);
        talk.top = Math.max(talk.top, message.seq);
      }
      talk.more ||= more;
      told(status);
    }
    talk.loaded = 1;
  } catch {
    trouble = 1;
  }
  talk.filling = 0;
}

/** How everything stands; what of it is looked at, or not yet seen, is read. */
export async function refresh() {
  const wanted = language();
  const { guest } = ctx;
  try {
    const answer = await call("GET", `chat/${ctx.setup.site}` + (spoken == wanted ? "" : "?language=" + wanted));
    // Of whoever was here before.
    if (ctx.guest != guest) return;
    info = { ...info, gone: 0, ...answer };
    // An answer to whoever was here before brings no words.
    if (answer.words) spoken = wanted;
    trouble = 0;
    for (const each of answer.conversations.reverse()) {
      const talk = told(each);
      if (talk.seq > talk.top && (talk.loaded || talk.seq > talk.seen || attends(talk))) await fill(talk);
    }
  } catch ({ status, message }) {
    // Switched off while the page was open.
    if (status == 404) info.gone = say("off") || message;
    else trouble = 1;
  }
  changed();
}

export function write(talk, body, file) {
  talk.outbox.push({ client_id: uuid(), author: "visitor", body, file, at: Date.now() });
  drain(talk);
}

/** Sends what waits, in its order. The same name on every try, so it arrives once. */
export async function drain(talk) {
  clearTimeout(talk.timer);
  if (talk.draining) return;
  talk.draining = 1;
  await held;
  for (let item; talks.includes(talk) && (item = talk.outbox[0]); ) {
    item.failed = 0;
    changed();
    try {
      await (talk.id ? post(talk, item) : open(talk, item));
      talk.failures = 0;
    } catch (error) {
      const { status, after } = error;
      // What is said waits for no file that may be sent in an hour.
      if (/^4(?!08|29)/.test(status) || (item.file && after > 99)) {
        refuse(talk, error);
        if (status == 404) refresh();
      } else {
        item.failed = 1;
        talk.timer = later(() => drain(talk), after * 1000 || backoff(talk.failures++));
        break;
      }
    }
  }
  talk.draining = 0;
  changed();
}

async function post(talk, { client_id, body, file }) {
  let said = { client_id, body, ...around() };
  if (file) {
    said = new FormData();
    said.append("client_id", client_id);
    said.append("file", file);
  }
  take(await call("POST", `conversations/${talk.id}/messages`, said));
}

/** A conversation begins with its first message, or before a first file. */
async function open(talk, { client_id, body }) {
  // Quoted, since the build shortens a name of ours that is the same.
  const { "token": token, messages, ...summary } = await call("POST", "conversations", { site: ctx.setup.site, client_id, body, ...talk.first, ...person, ...around() });
  // Of whoever was here before.
  if (!talks.includes(talk)) return;
  // The socket may have told of it before.
  talks = talks.filter(({ id }) => id != summary.id);
  talk.id = summary.id;
  talk.loaded = 1;
  told(summary);
  for (const message of messages) take(message);
  if (person?.email) info.known = 1;
  adopt(token, true);
}

/** What the server will not take comes back, with its reason. */
function refuse(talk, { message, details }) {
  const { body = "" } = talk.outbox.shift();
  talk.draft = [body, talk.draft].join("\n").trim();
  talk.blamed = message;
  if (details?.email) person = 0;
}

/** What is before him is read, as far as all of it is known. Over the socket if it takes it. */
export function look(talk, send) {
  const { id, top: seq } = talk;
  if (!id || seq <= talk.seen) return;
  talk.seen = seq;
  if (!send({ type: "read", conversation: id, seq })) safe(call)("PUT", `conversations/${id}/reading`, { seq });
}
