import { campaignOf, ctx } from "../ctx.js";
import { emit } from "../events.js";
import { languageOf, textsIn } from "../language.js";
import { later, listen, safe } from "../safe.js";
import { colours } from "./colours.js";
import { element, link, ofDocument } from "./dom.js";
import { icon } from "./icons.js";
import { campaignLink } from "./link.js";
import { arrange, put, region } from "./stage.js";
import { ago } from "./time.js";

const TIME_AGO = "{{time_ago}}";
const isTall = (renderer) => /card|modal/.test(renderer);
const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ps|ur|yi)\b/;

/**
 * One card on the stage: a campaign with what the server says besides, an activity or a summary.
 * `ended(reason)` is called once, after the card has left. Returns how to draw it anew where something has changed, and how to make it leave.
 */
export function openCard(item, ended) {
  let campaign = campaignOf(item);
  const modal = campaign.renderer == "modal";
  // Nobody may be locked in.
  const closable = modal || campaign.closable;
  const frame = element(modal ? "dialog" : "div", modal ? { "aria-modal": true, tabindex: -1 } : {});
  const beat = campaign.duration ? 250 : 15e3;
  let drawn;
  let left = (!PREVIEW && campaign.duration * 1000) || Infinity;
  let data;
  let language;
  let texts;
  let gone;
  let cameFrom;

  // A new element each time: were one that is on the screen to change its size, it would count as a layout shift.
  function draw(motion) {
    campaign = campaignOf(item);
    data = item.data;
    const print = JSON.stringify({ campaign, data, texts: ctx.setup.texts, locale: ctx.chosen });
    if (print == drawn) return;
    drawn = print;
    language = languageOf(data.messages, campaign.translations);
    texts = textsIn(language);
    const { renderer, position, theme, tone, size, corners } = campaign;
    const focused = frame.matches(":focus-within");
    const look = [isTall(renderer) ? "tall" : renderer, position.replace("-", " "), theme, tone, size, corners, motion];
    const card = element("div", { class: "card " + look.join(" "), lang: language }, ...content(renderer == "button"));
    card.style.cssText = colours(campaign);
    if (RIGHT_TO_LEFT.test(language)) card.dir = "rtl";
    frame.replaceChildren(card);
    arrange();
    if (focused) (card.querySelector("button") || frame).focus();
  }

  function content(bare) {
    const { title = "", message = "", label = message || title } = { ...campaign, ...campaign.link, ...campaign.translations?.[language] };
    const words = data.messages?.[language] || data.message || message;
    const close = closable ? button("×", { "aria-label": texts.close }, () => leave("user")) : "";
    const go = campaignLink(campaign, bare ? sign() : "", label);
    if (modal) frame.ariaLabel = title || words;
    if (bare) return [go, close];
    const body = element(
      "div",
      {},
      title && element("b", {}, title),
      data.rating ? stars() : "",
      words && sentence(words),
      data.timestamp ? meta(words) : "",
      campaign.coupon ? coupon() : "",
      go,
    );
    return [picture(), sign(), body, close];
  }

  function button(text, attributes, work) {
    const node = element("button", attributes, text);
    listen(node, "click", work);
    return node;
  }

  function picture() {
    const { url: src, ...rest } = campaign.image || {};
    return src ? element("img", { src, ...rest }) : "";
  }

  function sign() {
    const { renderer, tone } = campaign;
    const drawn = icon(campaign.icon || tone) || (!isTall(renderer) && campaign.icon != "none" && icon("check"));
    return drawn ? element("i", {}, drawn) : "";
  }

  function sentence(words) {
    const text = element("span", {});
    words.split(TIME_AGO).forEach((piece, i) => text.append(i ? time() : "", piece));
    return text;
  }

  // The time changes while the card is up; that is not news to be read out.
  function time() {
    return element("time", { "aria-live": "off" }, ago(data.timestamp, language));
  }

  function meta(words) {
    const { location, receipt } = data;
    return element(
      "small",
      {},
      words.includes(TIME_AGO) ? "" : time(),
      !location || words.includes(location) ? "" : element("bdi", {}, location),
      receipt ? link(`${ctx.setup.host}/proof/${receipt}`, texts.why) : "",
    );
  }

  function stars() {
    const rating = data.rating.toLocaleString(language) + " / 5";
    const node = element("data", { role: "img", "aria-label": rating }, "★★★★★");
    node.style.setProperty("--full", data.rating * 20 + "%");
    return node;
  }

  function coupon() {
    const code = element("code", {}, campaign.coupon);
    const copy = button(texts.copy, { "aria-live": "polite" }, async () => {
      // Where the page may not write to the clipboard, the code is at least marked.
      getSelection().selectAllChildren(code);
      await navigator.clipboard.writeText(campaign.coupon);
      copy.textContent = texts.copied;
      emit("copied", { campaign: campaign.id });
    });
    return element("p", {}, code, copy);
  }

  /** Nobody's reading is cut short, and no time passes in a hidden tab. */
  function tick() {
    for (const node of frame.querySelectorAll("time")) node.textContent = ago(data.timestamp, language);
    if (!region.hidden && !ofDocument("hidden") && !frame.matches(":hover,:focus-within")) left -= beat;
    if (left <= 0) leave("timeout");
  }

  function leave(reason, atOnce) {
    if (gone) return;
    gone = true;
    clearInterval(ticking);
    frame.className = "out";
    const remove = () => {
      if (frame.matches(":focus-within")) cameFrom?.focus();
      frame.remove();
      arrange();
      ended(reason);
    };
    if (atOnce) remove();
    else later(remove, 200);
  }

  listen(frame, "focusin", (event) => {
    cameFrom ||= event.relatedTarget;
  });
  listen(frame, "keydown", (event) => event.key == "Escape" && closable && leave("user"));
  put(frame, modal);
  draw(PREVIEW ? "none" : campaign.animation);
  const ticking = setInterval(safe(tick), beat);
  if (modal) {
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
  return { item, draw: () => draw("none"), leave };
}
