import { later, listen, safe } from "../safe.js";
import { ofDocument } from "../ui/dom.js";
import { ctx, meet } from "../rich/core.js";
import css from "./chat.css";
import { createOutside } from "./outside.js";
import { createPanel } from "./panel.js";
import { adopt, around, call, isKey, store, stored } from "./server.js";
import { changed, chat, fill, found, refresh, take, told } from "./talks.js";

// The visitor's chat. The core has its launcher and its socket, this has all the rest: loaded when somebody opens the
// chat, or who has written before is back.

const POLL = 5e3;
const TYPES = 4e3;
const RESUMED = /[#&]candor-chat=([\w.-]+)/;

let socket;
let panel;
let utm;

const isJoined = () => socket?.readyState == 1;

/** Over the socket, if there is one. */
function send(frame) {
  if (isJoined() && ctx.key) socket.send(JSON.stringify(frame));
  return isJoined() && !!ctx.key;
}

function hearFrames() {
  const { joined, resync } = ctx.frames;
  Object.assign(ctx.frames, {
    joined(frame, opened) {
      joined(frame);
      socket = opened;
      if (ctx.key) safe(refresh)();
    },
    resync() {
      resync();
      if (ctx.key) later(refresh, Math.random() * 2e3);
    },
    message: ({ data }) => take({ ...data, delivered: true }),
    status({ data }) {
      const talk = found(data.conversation);
      if (!talk) return refresh();
      told(data);
      if (talk.loaded && talk.seq > talk.top) return fill(talk);
    },
    typing({ data }) {
      const talk = found(data.conversation);
      if (!talk || data.author != "agent") return;
      talk.typing = data;
      changed();
      later(() => {
        if (talk.typing == data) talk.typing = 0;
        changed();
      }, TYPES);
    },
  });
}

let beats = 0;

/** Without a socket it is asked: often while somebody looks. */
function beat() {
  beats++;
  if (ofDocument("hidden") || isJoined() || !(panel.isOpen() || (ctx.key && beats % 4 == 0))) return;
  if (ctx.key || !chat.info) return refresh();
}

/** Another device's link makes this one his as well. It leaves the address before anything is said. */
async function resume() {
  const token = RESUMED.exec(location.hash)?.[1];
  if (!token) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  try {
    const answer = await call("POST", `chat/${ctx.setup.site}/resumption`, { token });
    become(answer.token, true);
  } catch (error) {
    chat.notice = error.reason;
  }
}

function become(token, keep) {
  if (adopt(token, keep)) chat.talks = [];
  return refresh();
}

async function identify({ id, hash, name, email }) {
  const { token } = await call("PUT", `chat/${ctx.setup.site}/identity`, { id: String(id), hash, name, email, ...around() });
  return become(token, !!stored());
}

/** As for somebody who was never here. */
function forget() {
  panel.close();
  store();
  ctx.key = undefined;
  chat.talks = [];
  chat.info = chat.person = chat.spoken = null;
  panel.choose();
}

function dress() {
  const root = ctx.region.getRootNode();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

export default function begin(core) {
  meet(core);
  dress();
  chat.language = () => ctx.chosen || ofDocument("documentElement").lang || navigator.language;
  chat.fill = fill;
  chat.gone = () => {
    panel.close();
    ctx.launcher.remove();
  };
  const { outside } = ctx.setup.chat;
  if (outside) {
    panel = createOutside(() => utm);
    if (outside.params?.utm) safe(async () => (utm = (await call("GET", `chat/${ctx.setup.site}`)).utm))();
  } else {
    panel = createPanel(send);
    hearFrames();
    listen(window, "storage", ({ key, newValue }) => isKey(key) && newValue && newValue != ctx.key && become(newValue));
    setInterval(safe(beat), POLL);
    if (stored()) adopt(stored());
  }
  const toggle = async () => {
    await resume();
    if (panel.isOpen()) panel.close();
    else await panel.open();
  };
  const open = async () => {
    await resume();
    return panel.isOpen() || panel.open();
  };
  return { toggle, open, close: panel.close, identify, forget, speak: () => (chat.info ? refresh() : changed()) };
}
