import { clicked } from "./clicks.js";
import { commanded } from "./commands.js";
import { listen } from "./core.js";
import { begin, drawing } from "./drawing.js";
import { slowest, watchInteractions } from "./interactions.js";
import { leaving, returned, scrolled } from "./triggers.js";
import { admit, resume, talk } from "./talk.js";
import { say } from "./verbs.js";

// What a page needs only when its visitor does something, when its own script asks for it, or when a card has more than
// the plain ones: loaded at the first of these, see features/chunk.js.

const hear = { click: clicked, auxclick: clicked, submit: clicked, scroll: scrolled, mouseout: leaving, command: commanded };

/** A sign of life, or a command. Its path is known only while it is under way, so it comes along. */
function heard(event, path) {
  admit();
  hear[event.type]?.(event, path);
}

export default (core) => {
  begin(core, { ...drawing, heard, say, slowest, switched: () => talk((chat) => chat.switched()) });
  listen(window, "visibilitychange", returned);
  watchInteractions();
  resume();
}
