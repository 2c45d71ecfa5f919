import { createPage } from "./page.js";
import { createSlot, isWaiting } from "./slot.js";

const RENDERERS = ["bubble", "card", "button", "bar", "modal"];
const SUMMED = /^(period_count|hot_streak|rating_summary)$/;

/** Which campaigns have something to show, and when. */
export function createCampaigns(ctx) {
  const items = new Map();
  const gone = new Set();
  const slots = {};
  const each = (work) => Object.values(slots).forEach(work);
  const review = () => each((slot) => slot.review());
  const page = createPage(ctx, review);

  ctx.campaignOf = (item) => ctx.config.campaigns.find((campaign) => campaign.id == item.campaign);
  ctx.summed = () => ctx.config.campaigns.some((campaign) => SUMMED.test(campaign.format));

  // `data` is what the server says of it: nothing more for words of the site, not yet known for a summary.
  function keep(key, campaign, at, live, data) {
    const item = items.get(key) || { key, campaign, at, live, taken: false, opened: false };
    items.set(key, item);
    item.data = data;
    return item;
  }

  function renewed(config) {
    ctx.config = { ...ctx.config, ...config };
    for (const { id, format } of ctx.config.campaigns) {
      if (format != "recent_activity" && !items.has(id)) keep(id, id, Infinity, undefined, SUMMED.test(format) ? null : {});
    }
    for (const [key, item] of items) if (!ctx.campaignOf(item)) items.delete(key);
    review();
  }

  function arrived(data, live) {
    if (gone.has(data.id) || !ctx.campaignOf(data)) return;
    const item = keep(data.campaign + "/" + data.id, data.campaign, Date.parse(data.timestamp), false, data);
    if (live && isWaiting(item) && !item.live) {
      item.live = true;
      ctx.events.emit("notification", data);
    }
    review();
  }

  function withdrawn(activity) {
    if (gone.has(activity)) return;
    gone.add(activity);
    for (const [key, item] of items) if (item.data?.id == activity) items.delete(key);
    ctx.events.emit("retract", { activity });
    review();
  }

  /** The sentences of campaigns that count. Of `all` of them a missing one has nothing to say. */
  function summed(list, all) {
    for (const item of items.values()) {
      if (!SUMMED.test(ctx.campaignOf(item).format)) continue;
      const data = list.find((each) => each.campaign == item.campaign);
      if (data ? !(data.as_of < item.data?.as_of) : all) item.data = data?.message ? data : null;
    }
    review();
  }

  function hide(hidden) {
    ctx.hidden = ctx.stage.region.hidden = hidden;
    // A dialog that is merely invisible would still block the page.
    if (hidden) slots.modal.close();
    review();
  }

  const close = (id) => each((slot) => slot.close(id));

  /** Brings a campaign forward now, also one that was closed or that waits for something. */
  function open(id) {
    const own = [...items.values()].filter((item) => item.campaign == id && item.data);
    const [next] = own.sort((a, b) => a.taken - b.taken || b.at - a.at);
    if (!next) return;
    slots[ctx.campaignOf(next).renderer].close();
    next.taken = false;
    next.opened = true;
    review();
  }

  function show(id) {
    hide(false);
    open(id);
  }

  function setLocale(tag) {
    ctx.locale = tag;
    review();
  }

  /** As for a visitor who has just come. */
  function reset() {
    close();
    for (const item of items.values()) item.taken = false;
    ctx.seen = ctx.token = ctx.locale = undefined;
    hide(false);
    page.begin();
    ctx.rejoin();
  }

  for (const renderer of RENDERERS) slots[renderer] = createSlot(ctx, renderer, items, page);
  page.begin();
  renewed(ctx.config);
  return {
    review,
    renewed,
    arrived,
    withdrawn,
    summed,
    hide,
    verbs: { open, close, show, setLocale, reset, hide: () => hide(true), boot: () => hide(false) },
  };
}
