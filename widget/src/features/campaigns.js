import { campaignOf, ctx } from "../ctx.js";
import { emit } from "../events.js";
import { createSlot, isWaiting } from "./slot.js";

// Which campaigns have something to show, and when.

const SUMMED = /_(count|streak|summary|visitors)$/;

const gone = [];
export const review = () => Object.values(ctx.slots).forEach((slot) => slot.review());

const isSummed = (campaign) => SUMMED.test(campaign.format);
export const counts = () => ctx.setup.campaigns.some(isSummed);

// What is no activity has no id of its own.
const known = (campaign, id) => ctx.pool.find((item) => item.campaign == campaign && item.data?.id == id);

// `data` is what the server says of it: nothing more for words of the site, not yet known for a summary.
// What `happened` at no time comes after all that did.
function add(campaign, data, live, happened = Infinity) {
  const item = { campaign, data, live, happened, taken: 0, opened: 0 };
  ctx.pool.push(item);
  return item;
}

function keep(test) {
  ctx.pool = ctx.pool.filter(test);
  review();
}

export function renewed(config) {
  ctx.setup = { ...ctx.setup, ...config };
  for (const campaign of ctx.setup.campaigns) {
    const { id, format, renderer } = campaign;
    ctx.slots[renderer] ||= createSlot(renderer);
    if (format != "recent_activity" && !known(id)) add(id, isSummed(campaign) ? null : {});
  }
  keep(campaignOf);
}

export function arrived(data, live) {
  if (gone.includes(data.id) || !campaignOf(data)) return;
  const item = known(data.campaign, data.id) || add(data.campaign, data, false, Date.parse(data.timestamp));
  item.data = data;
  if (live && isWaiting(item) && !item.live) {
    item.live = true;
    emit("notification", data);
  }
  review();
}

export function withdrawn(activity) {
  if (gone.includes(activity)) return;
  gone.push(activity);
  emit("retract", { activity });
  keep((item) => item.data?.id != activity);
}

/** The sentences of campaigns that count. Of `all` of them a missing one has nothing to say. */
export function summed(list, all) {
  for (const item of ctx.pool) {
    if (!isSummed(campaignOf(item))) continue;
    const data = list.find((each) => each.campaign == item.campaign);
    if (data ? !(data.as_of < item.data?.as_of) : all) item.data = data?.message ? data : null;
  }
  review();
}
