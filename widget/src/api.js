import { off, on } from "./events.js";
import { close, hide, open, reset, setLocale, show } from "./features/campaigns.js";
import { safe } from "./safe.js";

const verbs = { on, off, open, close, show, boot: show, hide, setLocale, reset };

/**
 * `candor("verb", …)`: the whole of what a host page can say (docs/widget-api.md).
 * Whatever is not here is ignored, so a page may already call `identify`, `track`, `consent` and `variant`.
 */
export function listenToPage() {
  const { candor } = window;
  const call = safe((verb, ...args) => verbs[verb](...args));
  const early = candor.q || [];

  // The page may have kept the stub: what it pushes from now on is called at once.
  candor.q = { push: (args) => call(...args) };
  early.forEach(candor.q.push);
}
