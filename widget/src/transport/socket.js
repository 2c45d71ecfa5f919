import { ctx } from "../ctx.js";
import { describe } from "../identity.js";
import { later, safe } from "../safe.js";
import { backoff } from "./backoff.js";

/** A socket that reopens itself. `lost(code)` is called whenever it goes down. */
export function createSocket(received, lost) {
  let socket;
  let timer;
  let attempt = 0;

  function open() {
    clearTimeout(timer);
    if (socket) return;
    try {
      const opened = (socket = new WebSocket(ctx.setup.host.replace("http", "ws") + "/widget/v1/ws"));
      opened.onopen = safe(() => send({ type: "join_widget", site: ctx.setup.site, visitor: ctx.token, visitor_data: describe() }));
      opened.onmessage = safe((event) => received(JSON.parse(event.data)));
      opened.onclose = safe((event) => opened == socket && closed(event.code));
    } catch {
      closed();
    }
  }

  const send = (frame) => socket?.send(JSON.stringify(frame));

  function closed(code) {
    socket = null;
    timer = later(open, backoff(attempt++));
    lost(code);
  }

  return {
    open,
    send,
    // Only an answered greeting counts as success: a server may accept every socket and drop it at once.
    settled() {
      attempt = 0;
    },
    close() {
      clearTimeout(timer);
      const closing = socket;
      socket = null;
      closing?.close();
    },
  };
}
