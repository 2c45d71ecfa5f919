import { emit } from "../events.js";
import { listen } from "../safe.js";
import { link } from "./dom.js";

/** A campaign's link; what the campaign wants to know of a click is added to its address at the click. */
export function campaignLink({ id, link: { url, same_tab } = {}, tracking }, ...label) {
  const anchor = link(url, ...label);
  if (anchor) {
    if (same_tab) anchor.target = "";
    listen(anchor, "click auxclick", ({ button }) => {
      if (button > 1) return;
      anchor.href = tracked(url, tracking);
      emit("clicked", { campaign: id, url: anchor.href });
    });
  }
  return anchor;
}

function tracked(text, { params = [], custom, page, time } = {}) {
  const url = new URL(text);
  const added = {
    ...custom,
    candor_page: page && location.origin + location.pathname,
    candor_time: time && new Date().toISOString(),
  };
  for (const name of params) added[name] = new URL(location).searchParams.get(name);
  // What the link says itself stays as it is.
  for (const name of Object.keys(added)) {
    if (added[name] && !url.searchParams.has(name)) url.searchParams.set(name, added[name]);
  }
  return url.href;
}
