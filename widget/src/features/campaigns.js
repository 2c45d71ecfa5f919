import { listen } from "../safe.js";
import { createSlot, isWaiting, newestFirst } from "./slot.js";

/** Which campaigns have something to show, and when. */
export function createCampaigns(ctx) {
  const items = new Map();
  const gone = new Set();
  const slots = ["bubble", "bar"].map((renderer) => createSlot(ctx, renderer, items));
  const review = () => slots.forEach((slot) => slot());

  ctx.campaignOf = (item) => ctx.config.campaigns.find((campaign) => campaign.id == item.campaign);
  listen(window, "visibilitychange", review);

  function renewed(config) {
    ctx.config = config;
    for (const { id, format } of config.campaigns) {
      if (format == "notice" && !items.has(id)) items.set(id, { key: id, campaign: id, at: Infinity });
    }
    for (const [key, item] of items) if (!ctx.campaignOf(item)) items.delete(key);
    review();
  }

  function arrived(data, live) {
    const key = data.campaign + "/" + data.id;
    if (gone.has(data.id) || !ctx.campaignOf(data)) return;
    const item = items.get(key) || { ...data, key, at: Date.parse(data.timestamp), live: false };
    items.set(key, item);
    if (live && isWaiting(item) && !item.live) {
      item.live = true;
      ctx.events.emit("notification", data);
    }
    review();
  }

  function withdrawn(activity) {
    if (gone.has(activity)) return;
    gone.add(activity);
    for (const [key, item] of items) if (item.id == activity) items.delete(key);
    ctx.events.emit("retract", { activity });
    review();
  }

  function hide(hidden = true) {
    ctx.hidden = ctx.stage.region.hidden = hidden;
    review();
  }

  /** Unhides everything, and brings the named campaign forward, also one that was closed. */
  function show(id) {
    const own = [...items.values()].filter((item) => item.campaign == id).sort(newestFirst);
    const next = own.find(isWaiting) || own[0];
    if (next) {
      next.taken = false;
      next.live = true;
    }
    hide(false);
  }

  renewed(ctx.config);
  return { renewed, arrived, withdrawn, hide, show };
}
