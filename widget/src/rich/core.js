/** What the core shares with its chunks, set before anything there is called. */
export let ctx;
export let element, filled, link, ofDocument, listen, safe, later, textOn, isTouch, backoff, place, call, uuid, dress, allowed, campaignOf, part;

export function meet(core) {
  ctx = core;
  // In the order of tools.js.
  [element, filled, link, ofDocument, listen, safe, later, textOn, isTouch, backoff, place, call, uuid, dress, allowed, campaignOf, part] = core.tools;
}
