import css from "./cards.css";
import { ctx, element, listen, textOn } from "./core.js";
import { drawn } from "./icons.js";
import { refocus } from "./keyboard.js";
import { talk } from "./talk.js";

// What few cards have.

const isTall = (renderer) => /card|modal/.test(renderer);

/** Adds to a plain card what its campaign has besides. */
export function decorate(campaign, [frame, card, sign, body, go, close], [title, words, data, language, texts]) {
  const { renderer, tone, size, corners, coupon, image } = campaign;
  card.classList.add(...[isTall(renderer) && "tall", tone, size, corners].filter(Boolean));
  refocus(frame, card);
  paint(card, campaign);
  mark(sign, campaign);
  if (data.rating) body.prepend(stars(data.rating, language));
  if (title) body.prepend(element("b", {}, title));
  if (coupon) body.insertBefore(voucher(campaign, texts), go || null);
  if (image) card.prepend(picture(image));
  if (campaign.format == "chat_message") body.replaceChildren(opener(campaign, words, body.firstChild));
  if (renderer == "modal") frame.setAttribute("aria-label", title || words);
  if (renderer == "button") {
    if (sign.parentNode) go.prepend(sign);
    card.replaceChildren(go, close);
  }
}

/** The colours that a campaign chose besides its accent. */
function paint({ style }, { renderer, accent, background = renderer == "button" && accent, foreground }) {
  if (background) style.background = background;
  if (foreground || background) style.color = foreground || textOn(background);
}

function mark(sign, { renderer, tone, icon = tone }) {
  const lines = drawn(icon, ctx.setup.icons);
  if (lines) sign.replaceChildren(lines);
  else if (icon == "none" || (isTall(renderer) && !tone)) sign.remove();
}

function picture({ url: src, ...rest }) {
  return element("img", { src, ...rest });
}

function stars(rating, language) {
  const label = rating.toLocaleString(language) + " / 5";
  const node = element("data", { role: "img", "aria-label": label }, "★★★★★");
  node.style.setProperty("--full", rating * 20 + "%");
  return node;
}

function voucher({ id, coupon }, { copy = "Copy", copied = "Copied" }) {
  const code = element("code", {}, coupon);
  const button = element("button", { "aria-live": "polite" }, copy);
  listen(button, "click", async () => {
    // Where the page may not write to the clipboard, the code is at least marked.
    getSelection().selectAllChildren(code);
    await navigator.clipboard.writeText(coupon);
    button.textContent = copied;
    ctx.emit("copied", { campaign: id });
  });
  return element("p", {}, code, button);
}

/** What the site says first in its chat. Who clicks it answers. */
function opener({ id: campaign }, line, text) {
  const button = element("button", { class: "line" }, text);
  listen(button, "click", () => {
    ctx.record("campaign_click", { campaign });
    ctx.emit("clicked", { campaign });
    return talk((chat) => chat.open({ campaign, line }));
  });
  return button;
}

export function dialog(frame, leave) {
  // It is read by being focused, so it has no place in the live region.
  frame.getRootNode().append(frame);
  frame.setAttribute("aria-modal", true);
  frame.tabIndex = -1;
  // Outside of the card is the dialog itself.
  listen(frame, "mousedown", (event) => event.target == frame && leave("user"));
  // Also the back gesture of a phone.
  listen(frame, "close", () => leave("user", true));
  // A preview must not take the focus from the form that it belongs to.
  if (PREVIEW) frame.open = true;
  else {
    frame.showModal();
    frame.focus();
  }
}

/** An address with what the campaign wants to know of a click. */
export function tracked(text, { params = [], custom, page, time }) {
  const url = new URL(text);
  const added = {
    ...custom,
    candor_page: page && location.origin + location.pathname,
    candor_time: time && new Date().toISOString(),
  };
  for (const name of params) added[name] = new URL(location).searchParams.get(name);
  // What the link says itself stays as it is.
  for (const [name, value] of Object.entries(added)) if (value && !url.searchParams.has(name)) url.searchParams.set(name, value);
  return url.href;
}

export { css };
