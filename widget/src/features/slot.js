import { campaignOf, ctx } from "../ctx.js";
import { emit } from "../events.js";
import { later } from "../safe.js";
import { record } from "../transport/queue.js";
import { openCard } from "../ui/card.js";
import { ofDocument } from "../ui/dom.js";
import { region } from "../ui/stage.js";
import { held, isDrawable, load } from "./chunk.js";
import { allows, counted, dueAt, noticed } from "./page.js";
import { fits } from "./rules.js";

export const isWaiting = (item) => item.data && !item.taken;

/** One place on the screen that shows one card at a time, from the pool that all slots share. */
export function createSlot(renderer) {
  let current;
  let rest = 0;
  let timer;

  const isFree = (item) => PREVIEW || item.opened;

  const due = (item) =>
    isFree(item) ? 0 : Math.max(item.live ? 0 : rest, dueAt(campaignOf(item), item.live));

  function waiting() {
    return ctx.pool.filter((item) => {
      const campaign = campaignOf(item);
      return (
        isWaiting(item) &&
        campaign.renderer == renderer &&
        (isFree(item) || (allows(campaign) && fits(campaign)))
      );
    });
  }

  // Never at once: calls that the page made before we came are to be heard before anything is drawn.
  function pump(wait = 0) {
    clearTimeout(timer);
    if (PREVIEW) next();
    else if (wait < Infinity) timer = later(next, wait);
  }

  function next() {
    if (current || held || region.hidden || (!PREVIEW && ofDocument("hidden"))) return;
    const now = Date.now();
    // What the page's own script opened comes first, then what happens now, then the newest.
    const queue = waiting().sort((a, b) => b.opened - a.opened || !!b.live - !!a.live || b.happened - a.happened);
    const first = queue.find((item) => due(item) <= now);
    if (!first) PREVIEW || pump(Math.min(...queue.map(due)) - now);
    else if (isDrawable(first)) show(first, campaignOf(first));
    // Until it is known whether what it needs can be loaded, no other takes its place.
    else if (!load()) {
      first.taken = true;
      pump();
    }
  }

  function show(item, campaign) {
    const about = { campaign: campaign.id, id: item.data.id };
    item.taken = true;
    // Kept only when it stands: an item that cannot be drawn must not block the others.
    current = openCard(item, () => PREVIEW || noticed(campaign), (reason) => {
      current = null;
      rest = Date.now() + campaign.gap * 1000;
      item.live &&= false;
      item.opened = false;
      // Each fact once; words of the site as often as it says, unless somebody closed them. A preview always shows.
      item.taken = !PREVIEW && (item.happened < Infinity ? reason != "rules" : /user|script/.test(reason));
      if (reason == "user") record("campaign_close", { campaign: campaign.id });
      emit("closed", { ...about, reason });
      pump();
    });
    if (!PREVIEW) counted(campaign);
    emit("shown", about);
  }

  function review() {
    if (current) {
      const { item } = current;
      const campaign = campaignOf(item);
      // What was retracted goes at once; a fact of the last days makes room for one of now.
      if (!ctx.pool.includes(item) || !item.data || campaign.renderer != renderer) current.leave("retracted", true);
      else if (!isFree(item) && !fits(campaign)) current.leave("rules");
      else if (item.live === false && waiting().some((other) => other.live && due(other) <= Date.now())) current.leave("timeout", true);
      else if (isDrawable(item)) current.draw();
      else load();
    }
    pump();
  }

  return {
    review,
    leave: (id) => current && (!id || current.item.campaign == id) && current.leave("script", true),
  };
}
