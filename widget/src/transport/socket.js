import { describe } from "../identity.js";
import { later, safe } from "../safe.js";
import { backoff } from "./backoff.js";

/** A socket that reopens itself. `lost(code)` is called whenever it goes down. */
export function createSocket(ctx, received, lost) {
  let socket;
  let timer;
  let attempt = 0;

  function open() {
    clearTimeout(timer);
    if (socket) return;
    try {
      const opened = (socket = new WebSocket(ctx.config.host.replace("http", "ws") + "/widget/v1/ws"));
      opened.onopen = safe(() => opened.send(JSON.stringify(greeting())));
      opened.onmessage = safe((event) => received(JSON.parse(event.data)));
      opened.onclose = safe((event) => opened == socket && closed(event.code));
    } catch {
      closed();
    }
  }

  const greeting = () => ({
    type: "join_widget",
    site: ctx.config.site,
    visitor: ctx.token,
    visitor_data: describe(),
  });

  function closed(code) {
    socket = null;
    timer = later(open, backoff(attempt++));
    lost(code);
  }

  return {
    open,
    send: (frame) => socket?.send(JSON.stringify(frame)),
    // Only an answered greeting counts as success: a server may accept every socket and drop it at once.
    settled() {
      attempt = 0;
    },
    close() {
      clearTimeout(timer);
      const closing = socket;
      socket = null;
      if (closing) closing.close();
    },
  };
}
