import { ctx } from "../ctx.js";
import { isTouch } from "../identity.js";
import { listen } from "../safe.js";
import { ofDocument } from "../ui/dom.js";

// One view of one page: what has happened on it, and what has been shown. A route change begins the next.

const FLICK = 2; // pixels a millisecond: a finger that wants back to the address bar

let address;
let since;
let depth;
let exited;
let shown;
let last;

// An anchor on the same page is no route; a router in the hash has a slash.
const route = () => location.href.replace(/#(?!!?\/).*/, "");

export function beginPage() {
  address = route();
  since = Date.now();
  depth = exited = 0;
  last = {};
  shown = {};
  ctx.review();
}

const look = () => address != route() && beginPage();

function exit() {
  exited = 1;
  ctx.review();
}

function scrolled({ target }) {
  const node = target.clientHeight * 2 > innerHeight ? target : ofDocument("scrollingElement");
  const { scrollTop, scrollHeight, clientHeight } = node;
  const now = Date.now();
  if (last.node == node && (last.scrollTop - scrollTop) / (now - last.now) > FLICK && isTouch()) exit();
  last = { node, scrollTop, now };
  const percent = (scrollTop / (scrollHeight - clientHeight)) * 100;
  if (percent > depth) {
    depth = percent;
    ctx.review();
  }
}

export function watchPage() {
  beginPage();
  listen(window, "scroll", scrolled);
  listen(window, "mouseout", (event) => !event.relatedTarget && event.clientY <= 0 && exit());
  listen(window, "visibilitychange", () => (ofDocument("hidden") || !isTouch() ? ctx.review() : exit()));
  // Nothing of the page's is patched. A browser that does not tell of routes is asked at every sign of life.
  listen(window.navigation || window, "currententrychange popstate click keyup pointermove scroll", look);
}

/** When a campaign's triggers let it appear; Infinity while that depends on the visitor. News skips the delay. */
export function dueAt({ triggers = {} }, news) {
  const { delay = 0, scroll, exit, time } = triggers;
  const met = depth >= scroll || (exit && exited) || !(scroll || exit || time);
  return Math.max(met ? 0 : since + time * 1000 || Infinity, news ? 0 : since + delay * 1000);
}

/** How often a day is the server's to count. Without a socket nobody knows it, so nothing is shown. */
export function allows({ id, format, frequency = {} }) {
  const { page = format == "recent_activity" ? Infinity : 1, day } = frequency;
  return !(shown[id] >= page) && (!day || (ctx.tally && !(ctx.tally[id] >= day)));
}

export function counted({ id, frequency }) {
  shown[id] = (shown[id] || 0) + 1;
  if (!frequency?.day || !ctx.tally) return;
  ctx.tally[id] = (ctx.tally[id] || 0) + 1;
  ctx.say({ type: "track_event", event_type: "impression", data: { campaign: id }, id: crypto.randomUUID?.() });
}
