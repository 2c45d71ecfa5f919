import { ctx } from "../ctx.js";
import { listen, safe } from "../safe.js";
import { flush, record } from "../transport/queue.js";
import { ofDocument } from "../ui/dom.js";
import { ask } from "./chunk.js";
import { beginView, endView, live } from "./views.js";
import { endVitals } from "./vitals.js";

// One view of one page: what has happened on it, and what has been shown. A route change begins the next.

let address;
let since;
let shown;

// An anchor on the same page is no route; a router in the hash has a slash.
const route = () => location.href.replace(/#(?!!?\/).*/, "");

export function beginPage() {
  endView();
  address = route();
  since = Date.now();
  ctx.depth = ctx.exited = 0;
  shown = {};
  beginView();
  ctx.review();
}

const look = () => address != route() && beginPage();

function leave() {
  safe(endVitals)();
  endView();
  flush();
}

function turned() {
  if (ofDocument("hidden")) return leave();
  live();
  ctx.review();
}

export function watchPage() {
  beginPage();
  listen(window, "visibilitychange", turned);
  listen(window, "pagehide", leave);
  listen(window, "pageshow", (event) => event.persisted && beginPage());
  listen(window.navigation || window, "currententrychange", look);
  listen(window, "pointermove pointerdown keyup scroll mouseout click auxclick submit popstate", (event) => {
    live();
    // Nothing of the page's is patched. A browser that does not tell of routes is asked at every sign of life.
    look();
    const path = event.composedPath();
    ask((rich) => rich?.heard(event, path));
  });
}

/** When a campaign's triggers let it appear; Infinity while that depends on the visitor. News skips the delay. */
export function dueAt({ triggers = {} }, news) {
  const { delay = 0, scroll, exit, time } = triggers;
  const met = ctx.depth >= scroll || (exit && ctx.exited) || !(scroll || exit || time);
  return Math.max(met ? 0 : since + time * 1000 || Infinity, news ? 0 : since + delay * 1000);
}

/** How often a day is the server's to count. While nobody knows it, nothing is shown. */
export function allows({ id, format, frequency = {} }) {
  const { page = format == "recent_activity" ? Infinity : 1, day } = frequency;
  return !(shown[id] >= page) && (!day || (ctx.tally && !(ctx.tally[id] >= day)));
}

export function counted({ id }) {
  shown[id] = (shown[id] || 0) + 1;
}

/** An impression. */
export function noticed({ id: campaign }) {
  if (ctx.tally) ctx.tally[campaign] = (ctx.tally[campaign] || 0) + 1;
  record("impression", { campaign });
}
