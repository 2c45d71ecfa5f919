import { on } from "./events.js";
import { ask } from "./features/chunk.js";
import { consent } from "./features/consent.js";
import { safe } from "./safe.js";
import { record } from "./transport/queue.js";

const track = (name, props, more) => record(name, { props, value: more?.value });

// What must not wait for the chunk that has the other verbs.
const verbs = { on, track, consent };

/**
 * `candor("verb", …)`: the whole of what a host page can say (docs/widget-api.md).
 * Whatever is not known is ignored, so a page may already call `identify` and `variant`.
 */
export function listenToPage() {
  const { candor } = window;
  const call = safe((verb, ...args) => (verbs[verb] ? verbs[verb](...args) : ask((rich) => rich?.say(verb, ...args), true)));
  const early = candor.q || [];

  // The page may have kept the stub: what it pushes from now on is called at once.
  candor.q = { push: (args) => call(...args) };
  early.forEach(candor.q.push);
}
