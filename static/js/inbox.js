// The inbox moves by itself: a socket brings each message as the HTML that the page shows. What a socket
// has missed is known by its number and read again. Sending is a plain form that is posted without a reload.
(() => {
  "use strict";
  const inbox = document.querySelector("[data-inbox]");
  if (!inbox) return;
  const SIGNED_OUT = 1008;
  const LIST_AT_MOST = 1000;
  const TYPING_EVERY = 2000;
  const TYPING_SHOWN = 4000;
  const POLL = 15000;

  const pane = () => document.querySelector(".talk");
  const log = () => document.querySelector(".talk__log");
  const csrf = () => document.querySelector("meta[name=csrf-token]").content;
  let socket;
  let failures = 0;
  let listTimer;
  let typedAt = 0;
  let typingTimer;

  // The list

  function readList() {
    listTimer = listTimer || setTimeout(() => {
      listTimer = 0;
      const list = document.getElementById("conversations");
      // Not under somebody's fingers.
      if (list && !list.contains(document.activeElement)) window.htmx.trigger(list, "read");
      else if (list) readListLater();
    }, LIST_AT_MOST);
  }

  const readListLater = () => setTimeout(readList, LIST_AT_MOST);

  // Messages

  const lastSeq = () => Math.max(0, ...[...log().querySelectorAll(":scope > .message")].map((node) => Number(node.dataset.seq)));

  function atEnd() {
    const box = document.querySelector(".talk__messages");
    return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  }

  function toEnd() {
    const box = document.querySelector(".talk__messages");
    if (box) box.scrollTop = box.scrollHeight;
  }

  function put(nodes) {
    const follow = atEnd();
    for (const node of nodes) {
      if (document.getElementById(node.id)) continue;
      const seq = Number(node.dataset.seq);
      const next = [...log().children].find((other) => Number(other.dataset.seq) > seq);
      log().insertBefore(document.importNode(node, true), next || null);
    }
    window.htmx.process(log());
    if (follow) toEnd();
    seen();
  }

  const parse = (html) => new DOMParser().parseFromString(html, "text/html");

  async function fetchAfter(seq) {
    const open = pane();
    if (!open) return;
    const path = location.pathname.replace(/\/$/, "") + "/messages?after=" + seq;
    const answer = await fetch(path, { headers: { "HX-Request": "true" } });
    if (!answer.ok || pane() !== open) return;
    const nodes = [...parse(await answer.text()).querySelectorAll(".message")];
    put(nodes);
    if (nodes.length >= 200) await fetchAfter(lastSeq());
  }

  function hearMessage(html) {
    const part = parse(html).querySelector("[data-seq]");
    const open = pane();
    readList();
    if (part.dataset.author === "visitor") ring(part);
    if (!open || part.id !== log().id) return;
    hideTyping();
    if (Number(part.dataset.seq) > lastSeq() + 1) fetchAfter(lastSeq());
    else put(part.querySelectorAll(".message"));
  }

  function seen() {
    const open = pane();
    if (!open || document.hidden || !document.hasFocus()) return;
    const seq = lastSeq();
    if (seq <= Number(open.dataset.seen || 0)) return;
    open.dataset.seen = seq;
    const body = new URLSearchParams({ seq, csrf_token: csrf() });
    fetch(location.pathname.replace(/\/$/, "") + "/reading", { method: "PUT", body }).catch(() => {});
  }

  // Somebody is writing

  function hearTyping(frame) {
    const open = pane();
    if (!open || frame.conversation !== open.dataset.conversation || frame.member === inbox.dataset.me) return;
    const line = open.querySelector("[data-typing]");
    line.textContent = frame.author === "visitor" ? "The visitor is writing …" : `${frame.name} is replying …`;
    line.hidden = false;
    clearTimeout(typingTimer);
    typingTimer = setTimeout(hideTyping, TYPING_SHOWN);
  }

  function hideTyping() {
    const line = document.querySelector("[data-typing]");
    if (line) line.hidden = true;
  }

  function tellTyping(form) {
    const now = Date.now();
    if (now - typedAt < TYPING_EVERY || socket?.readyState !== WebSocket.OPEN) return;
    typedAt = now;
    socket.send(JSON.stringify({ type: "typing", conversation: pane().dataset.conversation, note: form.elements.note.checked }));
  }

  // A sound and a notification for a visitor's message that nobody looks at

  let audio;
  document.addEventListener("pointerdown", () => (audio = audio || new AudioContext()), { once: true });

  function ring(part) {
    if (document.hasFocus() && pane() && part.id === log()?.id) return;
    if (audio) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      volume.gain.setValueAtTime(0.08, audio.currentTime);
      volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.3);
      tone.frequency.value = 740;
      tone.connect(volume).connect(audio.destination);
      tone.start();
      tone.stop(audio.currentTime + 0.3);
    }
    if (document.hidden && window.Notification?.permission === "granted") {
      new Notification("New message", { body: part.querySelector(".message__body")?.textContent || "", tag: part.id });
    }
  }

  // Sending

  async function send(form) {
    const { body, client_id: name, note } = form.elements;
    const error = document.getElementById("composer-error");
    if (!body.value.trim()) return;
    // The same name for each try, so that it counts once.
    name.value = name.value || crypto.randomUUID();
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { "HX-Request": "true" } });
      const page = parse(await answer.text());
      if (answer.status === 201) {
        error.textContent = "";
        body.value = "";
        name.value = "";
        put(page.querySelectorAll(".message"));
        toEnd();
      } else {
        error.textContent = page.getElementById("composer-error")?.textContent || "This could not be sent. Your text is still here.";
      }
    } catch {
      error.textContent = "Candor cannot be reached. Your text is still here: send it again.";
    }
    form.removeAttribute("aria-busy");
    note.checked = note.checked && Boolean(body.value);
    body.focus();
  }

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-composer]")) return;
    event.preventDefault();
    send(event.target);
  });

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("[data-composer]");
    if (form && event.target.name === "body") tellTyping(form);
  });

  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("[data-composer]");
    if (form && event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  // The socket

  function listen() {
    socket = new WebSocket(location.origin.replace(/^http/, "ws") + new URL(inbox.dataset.inbox, location.href).pathname);
    socket.addEventListener("open", () => {
      failures = 0;
      catchUp();
    });
    socket.addEventListener("message", ({ data }) => {
      if (!data.startsWith("{")) return hearMessage(data);
      const frame = JSON.parse(data);
      if (frame.type === "typing") hearTyping(frame);
      else if (frame.type === "resync") catchUp();
      else hearChange(frame);
    });
    socket.addEventListener("close", ({ code }) => {
      if (code === SIGNED_OUT) return location.reload();
      failures += 1;
      setTimeout(listen, Math.min(30000, 500 * 2 ** failures) * (0.5 + Math.random() / 2));
    });
  }

  function hearChange(frame) {
    readList();
    const open = pane();
    if (open && open.dataset.conversation === frame.conversation && !open.contains(document.activeElement)) refreshStatus();
  }

  async function refreshStatus() {
    const open = pane();
    const answer = await fetch(location.href, { headers: { "HX-Request": "true" } });
    if (!answer.ok || pane() !== open) return;
    const fresh = parse(await answer.text());
    for (const part of [".talk__header", ".talk__read"]) {
      const now = fresh.querySelector(part);
      if (now) open.querySelector(part).replaceWith(document.importNode(now, true));
    }
    window.htmx.process(open);
  }

  function catchUp() {
    readList();
    if (pane()) fetchAfter(lastSeq()).catch(() => {});
  }

  document.addEventListener("visibilitychange", seen);
  window.addEventListener("focus", seen);
  setInterval(() => socket?.readyState !== WebSocket.OPEN && catchUp(), POLL);
  toEnd();
  seen();
  listen();
})();
