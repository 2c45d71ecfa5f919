import { ctx } from "../ctx.js";
import { arrived, counts, renewed, summed, withdrawn } from "../features/campaigns.js";
import { later, listen, safe } from "../safe.js";
import { ofDocument } from "../ui/dom.js";
import { backoff, jitter } from "./backoff.js";
import { createSocket } from "./socket.js";

const POLL = 20e3;
const COUNT_AGAIN = 300e3;
const REFUSED = [403, 404, 1008];

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

const frames = {
  joined(frame) {
    joined = true;
    socket.settled();
    // Kept in memory only, since nothing is stored on the device.
    ctx.token = frame.visitor;
    // Absent while the server cannot count.
    ctx.tally = frame.context?.seen;
    wanted = frame.cursor || 0;
    plan();
    ctx.review();
  },
  notification: (frame) => arrived(frame.data, true),
  retract: (frame) => withdrawn(frame.activity),
  summary: (frame) => summed([frame.data]),
  config(frame) {
    revision = Math.max(revision, frame.revision);
    soon(jitter(2000));
  },
  resync() {
    wanted = Infinity;
    soon(jitter(2000));
  },
};

// Pure, so that the build for previews leaves all of this out.
const socket = /* @__PURE__ */ createSocket(
  (frame) => frames[frame.type]?.(frame),
  (code) => {
    if (REFUSED.includes(code)) stop();
    // Only the first loss: every further failed attempt would put the next poll off.
    if (!joined) return;
    joined = false;
    plan();
  },
);

function soon(milliseconds) {
  clearTimeout(timer);
  timer = later(catchUp, milliseconds);
}

function plan() {
  if (busy || stopped) return;
  clearTimeout(timer);
  if (failures || !(cursor >= wanted) || revision > ctx.setup.revision) soon(backoff(failures));
  else if (ofDocument("hidden")) return;
  else if (!joined) soon(POLL - jitter(4e3));
  // A count over the last hour falls without anything happening.
  else if (counts()) soon(COUNT_AGAIN + readAt - Date.now());
}

async function catchUp() {
  if (busy || stopped) return;
  busy = true;
  try {
    if (revision > ctx.setup.revision) await renew();
    await read();
    failures = 0;
  } catch {
    failures++;
  }
  busy = false;
  plan();
}

async function renew() {
  const config = await get("config");
  if (!(config.revision >= revision)) throw 0;
  // A campaign that is new here has a past that the cursor has already gone by.
  cursor = undefined;
  renewed(config);
  if (config.mode == "strict") stop();
}

async function read() {
  const after = cursor;
  if (wanted == Infinity) wanted = 0;
  const answer = await get("notifications", after >= 0 ? "?after=" + after : "");
  answer.retracted.forEach(withdrawn);
  summed(answer.summaries, true);
  // Newest first. Of what happened since the last reading the newest is news, the others take their turn.
  answer.notifications.forEach((data, i) => arrived(data, after >= 0 && !i));
  cursor = answer.cursor;
  readAt = Date.now();
  revision = Math.max(revision, answer.revision);
}

async function get(what, query = "") {
  const answer = await fetch(ctx.setup.host + "/widget/v1/" + what + "/" + ctx.setup.site + query, {
    signal: AbortSignal.timeout(POLL),
  });
  if (REFUSED.includes(answer.status)) {
    stop();
    // The site was switched off: nothing of it may stay on a page.
    renewed({ campaigns: [] });
  }
  if (!answer.ok || stopped) throw 0;
  return answer.json();
}

function stop() {
  stopped = true;
  socket.close();
}

function start() {
  if (stopped) return;
  socket.open();
  if (joined) plan();
  else catchUp();
}

function letGo() {
  joined = false;
  socket.close();
}

export function startFeed() {
  ctx.say = socket.send;
  ctx.rejoin = () => {
    letGo();
    start();
  };

  // An open socket keeps a page out of the back/forward cache. A page that is left turns hidden after it has let go.
  listen(window, "pagehide", letGo);
  listen(window, "pageshow online visibilitychange", (event) => event.persisted != false && !ofDocument("hidden") && start());
  safe(start)();
}
