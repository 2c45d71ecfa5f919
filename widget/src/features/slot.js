import { later } from "../safe.js";
import { openCard } from "../ui/card.js";
import { ofDocument } from "../ui/dom.js";

export const newestFirst = (a, b) => b.at - a.at;
export const isWaiting = (item) => !item.taken;

/** One place on the screen that shows one card at a time, from the items that all slots share. */
export function createSlot(ctx, renderer, items) {
  const started = Date.now();
  let current;
  let rest = 0;
  let timer;

  const due = (item) => Math.max(rest, started + ctx.campaignOf(item).delay * 1000);

  const waiting = () =>
    [...items.values()].filter((item) => isWaiting(item) && ctx.campaignOf(item).renderer == renderer);

  // Never at once: calls that the page made before we came are to be heard before anything is drawn.
  function pump(wait = 0) {
    clearTimeout(timer);
    timer = later(next, wait);
  }

  function next() {
    if (current || ctx.hidden || ofDocument("hidden")) return;
    const now = Date.now();
    const queue = waiting().sort(newestFirst);
    const first = queue.find((item) => item.live) || queue.find((item) => due(item) <= now);
    if (first) show(first, ctx.campaignOf(first));
    else if (queue[0]) pump(Math.min(...queue.map(due)) - now);
  }

  function show(item, campaign) {
    const about = { campaign: campaign.id, id: item.id };
    item.taken = true;
    // Kept only when it stands: an item that cannot be drawn must not block the others.
    const leave = openCard(ctx, campaign, item.message ? item : campaign, (reason) => {
      current = null;
      rest = Date.now() + campaign.gap * 1000;
      item.live = reason == "config";
      item.taken = !item.live;
      ctx.events.emit("closed", { ...about, reason });
      pump();
    });
    current = { item, leave, drawn: JSON.stringify(campaign) };
    ctx.events.emit("shown", about);
  }

  return () => {
    if (current) {
      const { item, leave, drawn } = current;
      // What was retracted, or is to be drawn anew, goes at once; a fact of the last days makes room for one of now.
      if (items.get(item.key) != item) leave("retracted", true);
      else if (JSON.stringify(ctx.campaignOf(item)) != drawn) leave("config", true);
      else if (item.live === false && waiting().some((item) => item.live)) leave("timeout", true);
    }
    pump();
  };
}
