import { ctx } from "../ctx.js";
import { place } from "../identity.js";
import { record } from "../transport/queue.js";
import { ofDocument } from "../ui/dom.js";

// What the server learns of one view of a page: that it began, how long it was seen and used, how far it was read.

const IDLE = 30e3; // after that long without a sign of life somebody has gone for a coffee

let url;
let sign; // when time was last counted; Infinity while none passes
let visible;
let active;
let told; // of the depth

/** At each sign of life. */
export function live() {
  const span = Date.now() - sign;
  if (span > 0) {
    visible += span;
    active += Math.min(span, IDLE);
  }
  sign = ofDocument("hidden") ? Infinity : Date.now();
}

export function beginView() {
  const referrer = url || ofDocument("referrer").replace(/\?.*/, "") || undefined;
  url = place();
  visible = active = told = 0;
  live();
  record("page_view", { url, referrer, title: ofDocument("title") });
}

/** Tells what was added since it was last told, so that the sums are those of the view. */
export function endView() {
  live();
  sign = Infinity;
  const scroll = ctx.depth - told;
  if (visible || scroll) record("engagement", { url, props: { active, visible, scroll } });
  visible = active = 0;
  told += scroll;
}
