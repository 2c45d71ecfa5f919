import { safe } from "./safe.js";

// Events for the host page's own callbacks.
let listeners = [];

export const on = (...listener) => listeners.push(listener);

export function off(type, callback) {
  listeners = listeners.filter(([known, own]) => known != type || (callback && own != callback));
}

export function emit(type, data) {
  for (const [known, own] of listeners) if (known == type) safe(own)(data);
}
