import { arrange } from "./arrange.js";
import { ctx, listen } from "./core.js";

// Who comes into a card by the keyboard gets out by it, to where he was.

const CLOSE = ".card > button";
const origins = new WeakMap(); // of the focus, by frame

// The chat has its own ways.
const frameOf = ({ target }) => target.closest("dialog,[aria-live] > *");

export function watchKeyboard() {
  const root = ctx.region.getRootNode();
  listen(root, "focusin", (event) => {
    const frame = frameOf(event);
    if (frame && !origins.has(frame)) origins.set(frame, event.relatedTarget);
  });
  listen(root, "keydown", (event) => event.key == "Escape" && frameOf(event)?.querySelector(CLOSE)?.click());
}

/** A card that is drawn anew keeps the focus. */
export function refocus(frame, card) {
  if (frame.matches(":focus-within")) queueMicrotask(() => (card.querySelector("button") || frame).focus());
}

/** Takes a card off the screen. */
export function detach(frame) {
  const focused = frame.matches(":focus-within");
  frame.remove();
  if (focused) origins.get(frame)?.focus();
  arrange();
}
