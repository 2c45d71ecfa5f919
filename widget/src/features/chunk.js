import { campaignOf, ctx } from "../ctx.js";
import { safe } from "../safe.js";

// What is not in the core is loaded when it is first needed: at a visitor's first sign of life, for a call of the page's
// script, for a card that is more than plain. What happens until then is kept in its order.

const MOST = 500; // while it is long in coming

let loading;
let tries = 0;
const early = [];
export let held; // what is to be drawn, by a call that waits

/** Does that with the chunk, as soon as it is there, or with nothing where it cannot be loaded. What could not is tried
 * anew when the page's script or a press has `asked`. */
export function ask(work, asked) {
  if (ctx.rich) work(ctx.rich);
  else if (load(asked) && early.length < MOST) {
    early.push(work);
    held ||= asked;
  }
}

// All at once: whoever asks next finds it there, or has it tried anew.
const goOn = safe(() => {
  loading = held = 0;
  early.splice(0).forEach(safe((work) => work(ctx.rich)));
  ctx.review();
});

/** A browser may remember what it could not load, so each try has an address of its own. */
export const part = (file) => import(new URL(file + "?" + tries++, ctx.setup.core));

/** Nothing once it is known that it cannot be loaded, unless somebody has `asked`. */
export function load(asked) {
  return (loading ||= (asked || !tries) && part(RICH).then((chunk) => chunk.default(ctx)).then(goOn, goOn));
}

/** Whether it can be drawn with what is there now. */
export function isDrawable(item) {
  const campaign = campaignOf(item);
  const { renderer, position, more } = campaign;
  // What shares an edge has to be arranged.
  const meets = (other) => other.renderer != renderer && other.position[0] == position[0];
  return (
    PREVIEW ||
    ctx.rich ||
    (!more &&
      !item.data.rating &&
      !(CHAT && position[0] == "b") &&
      !ctx.setup.campaigns.some(meets))
  );
}
