import { allowed, ctx } from "../ctx.js";
import { emit } from "../events.js";
import { arrived, counts, renewed, summed, withdrawn } from "../features/campaigns.js";
import { ask } from "../features/chunk.js";
import { device } from "../device.js";
import { remember } from "../identity.js";
import { later, listen, safe } from "../safe.js";
import { ofDocument } from "../ui/dom.js";
import { backoff, jitter } from "./backoff.js";
import { address, call } from "./call.js";

const POLL = 20e3;
const COUNT_AGAIN = 300e3;
const REFUSED = 1008;

// Everything the server says, by socket and by reading.
//
// The cursor moves by reading only. A frame may be lost or overtaken on its way, so a frame's number
// proves nothing about the ones before it; reading an item again costs nothing, since items are known by id.
let cursor; // what has been read up to; undefined: the whole list is to be read
let wanted = 0; // what is to be read up to before the socket alone is enough
let revision = 0;
let joined;
let busy;
let stopped;
let failures = 0;
let readAt = 0;
let timer;
let socket;
let attempt = 0;
let reopening;

export const frames = {
  joined(frame, { life }) {
    joined = true;
    // Only an answered greeting counts as success: a server may accept every socket and drop it at once.
    attempt = 0;
    // Events may have told already who it is, and with consent this would be somebody else. What was greeted before the
    // visitor withdrew it is nobody any more.
    if (life == ctx.life) remember({ ...frame, visitor: ctx.token || frame.visitor });
    wanted = frame.cursor || 0;
    // What was published while there was no socket; a greeting may name no revision.
    if (frame.revision > revision) revision = frame.revision;
    plan();
  },
  notification: (frame) => arrived(frame.data, true),
  retract: (frame) => withdrawn(frame.activity),
  summary: (frame) => summed([frame.data]),
  visitor_count: (frame) => emit("visitors", frame.data),
  command: (frame) => ask((rich) => rich?.heard(frame)),
  config(frame) {
    if (frame.revision > revision) revision = frame.revision;
    soon(jitter(2000));
  },
  resync() {
    wanted = Infinity;
    soon(jitter(2000));
  },
};

/** A socket that reopens itself. */
function open() {
  clearTimeout(reopening);
  if (socket) return;
  try {
    const opened = (socket = new WebSocket(address("ws").replace("http", "ws")));
    opened.life = ctx.life;
    opened.onopen = safe(() =>
      opened.send(
        JSON.stringify({
          type: "join_widget",
          site: ctx.setup.site,
          visitor: ctx.token,
          chat: ctx.guest,
          // Without the query, which may carry what the page would not share.
          visitor_data: { page: location.origin + location.pathname, device: device(), locale: navigator.language },
        }),
      ),
    );
    opened.onmessage = safe((event) => {
      const frame = JSON.parse(event.data);
      frames[frame.type]?.(frame, opened);
    });
    opened.onclose = safe((event) => opened == socket && lost(event.code));
  } catch {
    lost();
  }
}

function lost(code) {
  socket = null;
  if (code == REFUSED) stopped = true;
  else reopening = later(open, backoff(attempt++));
  // Only the first loss: every further failed attempt would put the next poll off.
  if (joined) {
    joined = false;
    plan();
  }
}

function letGo() {
  clearTimeout(reopening);
  joined = false;
  socket?.close();
  socket = null;
}

const isSilent = () => stopped || !allowed();

function soon(milliseconds) {
  clearTimeout(timer);
  timer = later(catchUp, milliseconds);
}

function plan() {
  if (busy) return;
  clearTimeout(timer);
  if (failures || !(cursor >= wanted) || revision > ctx.setup.revision) soon(backoff(failures));
  else if (ofDocument("hidden")) return;
  else if (!joined) soon(POLL - jitter(4e3));
  // A count over the last hour falls without anything happening.
  else if (counts()) soon(COUNT_AGAIN + readAt - Date.now());
}

async function catchUp() {
  if (busy || isSilent()) return;
  busy = true;
  try {
    if (revision > ctx.setup.revision) renew(await get("config", ""));
    if (wanted == Infinity) wanted = 0;
    read(await get("notifications", cursor >= 0 ? "?after=" + cursor : ""));
    failures = 0;
  } catch {
    failures++;
  }
  busy = false;
  plan();
}

function renew(config) {
  if (!(config.revision >= revision)) throw 0;
  // A campaign that is new here has a past that the cursor has already gone by.
  cursor = undefined;
  renewed(config);
  if (CHAT) {
    // A chat that was switched off is not in it.
    ctx.launcher.hidden = !config.chat;
    ctx.rich?.arrange();
  }
  if (isSilent()) letGo();
}

function read(answer) {
  answer.retracted.forEach(withdrawn);
  summed(answer.summaries, true);
  // Newest first. Of what happened since the last reading the newest is news, the others take their turn.
  answer.notifications.forEach((data, i) => arrived(data, cursor >= 0 && !i));
  cursor = answer.cursor;
  readAt = Date.now();
  if (answer.revision > revision) revision = answer.revision;
}

async function get(what, query) {
  const answer = await call(what + "/" + ctx.setup.site + query);
  if (answer.status == 403 || answer.status == 404) shut();
  if (!answer.ok || isSilent()) throw 0;
  return answer.json();
}

function start() {
  if (isSilent()) return;
  open();
  if (joined) plan();
  else catchUp();
}

export function rejoin() {
  letGo();
  start();
}

/** The site was switched off: nothing of it may stay on a page. */
export function shut() {
  ctx.gone = true;
  letGo();
  renewed({ campaigns: [] });
}

export function startFeed() {
  // An open socket keeps a page out of the back/forward cache. A page that is left turns hidden after it has let go.
  listen(window, "pagehide", letGo);
  listen(window, "pageshow visibilitychange", (event) => event.persisted != false && !ofDocument("hidden") && start());
  // A socket of the network before says nothing, not even that it is gone.
  listen(window, "online", rejoin);
  safe(start)();
}
