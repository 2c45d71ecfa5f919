import { safe } from "./safe.js";

/**
 * `candor("verb", …)`: the whole of what a host page can say (docs/widget-api.md).
 * Whatever is not here is ignored, so a page may already call `identify`, `track`, `consent` and `variant`.
 */
export function createApi({ events: { on, off } }, campaigns, candor) {
  const verbs = { on, off, ...campaigns.verbs };
  const call = safe((verb, ...args) => verbs[verb](...args));
  const early = candor.q || [];

  // The page may have kept the stub: what it pushes from now on is called at once.
  candor.q = { push: (args) => call(...args) };
  for (const args of early) call(...args);
}
