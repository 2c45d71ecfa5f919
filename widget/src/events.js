import { ctx } from "./ctx.js";
import { safe } from "./safe.js";

// Events for the host page's own callbacks.

export const on = (...listener) => ctx.listeners.push(listener);

export function emit(type, data) {
  for (const [known, own] of ctx.listeners) if (known == type) safe(own)(data);
}
