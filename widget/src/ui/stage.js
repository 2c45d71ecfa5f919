import css from "./card.css";
import { listen } from "../safe.js";
import { element, ofDocument } from "./dom.js";

const GAP = 8;

// The one element that is added to the host page. Its live region is there before anything is put in.
const host = element("candor-widget", {});
export const region = element("div", { role: "status", "aria-live": "polite", "aria-atomic": "false" });
const root = host.attachShadow({ mode: "closed" });
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);
root.adoptedStyleSheets = [sheet];
root.append(region);
attach();
listen(window, "resize", arrange);

// Beside <body>, since some pages replace their body when they navigate.
function attach() {
  if (!host.isConnected) ofDocument("documentElement").append(host);
}

/** What shares an edge makes room for each other by a translation, which is no layout shift. */
export function arrange() {
  const placed = [];
  for (const kind of [".bar", ".button", ".tall", ".bubble"]) {
    const card = region.querySelector(kind);
    if (!card) continue;
    const { offsetLeft: start, offsetWidth, offsetHeight, style } = card;
    const end = start + offsetWidth;
    const top = card.matches(".top");
    let room = 0;
    for (const other of placed) {
      if (other.top == top && other.start < end && start < other.end) room = Math.max(room, other.room);
    }
    style.translate = `0 ${top ? room : -room}px`;
    placed.push({ top, start, end, room: room + offsetHeight + GAP });
  }
}

/** A dialog is read by being focused, so it has no place in the live region. */
export function put(frame, modal) {
  attach();
  (modal ? root : region).append(frame);
}
