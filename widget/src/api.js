import { safe } from "./safe.js";

/** `candor("verb", …)`: the whole of what a host page can say. */
export function createApi(ctx, campaigns, candor) {
  const verbs = {
    on: ctx.events.on,
    off: ctx.events.off,
    show: campaigns.show,
    hide: () => campaigns.hide(),
  };
  const call = safe((verb, ...args) => verbs[verb](...args));
  const early = candor.q || [];

  // The page may have kept the stub: what it pushes from now on is called at once.
  candor.q = { push: (args) => call(...args) };
  for (const args of early) call(...args);
}
