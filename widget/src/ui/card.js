import { later, listen, safe } from "../safe.js";
import { element, link, ofDocument } from "./dom.js";
import { ago } from "./time.js";

const TIME_AGO = "{{time_ago}}";
const SIGNS = { info: "i", warning: "!", error: "×" };

/**
 * One card on the stage. `item` is an activity, or for a notice the campaign itself.
 * `ended(reason)` is called once, after the card has left. Returns how to make it leave.
 */
export function openCard(ctx, campaign, item, ended) {
  const { config, stage } = ctx;
  const texts = { why: "Why am I seeing this?", close: "Close", ...config.texts };
  const card = build();
  const beat = campaign.duration ? 250 : 15e3;
  const ticking = setInterval(safe(tick), beat);
  let left = campaign.duration * 1000 || Infinity;
  let gone;
  let cameFrom;

  function build() {
    const text = element("span", {});
    item.message.split(TIME_AGO).forEach((piece, i) => text.append(i ? time() : "", piece));
    const close = element("button", { "aria-label": texts.close }, "×");
    listen(close, "click", () => leave("user"));
    return element(
      "div",
      { class: ["card", campaign.renderer, campaign.position.replace("-", " "), campaign.theme, campaign.tone].join(" ") },
      element("i", { "aria-hidden": true }, SIGNS[campaign.tone] || "✓"),
      element(
        "div",
        {},
        text,
        item.timestamp ? meta() : "",
        campaign.link ? link(campaign.link.url, campaign.link.label) : "",
      ),
      campaign.closable ? close : "",
    );
  }

  // The time changes while the card is up; that is not news to be read out.
  function time() {
    return element("time", { "aria-live": "off" }, ago(item.timestamp, config.locale));
  }

  function meta() {
    const { message, location, receipt } = item;
    return element(
      "small",
      {},
      message.includes(TIME_AGO) ? "" : time(),
      !location || message.includes(location) ? "" : element("bdi", {}, location),
      receipt ? link(`${config.host}/proof/${receipt}`, texts.why) : "",
    );
  }

  /** Nobody's reading is cut short, and no time passes in a hidden tab. */
  function tick() {
    for (const node of card.querySelectorAll("time")) node.textContent = ago(item.timestamp, config.locale);
    if (!ctx.hidden && !ofDocument("hidden") && !card.matches(":hover,:focus-within")) left -= beat;
    if (left <= 0) leave("timeout");
  }

  function leave(reason, atOnce) {
    if (gone) return;
    gone = true;
    clearInterval(ticking);
    card.classList.add("out");
    const remove = () => {
      if (card.matches(":focus-within")) cameFrom?.focus();
      stage.remove(card);
      ended(reason);
    };
    if (atOnce) remove();
    else later(remove, 200);
  }

  listen(card, "focusin", (event) => {
    cameFrom ||= event.relatedTarget;
  });
  listen(card, "keydown", (event) => event.key == "Escape" && campaign.closable && leave("user"));
  stage.add(card, campaign);
  return leave;
}
