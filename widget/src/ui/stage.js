import css from "./card.css";
import { element, ofDocument } from "./dom.js";

/** The one element that is added to the host page. Its live region is there before anything is put in. */
export function createStage() {
  const host = element("candor-widget", {});
  const region = element("div", { role: "status", "aria-live": "polite", "aria-atomic": "false" });
  const root = host.attachShadow({ mode: "closed" });
  const fixed = new CSSStyleSheet();
  const varying = new CSSStyleSheet();
  const accents = { bubble: "", bar: "" };
  fixed.replaceSync(css);
  root.adoptedStyleSheets = [fixed, varying];
  root.append(region);
  attach();

  // Beside <body>, since some pages replace their body when they navigate.
  function attach() {
    if (!host.isConnected) ofDocument("documentElement").append(host);
  }

  // A bubble makes room for a bar on its edge by a transform, which is no layout shift.
  function paint() {
    const bar = region.querySelector(".bar");
    const room = bar ? bar.offsetHeight + 8 : 0;
    const lift = bar && bar.matches(".top") ? `top{translate:0 ${room}px}` : `bottom{translate:0 -${room}px}`;
    varying.replaceSync(`${accents.bubble}${accents.bar}.bubble.${lift}`);
  }

  return {
    region,
    add(card, campaign) {
      attach();
      accents[campaign.renderer] = accent(campaign);
      region.append(card);
      paint();
    },
    remove(card) {
      card.remove();
      paint();
    },
  };
}

/** The accent (the server lets no other than #rrggbb pass), and black or white on it, whichever reads better. */
function accent({ renderer, accent }) {
  const rgb = parseInt(accent.slice(1), 16);
  const light = (rgb >> 16) * 3 + ((rgb >> 8) & 255) * 6 + (rgb & 255) > 1500;
  return `.${renderer}{--accent:${accent};--on:${light ? "#000" : "#fff"}}`;
}
