import { campaignOf, ctx } from "../ctx.js";
import { isTouch } from "../device.js";
import { languageOf, textsIn } from "../language.js";
import { later, listen, safe } from "../safe.js";
import { record } from "../transport/queue.js";
import { textOn } from "./colours.js";
import { element, link, ofDocument } from "./dom.js";
import { campaignLink } from "./link.js";
import { put, region } from "./stage.js";
import { ago } from "./time.js";

const TIME_AGO = "{{time_ago}}";
const BEAT = 250;
const SEEN = 5; // beats, between which a second passes
const RIGHT_TO_LEFT = /^(ar|he)/; // of the languages that a site may speak

/**
 * One card on the stage: a campaign with what the server says besides, an activity or a summary.
 * `seen()` is called once, when at least half of it was in sight for a second, and `ended(reason)` once, after it has left.
 * Returns how to draw it anew where something has changed, and how to make it leave.
 */
export function openCard(item, seen, ended) {
  let campaign = campaignOf(item);
  const modal = campaign.renderer == "modal";
  // Nobody may be locked in.
  const closable = modal || campaign.closable;
  const frame = element(modal ? "dialog" : "div", {});
  const sight = new IntersectionObserver(safe((entries) => (share = entries.pop().intersectionRatio)), { threshold: 0.5 });
  let share = 0; // of the card that is in sight
  let beats = 0; // that it was
  let drawn;
  let left = (!PREVIEW && campaign.duration * 1000) || Infinity;
  let data;
  let language;
  let texts;
  let gone;
  let hovered; // told once

  // A new element each time: were one that is on the screen to change its size, it would count as a layout shift.
  function draw(motion) {
    campaign = campaignOf(item);
    data = item.data;
    const print = JSON.stringify([campaign, data, ctx.setup.texts, ctx.chosen]);
    if (print == drawn) return;
    drawn = print;
    language = languageOf(data.messages, campaign.translations);
    texts = textsIn(language);
    const card = build(motion);
    if (RIGHT_TO_LEFT.test(language)) card.dir = "rtl";
    frame.replaceChildren(card);
    ctx.rich?.arrange();
    sight.disconnect();
    sight.observe(card);
  }

  function build(motion) {
    const { renderer, position, theme, accent, tone, link, translations } = campaign;
    const { title, message, label = message || title } = { ...campaign, ...link, ...translations?.[language] };
    const words = data.messages?.[language] || data.message || message;
    const sign = element("i", { "aria-hidden": true }, tone ? "i" : "✓");
    const go = campaignLink(campaign, label);
    const body = element("div", {}, words ? sentence(words) : "", data.timestamp ? meta(words) : "", go);
    const close = closable ? element("button", { "aria-label": texts.close }, "×") : "";
    if (close) listen(close, "click", () => leave("user"));
    const look = ["card", renderer, position.replace("-", " "), theme, motion].join(" ");
    const card = element("div", { class: look, lang: language }, sign, body, close);
    card.style.cssText = `--accent:${accent};--on:${textOn(accent)}`;
    ctx.rich?.decorate(campaign, [frame, card, sign, body, go, close], [title, words, data, language, texts]);
    return card;
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

  // The time last: when it changes, nothing beside it moves.
  function meta(words) {
    const { location, receipt } = data;
    return element(
      "small",
      {},
      !location || words.includes(location) ? "" : element("bdi", {}, location),
      receipt ? link(`${ctx.setup.host}/proof/${receipt}`, texts.why) : "",
      words.includes(TIME_AGO) ? "" : time(),
    );
  }

  /** Nobody's reading is cut short, and no time passes in a hidden tab. */
  function tick() {
    for (const node of frame.querySelectorAll("time")) {
      const text = ago(data.timestamp, language);
      // Left alone unless it changes, or nobody could select it.
      if (node.textContent != text) node.textContent = text;
    }
    const visible = !region.hidden && !ofDocument("hidden");
    if (beats < SEEN) {
      beats = visible && share >= 0.5 ? beats + 1 : 0;
      if (beats == SEEN) seen();
    }
    // Where one taps, the last tap hovers.
    if (!PREVIEW && !isTouch() && frame.querySelector(":hover")) hovered ||= !record("campaign_hover", { campaign: campaign.id });
    if (visible && !frame.matches(":hover,:focus-within")) left -= BEAT;
    if (left <= 0) leave("timeout");
  }

  function leave(reason, atOnce) {
    if (gone) return;
    gone = true;
    clearInterval(ticking);
    sight.disconnect();
    frame.className = "out";
    const remove = () => {
      if (ctx.rich) ctx.rich.detach(frame);
      else frame.remove();
      ended(reason);
    };
    if (atOnce) remove();
    else later(remove, 200);
  }

  put(frame);
  draw(PREVIEW ? "none" : campaign.animation);
  const ticking = setInterval(safe(tick), BEAT);
  if (modal) ctx.rich.dialog(frame, leave);
  return { item, draw: () => draw("none"), leave };
}
