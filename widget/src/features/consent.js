import { allowed, ctx } from "../ctx.js";
import { forget } from "../identity.js";
import { rejoin } from "../transport/feed.js";
import { clear, flush } from "../transport/queue.js";
import { beginPage } from "./page.js";
import { beginView, endView } from "./views.js";

/** What the visitor agrees to: a token on the device, and on a strict site that anything is sent at all. */
export function consent(given) {
  const before = allowed();
  ctx.agreed = !!given || undefined;
  if (!given) forget();
  if (allowed() == before) return;
  rejoin();
  if (before) clear();
  else beginView();
}

/** Somebody else from now on. */
export function restart() {
  // What was done until now is the other visitor's.
  endView();
  flush();
  forget();
  beginPage();
  rejoin();
}
