import { allowed, ctx } from "../ctx.js";
import { place, remember } from "../identity.js";
import { later, listen } from "../safe.js";
import { backoff } from "./backoff.js";
import { address, call } from "./call.js";

const PERIOD = 5e3;
const WAITING = 500; // events
const BATCH = 50;
const ROOM = 20e3; // characters, which are 60 KB at most

// What visitors do, on its way to the server. It waits in memory only, and an event that is sent again
// keeps its id, so it counts once.
let waiting = []; // as JSON
let pause = 0; // the first one waits for nothing
let failures = 0;
let timer;
let busy;

/** A UUIDv7: it begins with the time, which does most of the work, so the rest need not be a secret. */
export function uuid() {
  const time = "0" + Date.now().toString(16);
  let at = 0;
  return "xxxxxxxx-xxxx-7xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, () => time[at++] || ((Math.random() * 16) | 0).toString(16));
}

/** Keeps what a visitor did until it is sent; `more` is the rest of the event. */
export function record(name, more) {
  if (PREVIEW || !allowed()) return;
  const event = JSON.stringify({ id: uuid(), name, url: place(), at: Date.now(), ...more });
  if (event.length < ROOM) waiting = [...waiting, event].slice(-WAITING);
  plan(pause);
}

function plan(milliseconds) {
  timer ||= later(send, milliseconds);
}

function batch() {
  const events = [];
  let room = ROOM;
  while (allowed() && waiting[0] && events.length < BATCH && (room -= waiting[0].length) > 0) events.push(waiting.shift());
  return events;
}

// A page may have taught arrays another JSON, so theirs is written by hand.
const body = (events) =>
  JSON.stringify({
    site: ctx.setup.site,
    sent_at: Date.now(),
    visitor: ctx.token,
    consent: ctx.agreed,
    webdriver: navigator.webdriver,
  }).slice(0, -1) + `,"events":[${events}]}`;

async function send() {
  timer = 0;
  const events = busy ? [] : batch();
  if (!events[0]) return;
  const { life } = ctx;
  let wait = (pause = PERIOD);
  busy = true;
  try {
    const answer = await call("events", { method: "POST", body: body(events), keepalive: true });
    const { status } = answer;
    if (status == 404) ctx.shut();
    if (status == 429 || status >= 500) throw answer.headers.get("retry-after");
    const said = answer.ok && (await answer.json());
    if (said && life == ctx.life) remember(said);
    failures = 0;
  } catch (after) {
    wait = after * 1000 || backoff(failures++);
    if (life == ctx.life) waiting.unshift(...events);
  }
  busy = false;
  if (waiting[0]) plan(wait);
}

/** Sends what waits while the page goes. After a failure nobody can tell whether it arrives, so it is kept as well. */
export function flush() {
  const events = batch();
  if (events[0] && navigator.onLine && navigator.sendBeacon(address("events"), body(events)) && !failures) flush();
  else waiting.unshift(...events);
}

export function clear() {
  waiting = [];
}

export const startQueue = () => listen(window, "online", send);
