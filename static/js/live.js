// The live page reads itself anew: when it hears that something happened, at most once a second, and from
// time to time, since visitors leave without a word. Not in a hidden tab.
(() => {
  "use strict";
  const AT_MOST = 1000;
  const WITHOUT_SOCKET = 10000;
  const WITH_SOCKET = 30000;
  const SIGNED_OUT = 1008;

  const frame = document.querySelector("[data-live]");
  if (!frame) return;
  const stale = document.querySelector("[data-live-stale]");
  let last = Date.now();
  let timer;
  let due = Infinity;
  let connected = false;
  let failures = 0;

  function plan(moment) {
    due = Math.min(due, Math.max(moment, last + AT_MOST));
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(read, due - Date.now());
  }

  function read() {
    last = Date.now();
    due = Infinity;
    window.htmx.trigger(frame.firstElementChild, "read");
    plan(last + (connected ? WITH_SOCKET : WITHOUT_SOCKET));
  }

  function listen() {
    const path = new URL(frame.dataset.live, location.href).pathname;
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path);
    socket.addEventListener("open", () => {
      connected = true;
      failures = 0;
    });
    socket.addEventListener("message", () => plan(0));
    socket.addEventListener("close", ({ code }) => {
      connected = false;
      // Suspended or signed out: the page itself says so.
      if (code === SIGNED_OUT) return location.reload();
      plan(Date.now() + WITHOUT_SOCKET);
      failures += 1;
      setTimeout(listen, Math.min(60000, 2000 * 2 ** failures) * (0.5 + Math.random() / 2));
    });
  }

  // An answer of another page: one is asked to sign in.
  frame.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr } = event.detail;
    if (xhr.status === 200 && new URL(xhr.responseURL).pathname === location.pathname) return;
    event.detail.shouldSwap = false;
    if (xhr.status === 200 || xhr.status === 404) location.reload();
  });

  // It tries again by itself, so this is no news for a toast.
  for (const type of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    frame.addEventListener(type, (event) => {
      event.stopPropagation();
      stale.hidden = false;
    });
  }
  frame.addEventListener("htmx:afterSwap", () => (stale.hidden = true));

  document.addEventListener("visibilitychange", () => plan(Infinity));
  plan(last + WITHOUT_SOCKET);
  listen();
})();
