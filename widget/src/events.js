import { safe } from "./safe.js";

/** Events for the host page's own callbacks. */
export function createEvents() {
  let listeners = [];

  return {
    on: (...listener) => void listeners.push(listener),
    off(type, callback) {
      listeners = listeners.filter(([known, own]) => known != type || (callback && own != callback));
    },
    emit(type, data) {
      for (const [known, own] of listeners) if (known == type) safe(own)(data);
    },
  };
}
