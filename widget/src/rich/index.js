import { listen } from "../safe.js";
import { arrange } from "./arrange.js";
import { css, decorate, dialog, tracked } from "./cards.js";
import { clicked } from "./clicks.js";
import { meet } from "./core.js";
import { slowest, watchInteractions } from "./interactions.js";
import { detach, watchKeyboard } from "./keyboard.js";
import { leaving, returned, scrolled } from "./triggers.js";
import { say } from "./verbs.js";

// What a page needs only when its visitor does something, when its own script asks for it, or when a card has more than
// the plain ones: loaded at the first of these, see features/chunk.js.

const hear = { click: clicked, auxclick: clicked, submit: clicked, scroll: scrolled, mouseout: leaving };

/** A sign of life. Its path is known only while it is under way, so it comes along. */
const heard = (event, path) => hear[event.type]?.(event, path);

function begin(core) {
  meet(core);
  watchKeyboard();
  listen(window, "resize", arrange);
  listen(window, "visibilitychange", returned);
  if (!PREVIEW) watchInteractions();
}

export default { arrange, begin, css, decorate, detach, dialog, heard, say, slowest, tracked };
