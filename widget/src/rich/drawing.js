import { arrange } from "./arrange.js";
import { css, decorate, dialog, tracked } from "./cards.js";
import { listen, meet } from "./core.js";
import { detach, watchKeyboard } from "./keyboard.js";

// What a card has more than the plain ones.

export const drawing = { arrange, css, decorate, detach, dialog, tracked };

export function begin(core) {
  meet(core);
  watchKeyboard();
  listen(window, "resize", arrange);
}
