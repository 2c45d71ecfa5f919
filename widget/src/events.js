import { safe } from "./safe.js";

/** Events for the host page's own callbacks. */
export function createEvents() {
  let listeners = [];

  return {
    on(type, callback) {
      listeners.push([type, callback]);
    },
    off(type, callback) {
      listeners = listeners.filter((known) => known[0] != type || (callback && known[1] != callback));
    },
    emit(type, data) {
      for (const known of listeners) if (known[0] == type) safe(known[1])(data);
    },
  };
}
