import { ctx } from "../ctx.js";
import { emit } from "../events.js";
import { listen } from "../safe.js";
import { record } from "../transport/queue.js";
import { link } from "./dom.js";

/** A campaign's link; what the campaign wants to know of a click is added to its address at the click. */
export function campaignLink({ id, link: { url, same_tab } = {}, tracking }, label) {
  const anchor = link(url, label);
  if (anchor) {
    if (same_tab) anchor.target = "";
    listen(anchor, "click auxclick", ({ button }) => {
      if (button > 1) return;
      if (tracking) anchor.href = ctx.rich.tracked(url, tracking);
      record("campaign_click", { campaign: id });
      emit("clicked", { campaign: id, url: anchor.href });
    });
  }
  return anchor;
}
