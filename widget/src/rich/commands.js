import { ctx, later } from "./core.js";
import { talk } from "./talk.js";
import { say } from "./verbs.js";

// What an outside chat system tells the pages of one visitor to do. It is not the visitor who does it, so the focus stays
// where it is.

const TRIES = 60; // a second apart, until a page has heard of what was published just now

const commands = {
  open_chat: ({ message }) => talk((chat) => chat.open(message && { line: message }, true)),

  show_notification(data, id, tries = TRIES) {
    const found = say("open", data.campaign, data.priority != "high");
    if (!found && tries) later(() => commands.show_notification(data, id, tries - 1), 1e3);
  },

  update_settings({ position, locale, open }) {
    // The panel, where there is one, is before its launcher. What goes and comes back elsewhere is no layout shift.
    for (let node = position && ctx.launcher; node && node != ctx.region; node = node.previousSibling) {
      node.style.display = "none";
      node.getBoundingClientRect();
      node.className = node.className.replace(/left|right/, position.slice(7));
      node.style.display = "";
    }
    ctx.rich.arrange();
    if (locale) say("setLocale", locale);
    if (open != null) return talk((chat) => (open ? chat.open(0, true) : chat.close()));
  },

  // All pages of the visitor hear of it: by the command's own id it is one event.
  track_event: ({ event, props }, id) => ctx.record(event, { id, props }),
};

/** What is not known is ignored. */
export const commanded = ({ command, data, id }) => commands[command]?.(data, id);
