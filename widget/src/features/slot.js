import { later } from "../safe.js";
import { openCard } from "../ui/card.js";
import { ofDocument } from "../ui/dom.js";

export const isWaiting = (item) => item.data && !item.taken;

/** One place on the screen that shows one card at a time, from the items that all slots share. */
export function createSlot(ctx, renderer, items, page) {
  let current;
  let rest = 0;
  let timer;

  const isFree = (item) => ctx.preview || item.opened;

  const due = (item) =>
    isFree(item) ? 0 : Math.max(item.live ? 0 : rest, page.due(ctx.campaignOf(item), item.live));

  function waiting() {
    return [...items.values()].filter((item) => {
      const campaign = ctx.campaignOf(item);
      return (
        isWaiting(item) &&
        campaign.renderer == renderer &&
        (isFree(item) || (page.allows(campaign) && page.fits(campaign)))
      );
    });
  }

  // Never at once: calls that the page made before we came are to be heard before anything is drawn.
  function pump(wait = 0) {
    clearTimeout(timer);
    if (ctx.preview) next();
    else if (wait < Infinity) timer = later(next, wait);
  }

  function next() {
    if (current || ctx.hidden || ofDocument("hidden")) return;
    const now = Date.now();
    // What the page's own script opened comes first, then what happens now, then the newest.
    const queue = waiting().sort((a, b) => b.opened - a.opened || !!b.live - !!a.live || b.at - a.at);
    const first = queue.find((item) => due(item) <= now);
    if (first) show(first, ctx.campaignOf(first));
    else if (queue[0]) pump(Math.min(...queue.map(due)) - now);
  }

  // What a card is drawn from; when it changes, the card is drawn anew.
  const print = (item) =>
    JSON.stringify({ campaign: ctx.campaignOf(item), data: item.data, texts: ctx.config.texts, locale: ctx.locale });

  function show(item, campaign) {
    const about = { campaign: campaign.id, id: item.data.id };
    item.taken = true;
    // Kept only when it stands: an item that cannot be drawn must not block the others.
    const card = openCard(ctx, item, (reason) => {
      current = null;
      rest = Date.now() + campaign.gap * 1000;
      item.live &&= false;
      item.opened = false;
      // Each fact once; words of the site as often as it says, unless somebody closed them. A preview always shows.
      item.taken = !ctx.preview && (item.at < Infinity ? reason != "rules" : reason == "user" || reason == "script");
      ctx.events.emit("closed", { ...about, reason });
      pump();
    });
    current = { item, card, drawn: print(item) };
    if (!ctx.preview) page.counted(campaign);
    ctx.events.emit("shown", about);
  }

  function review() {
    if (current) {
      const { item, card } = current;
      const campaign = ctx.campaignOf(item);
      // What was retracted goes at once; a fact of the last days makes room for one of now.
      if (items.get(item.key) != item || !item.data || campaign.renderer != renderer) card.leave("retracted", true);
      else if (!isFree(item) && !page.fits(campaign)) card.leave("rules");
      else if (item.live === false && waiting().some((other) => other.live && due(other) <= Date.now())) card.leave("timeout", true);
      else if (current.drawn != (current.drawn = print(item))) card.draw();
    }
    pump();
  }

  return {
    review,
    close: (id) => current && (!id || current.item.campaign == id) && current.card.leave("script", true),
  };
}
