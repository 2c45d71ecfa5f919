import { arrange } from "./arrange.js";
import { css, decorate, dialog, tracked } from "./cards.js";
import { dress, listen, meet } from "./core.js";
import { detach, watchKeyboard } from "./keyboard.js";

// What a card has more than the plain ones.

export const drawing = { arrange, decorate, detach, dialog, tracked };

/** From now on the core has `rich`. */
export function begin(core, rich) {
  meet(core);
  dress(css);
  watchKeyboard();
  listen(window, "resize", arrange);
  core.rich = rich;
}
