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

/** What the visitor said in another tab: what is on the device is what all of them go by. */
export function agree() {
  const { candor } = localStorage;
  // A token says whom it names, then when it was issued: of the same person there is a new one each day.
  const named = (token) => token?.split("_")[0];
  if (named(candor) != named(ctx.kept)) ctx.life = {};
  if (candor != ctx.kept) consent((ctx.kept = ctx.token = candor));
}

/** Somebody else from now on. What is on the device after another tab said so is already his. */
export function restart(elsewhere) {
  // What was done until now is the other visitor's.
  endView();
  flush();
  forget(elsewhere);
  beginPage();
  rejoin();
}
