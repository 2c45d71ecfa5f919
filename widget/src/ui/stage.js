import css from "./card.css";
import { element, ofDocument } from "./dom.js";

// The one element that is added to the host page. Its live region is there before anything is put in.
const host = element("candor-widget", {});
export const region = element("div", { "aria-live": "polite" });
const root = host.attachShadow({ mode: "closed" });
dress(css);
root.append(region);
attach();

export function dress(text) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  root.adoptedStyleSheets.push(sheet);
}

// Beside <body>, since some pages replace their body when they navigate.
function attach() {
  if (!host.isConnected) ofDocument("documentElement").append(host);
}

export function put(frame) {
  attach();
  region.append(frame);
}
