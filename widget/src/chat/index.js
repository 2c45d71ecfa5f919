import { ctx, dress, later, listen, meet, ofDocument, safe } from "../rich/core.js";
import css from "./chat.css";
import { createPanel } from "./panel.js";
import { adopt, around, call } from "./server.js";
import { changed, fill, found, hold, info, refresh, restart, take, told, trouble } from "./talks.js";

// The visitor's chat. The core has its launcher and its socket, this has all the rest: loaded when somebody opens the
// chat, or who has written before is back.

const POLL = 5e3; // also how long somebody counts as typing

let socket;
let panel;
let stored; // the token on the device
let beats = 0;
let user; // who the site says that it is

const isJoined = () => ctx.guest && socket?.readyState == 1;

/** Over the socket, if there is one; answers whether. */
const send = (frame) => isJoined() && !socket.send(JSON.stringify(frame));

function hearFrames() {
  // Something was missed, or the chat may have been changed.
  for (const name of ["resync", "config"]) {
    const known = ctx.frames[name];
    ctx.frames[name] = (frame) => {
      known(frame);
      if (ctx.guest || panel.isOpen()) later(refresh, Math.random() * 2e3);
    };
  }
  const known = ctx.frames.joined;
  Object.assign(ctx.frames, {
    joined(frame, opened) {
      known(frame, opened);
      socket = opened;
      if (ctx.guest) return refresh();
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
      }, POLL);
    },
  });
}

/** Without a socket it is asked, or where something could not be read: often while somebody looks. */
function beat() {
  const due = panel.isOpen() || (ctx.guest && beats++ % 4 == 0);
  if (due && !info.gone && (trouble || !isJoined()) && !ofDocument("hidden")) return refresh();
}

/** What a guest has not sent yet is his, unless he goes `on` under another name. */
async function become(token, kept, on = !ctx.guest) {
  // Signed out in another tab: nor is he known by what he agreed to.
  if (!token) ctx.restart(true);
  if (adopt(token, kept)) restart(token && on);
  await refresh();
  panel.settle();
}

/** Another device's link makes this one his as well. It leaves the address before anything is said. Answers what is wrong with it. */
async function resume() {
  const [, token] = location.hash.split("candor-chat=");
  if (!token) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  try {
    await become((await call("POST", `chat/${ctx.setup.site}/resumption`, { "token": token }))["token"], true);
  } catch ({ status }) {
    return status == 404 ? "stale" : "offline";
  }
}

async function identify(person) {
  const { id } = person;
  if (user && user != id) {
    adopt();
    restart();
  }
  user = id;
  const answer = call("PUT", `chat/${ctx.setup.site}/identity`, { ...person, ...around() });
  hold(answer.catch(() => {}));
  const { "token": token } = await answer;
  if (user == id) await become(token, stored(), true);
}

const open = async (first, calm) => panel.open(first, calm, await resume());

export default function begin(core, known) {
  meet(core);
  stored = known;
  dress(css);
  panel = createPanel(send);
  hearFrames();
  adopt(stored());
  // Another tab has begun, or somebody signed out there.
  listen(window, "storage", ({ key, newValue }) => (key || "candor-chat") == "candor-chat" && newValue != ctx.guest && become(newValue));
  setInterval(safe(beat), POLL);
  return {
    open,
    close: panel.close,
    switched: () => (panel.isOpen() ? panel.close() : open()),
    identify,
    forget() {
      user = 0;
      panel.close();
      restart();
    },
    speak: refresh,
  };
}
