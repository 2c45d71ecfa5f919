import { campaignOf, ctx } from "../ctx.js";
import { later, safe } from "../safe.js";
import { dress } from "../ui/stage.js";

// What is not in the core is loaded when it is first needed: at a visitor's first sign of life, for a call of the page's
// script, for a card that is more than plain. What happens until then is kept in its order.

const BESIDES = "icon title coupon image tracking size corners animation background foreground".split(" ");

const MOST = 500; // while it is long in coming

let loading;
const early = [];
export let held; // what is to be drawn, by a call that waits

/** Does that with the chunk, as soon as it is there. */
export function ask(work, hold) {
  if (ctx.rich) work(ctx.rich);
  else if (load() && early.length < MOST) {
    early.push(work);
    held ||= hold;
  }
}

export function enrich(rich) {
  rich.begin(ctx);
  dress(rich.css);
  ctx.rich = rich;
}

function goOn() {
  held = false;
  for (const work of early.splice(0)) if (ctx.rich) safe(work)(ctx.rich);
  ctx.review();
}

/** False once it is known that it cannot be loaded. */
export function load() {
  loading ||= import(new URL(RICH, ctx.setup.core))
    .then((chunk) => enrich(chunk.default))
    .catch(() => (ctx.rich = 0))
    .then(() => later(goOn));
  return ctx.rich != 0;
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
