/** What the core shares with this chunk, set before anything here is called. */
export let ctx;

export function meet(core) {
  ctx = core;
}
