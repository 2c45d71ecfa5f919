import { campaignOf, ctx } from "../ctx.js";
import { later, safe } from "../safe.js";

// What is not in the core is loaded when it is first needed: at a visitor's first sign of life, for a call of the page's
// script, for a card that is more than plain. What happens until then is kept in its order.

const BESIDES = "icon title coupon image tracking size corners animation background foreground".split(" ");

const MOST = 500; // while it is long in coming

let loading; // 0 once it has failed
let tries = 0;
const early = [];
export let held; // what is to be drawn, by a call that waits

/** Does that with the chunk, as soon as it is there. What the page's script or a press `calls` for is tried anew. */
export function ask(work, calls) {
  if (ctx.rich) work(ctx.rich);
  else if (load(calls) && early.length < MOST) {
    early.push(work);
    held ||= calls;
  }
}

function goOn() {
  held = false;
  early.splice(0).forEach(safe((work) => work(ctx.rich)));
  ctx.review();
}

/** A browser may remember what it could not load, so each try has an address of its own. */
export const part = (file) => import(new URL(file + "?" + tries++, ctx.setup.core));

/** Nothing once it is known that it cannot be loaded, unless `again`. */
export function load(again) {
  if (again) loading ||= null;
  return (loading ??= part(RICH)
    .then((chunk) => chunk.default(ctx))
    .catch(() => {
      loading = 0;
      if (CHAT && held) ctx.launcher.firstChild.textContent = "!";
    })
    .then(() => later(goOn)));
}

/** Whether it can be drawn with what is there now. */
export function isDrawable(item) {
  const campaign = campaignOf(item);
  const { renderer, position, tone = "info" } = campaign;
  // What shares an edge has to be arranged.
  const meets = (other) => other.renderer != renderer && other.position[0] == position[0];
  return (
    PREVIEW ||
    ctx.rich ||
    (!item.data.rating &&
      tone == "info" &&
      /^b(ar|ubble)/.test(renderer) &&
      !BESIDES.some((name) => campaign[name]) &&
      !(CHAT && position[0] == "b") &&
      !ctx.setup.campaigns.some(meets))
  );
}
