import { ctx, meet } from "../rich/core.js";
import css from "./chat.css";
import { createPanel } from "./panel.js";
import { adopt, around, call, stored } from "./server.js";
import { changed, fill, found, refresh, restart, take, told, trouble } from "./talks.js";
import { equip, later, listen, ofDocument, safe } from "./tools.js";

// The visitor's chat. The core has its launcher and its socket, this has all the rest: loaded when somebody opens the
// chat, or who has written before is back.

const POLL = 5e3;
const TYPES = 4e3;

let socket;
let panel;
let beats = 0;

const isJoined = () => ctx.guest && socket?.readyState == 1;

/** Over the socket, if there is one. */
function send(frame) {
  if (isJoined()) socket.send(JSON.stringify(frame));
  return isJoined();
}

function hearFrames() {
  const { joined, resync } = ctx.frames;
  Object.assign(ctx.frames, {
    joined(frame, opened) {
      joined(frame);
      socket = opened;
      if (ctx.guest) return refresh();
    },
    resync() {
      resync();
      if (ctx.guest) later(refresh, Math.random() * 2e3);
    },
    message: ({ data }) => take(data, true),
    status({ data }) {
      if (!found(data.conversation)) return refresh();
      const talk = told(data);
      if (talk.loaded && talk.seq > talk.top) return fill(talk);
    },
    typing({ data }) {
      const talk = found(data.conversation);
      talk.typist = data;
      changed();
      later(() => {
        if (talk.typist == data) talk.typist = 0;
        changed();
      }, TYPES);
    },
  });
}

/** Without a socket it is asked, or where something could not be read: often while somebody looks. */
function beat() {
  const due = panel.isOpen() || (ctx.guest && beats++ % 4 == 0);
  if (due && (trouble || !isJoined()) && !ofDocument("hidden")) return refresh();
}

async function become(token, kept) {
  if (adopt(token, kept)) restart();
  await refresh();
  panel.settle();
}

/** Another device's link makes this one his as well. It leaves the address before anything is said. */
async function resume() {
  const [, token] = location.hash.split("candor-chat=");
  if (!token) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  return become((await call("POST", `chat/${ctx.setup.site}/resumption`, { "token": token }))["token"], true);
}

async function identify(person) {
  become((await call("PUT", `chat/${ctx.setup.site}/identity`, { ...person, ...around() }))["token"], stored());
}

function dress() {
  const root = ctx.region.getRootNode();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

const open = () => resume().finally(panel.open);

export default function begin(core, tools, token) {
  meet(core);
  equip(tools);
  dress();
  panel = createPanel(send);
  hearFrames();
  if (token) adopt(token);
  listen(window, "storage", ({ key, newValue }) => key == "candor-chat" && newValue && newValue != ctx.guest && become(newValue));
  setInterval(safe(beat), POLL);
  return {
    open,
    close: panel.close,
    switched: () => (panel.isOpen() ? panel.close() : open()),
    identify,
    forget() {
      panel.close();
      restart();
    },
    speak: refresh,
  };
}
