// The inbox moves by itself: a socket brings each message as the HTML that the page shows. What a socket
// has missed is known by its number and read again. The list is read anew when something happens, and keeps
// its place and focus. What others need of this file is in `window.inbox`.
(() => {
  "use strict";
  const inbox = document.querySelector("[data-inbox]");
  if (!inbox) return;
  const SIGNED_OUT = 1008;
  const LIST_AT_MOST = 1000;
  const TYPING_SHOWN = 4000;
  const LOOKING_SHOWN = 50000;
  const POLL = 15000;
  // The server says something every 20 seconds. One that says nothing for so long is not there any more.
  const SILENCE = 50000;
  const PATIENCE = 20000;
  const AGAIN = 3000;
  const TOGETHER = 5 * 60000;

  const $ = (selector) => document.querySelector(selector);
  const pane = () => $(".talk");
  const log = () => $(".talk__log");
  const list = () => document.getElementById("conversations");
  const csrf = () => $("meta[name=csrf-token]").content;
  const parse = (html) => new DOMParser().parseFromString(html, "text/html");
  // What the server answers; null where it cannot be reached or has too much to do, which passes.
  const ask = (url) => fetch(url, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(PATIENCE) }).then((answer) => (answer.status < 500 ? answer : null), () => null);
  const me = inbox.dataset.me;
  let socket;
  let heardAt = 0;
  let listening;
  let failures = 0;
  let listTimer;

  const stored = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* for this page then */ } },
  };

  // ---- The list -----------------------------------------------------------

  // What somebody types in stays; of a link that merely has the focus the text is new as well.
  const morph = (node, fresh) => Idiomorph.morph(node, fresh, { ...MORPH, ignoreActiveValue: document.activeElement.matches("input, textarea, select") });
  const MORPH = {
    morphStyle: "outerHTML",
    callbacks: {
      beforeAttributeUpdated: (name, node) => !(name === "open" && node.localName === "details"),
      // A moment that is told in the words of this browser stays so.
      beforeNodeMorphed: (node, fresh) => !(node.localName === "time" && node.dateTime === fresh.dateTime),
    },
  };

  function readList(wait = LIST_AT_MOST) {
    listTimer = listTimer || setTimeout(async () => {
      listTimer = 0;
      // What was searched for, and older pages, stay as they were asked.
      if (!list() || "still" in list().dataset) return;
      const answer = await ask(list().dataset.url);
      if (!answer) readList(AGAIN);
      else if (answer.ok) putList(parse(await answer.text()).getElementById("conversations"));
    }, wait);
  }

  function putList(fresh) {
    const focused = list().contains(document.activeElement) ? document.activeElement.id : "";
    const scroll = document.getElementById("inbox-scroll").scrollTop;
    if (!fresh) return;
    morph(list(), fresh);
    if (focused && document.activeElement.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.getElementById("inbox-scroll").scrollTop = scroll;
    window.htmx.process(list());
    window.htmx.trigger(list(), "htmx:load");
    show();
  }

  // ---- Messages -----------------------------------------------------------

  const messages = () => [...log().querySelectorAll(":scope > .message")];
  const seqOf = (node) => Number(node.dataset.seq);
  // Up to where every message is there: frames may be lost or overtaken on their way.
  const lastSeq = () => Number(pane().dataset.top);
  const keepUp = (seq) => (pane().dataset.top = Math.max(lastSeq(), seq));
  // By conversation, the newest that was told.
  const told = new Map();

  function atEnd() {
    const box = $(".talk__messages");
    return box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  }

  function toEnd() {
    const box = $(".talk__messages");
    if (box) box.scrollTop = box.scrollHeight;
  }

  function put(nodes) {
    const follow = atEnd();
    for (const node of nodes) {
      if (document.getElementById(node.id)) continue;
      const seq = seqOf(node);
      const next = messages().find((other) => seqOf(other) > seq);
      log().insertBefore(document.importNode(node, true), next || null);
    }
    for (const node of messages()) if (seqOf(node) === lastSeq() + 1) keepUp(seqOf(node));
    arrange();
    if (follow) toEnd();
    seen();
  }

  // Days are those of whoever reads; what somebody says in a row stands together.
  function arrange() {
    if (!log()) return;
    for (const day of log().querySelectorAll(".talk__day")) day.remove();
    let before;
    for (const node of messages()) {
      const at = new Date(node.querySelector("time[data-clock]").dateTime);
      const side = node.dataset.side;
      const sameDay = before && before.at.toDateString() === at.toDateString();
      if (!sameDay) node.before(dayOf(at));
      node.classList.toggle("message--follows", Boolean(sameDay) && side === before.side && !side.startsWith("event") && at - before.at < TOGETHER);
      before = { at, side };
    }
    clocks();
  }

  function dayOf(at) {
    const line = document.createElement("p");
    line.className = "talk__day";
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86400000);
    const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
    line.textContent = days === 0 ? "Today" : days === 1 ? "Yesterday" : at.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year });
    return line;
  }

  function clocks() {
    for (const time of document.querySelectorAll("time[data-clock]")) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
    for (const time of document.querySelectorAll("time[data-moment]")) {
      time.textContent = new Date(time.dateTime).toLocaleString([], { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    }
  }

  // What is missing. What fails is tried again.
  let restTimer;
  let readingRest;
  async function readRest() {
    const open = pane();
    if (!open) return;
    clearTimeout(restTimer);
    if (readingRest === open) return (open.dataset.more = "");
    readingRest = open;
    delete open.dataset.more;
    const answer = await ask(`${open.dataset.url}/messages?after=${lastSeq()}`);
    const nodes = answer?.ok ? [...parse(await answer.text()).querySelectorAll(".message")] : [];
    if (readingRest === open) readingRest = null;
    if (pane() !== open) return;
    if (!answer) return (restTimer = setTimeout(readRest, AGAIN));
    if (nodes.length) keepUp(seqOf(nodes.at(-1)));
    put(nodes);
    if (nodes.length >= 100 || "more" in open.dataset) await readRest();
  }

  function hearMessage(html) {
    const part = parse(html).querySelector("[data-seq]");
    const { conversation, author, member } = part.dataset;
    readList();
    if (seqOf(part) <= (told.get(conversation) || 0)) return here(part) && put(part.querySelectorAll(".message"));
    told.set(conversation, seqOf(part));
    if (author === "visitor") ring(part);
    if (!here(part)) return;
    if (author === "visitor" || member) hideTyping();
    put(part.querySelectorAll(".message"));
    document.dispatchEvent(new CustomEvent("inbox:heard", { detail: part.dataset }));
    readHeader();
  }

  const here = (part) => pane() && part.id === log().id;

  function seen() {
    const open = pane();
    if (!open || document.hidden || !document.hasFocus()) return;
    const seq = lastSeq();
    if (seq <= Number(open.dataset.seen || 0)) return;
    open.dataset.seen = seq;
    const body = new URLSearchParams({ seq, csrf_token: csrf() });
    fetch(`${open.dataset.url}/reading`, { method: "PUT", body, signal: AbortSignal.timeout(PATIENCE) }).catch(() => {
      open.dataset.seen = 0;
      setTimeout(seen, AGAIN);
    });
  }

  // How it stands, how far the visitor has read, and whether anything is missing here.
  let headerTimer;
  function readHeader(wait = 300) {
    headerTimer = headerTimer || setTimeout(async () => {
      headerTimer = 0;
      const open = pane();
      if (!open) return;
      const answer = await ask(open.dataset.url + location.search);
      if (!answer) readHeader(AGAIN);
      if (!answer?.ok || pane() !== open) return;
      const fresh = parse(await answer.text());
      // Why something was refused stays until something else is done.
      const why = $("#talk-header > .field__error");
      if (why) fresh.getElementById("talk-header")?.append(why.cloneNode(true));
      for (const id of ["talk-header", "talk-read"]) {
        const now = fresh.getElementById(id);
        if (now) morph(document.getElementById(id), now);
      }
      window.htmx.process(open);
      clocks();
      if (Number(fresh.querySelector("[data-last]")?.dataset.last) > lastSeq()) readRest();
    }, wait);
  }

  // ---- Who else is here ------------------------------------------------------

  const lookers = new Map();
  let typingTimer;

  function hearLooking(frame) {
    if (frame.member === me) return;
    if (frame.type === "left") lookers.delete(frame.desk);
    else lookers.set(frame.desk, { ...frame, until: Date.now() + LOOKING_SHOWN });
    showLooking();
  }

  function showLooking() {
    const line = $("[data-looking]");
    if (!line) return;
    const open = pane().dataset.conversation;
    const now = Date.now();
    for (const [desk, each] of lookers) if (each.until < now) lookers.delete(desk);
    const names = [...new Set([...lookers.values()].filter((each) => each.conversation === open).map((each) => each.name || "A colleague"))];
    const text = !names.length ? "" : names.length === 1 ? `${names[0]} is looking at this` : `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are looking at this`;
    if (line.textContent !== text) line.textContent = text;
  }

  function hearTyping(frame) {
    const open = pane();
    if (!open || frame.conversation !== open.dataset.conversation || frame.member === me) return;
    const line = open.querySelector("[data-typing]");
    const who = frame.author === "visitor" ? open.dataset.name : frame.name || "A colleague";
    line.textContent = `${who} is ${frame.author === "visitor" ? "writing" : frame.note ? "writing a note" : "replying"} …`;
    line.hidden = false;
    clearTimeout(typingTimer);
    typingTimer = setTimeout(hideTyping, TYPING_SHOWN);
  }

  function hideTyping() {
    const line = $("[data-typing]");
    if (line) line.hidden = true;
  }

  const tell = (frame) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame));
  const tellLooking = () => tell({ type: "looking", conversation: (!document.hidden && pane()?.dataset.conversation) || null });

  function showAway() {
    const button = document.getElementById("away");
    if (!button) return;
    const away = stored.get("inbox-away") === "1";
    button.setAttribute("aria-pressed", String(away));
    button.querySelector("[data-away-label]").textContent = away ? "Away" : "Available";
    button.querySelector(".dot").className = `dot dot--${away ? "neutral" : "good"}`;
  }

  function tellHere() {
    tell({ type: "here", away: stored.get("inbox-away") === "1" });
  }

  // ---- A sound and a notification for what nobody looks at --------------------

  let audio;
  document.addEventListener("pointerdown", () => (audio = audio || new AudioContext()), { once: true });

  function ring(part) {
    if (part.dataset.assignee && part.dataset.assignee !== me) return;
    if (document.hasFocus() && pane() && part.id === log()?.id) return;
    if (audio && stored.get("inbox-mute") !== "1") sound();
    if (!document.hasFocus() && window.Notification?.permission === "granted") notify(part);
  }

  function sound() {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.setValueAtTime(0.08, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.3);
    tone.frequency.value = 740;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.3);
  }

  function notify(part) {
    const body = part.querySelector(".message__body")?.textContent || "A file";
    const shown = new Notification(part.dataset.name, { body, tag: part.id });
    shown.addEventListener("click", () => {
      window.focus();
      const row = document.getElementById(`row-link-${part.dataset.conversation}`);
      if (row) row.click();
      else location.assign(`${location.pathname.replace(/(\/inbox).*$/, "$1")}/${part.dataset.conversation}`);
      shown.close();
    });
  }

  function showSwitches() {
    const mute = stored.get("inbox-mute") === "1";
    const sounds = document.getElementById("sound");
    sounds?.setAttribute("aria-pressed", String(!mute));
    if (sounds) sounds.querySelector(".menu__check").hidden = mute;
    const ask = document.getElementById("notify");
    if (ask) ask.hidden = !window.Notification || Notification.permission !== "default";
  }

  // Set in another tab. Without a key, all of it was cleared.
  window.addEventListener("storage", ({ key }) => {
    if (key && !key.startsWith("inbox-")) return;
    showAway();
    showSwitches();
    if (key !== "inbox-mute") tellHere();
  });

  document.addEventListener("click", async (event) => {
    const on = (selector) => event.target.closest?.(selector);
    if (on("[data-away]")) {
      stored.set("inbox-away", stored.get("inbox-away") === "1" ? "0" : "1");
      showAway();
      tellHere();
    } else if (on("[data-sound]")) {
      stored.set("inbox-mute", stored.get("inbox-mute") === "1" ? "0" : "1");
      showSwitches();
    } else if (on("[data-notify]")) {
      await Notification.requestPermission();
      showSwitches();
    } else if (on("[data-about]")) {
      about();
    }
  });

  function about(open = !("aboutOpen" in $(".inbox__pane").dataset)) {
    const box = $(".inbox__pane");
    if (open) box.dataset.aboutOpen = "";
    else delete box.dataset.aboutOpen;
    document.getElementById("about")?.setAttribute("aria-expanded", String(open));
    (open ? $(".visitor__close") : document.getElementById("about"))?.focus();
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && "aboutOpen" in $(".inbox__pane").dataset) about(false);
  });

  // ---- What is open --------------------------------------------------------

  const name = document.title.replace(/^\(\d+\) /, "").split(" – ").slice(-2).join(" – ");

  function show() {
    const open = pane();
    inbox.toggleAttribute("data-open", Boolean(open));
    for (const link of document.querySelectorAll(".inbox-row__link")) {
      const here = open && link.id === `row-link-${open.dataset.conversation}`;
      if (here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const unread = Number(list()?.dataset.unread || 0);
    document.title = `${unread ? `(${unread}) ` : ""}${open ? `${open.dataset.name} – ` : ""}${name}`;
    showAway();
    showSwitches();
    clocks();
  }

  function opened() {
    delete $(".inbox__pane").dataset.aboutOpen;
    if (pane()) pane().dataset.top = Math.max(0, ...messages().map(seqOf));
    arrange();
    const found = new URLSearchParams(location.search).get("seq");
    const hit = found && log()?.querySelector(`[data-seq="${CSS.escape(found)}"]`);
    if (hit) hit.scrollIntoView({ block: "center" });
    else toEnd();
    show();
    showLooking();
    seen();
    tellLooking();
    // Told while the page was on its way.
    if (pane() && told.get(pane().dataset.conversation) > lastSeq()) readRest();
    document.dispatchEvent(new CustomEvent("inbox:opened"));
  }

  document.addEventListener("htmx:afterSwap", ({ detail }) => {
    if (detail.target.id === "conversation") return opened();
    // What asked for the earlier ones is no longer in the page: they have taken its place.
    if (detail.target.matches?.(".talk__earlier") || detail.target.closest?.(".talk__log")) arrange();
    if (detail.target.id === "talk-header" && pane()) {
      clocks();
      readHeader();
      readList();
    }
  });
  // Whoever puts a conversation away says up to where he has it, as it is now.
  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt.closest("#talk-header") && detail.parameters.seen) detail.parameters.seen = lastSeq();
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    // Earlier messages come in above: what one reads stays where it is.
    const box = $(".talk__messages");
    if (!detail.target.matches?.(".talk__earlier")) return;
    const below = box.scrollHeight - box.scrollTop;
    requestAnimationFrame(() => requestAnimationFrame(() => (box.scrollTop = box.scrollHeight - below)));
  });
  window.addEventListener("popstate", () => location.reload());

  // ---- The socket -----------------------------------------------------------

  function listen() {
    clearTimeout(listening);
    const opened = (socket = new WebSocket(location.origin.replace(/^http/, "ws") + new URL(inbox.dataset.inbox, location.href).pathname));
    heardAt = Date.now();
    socket.addEventListener("open", () => {
      failures = 0;
      tellHere();
      tellLooking();
      catchUp();
    });
    socket.addEventListener("message", ({ data }) => {
      heardAt = Date.now();
      if (!data.startsWith("{")) return hearMessage(data);
      const frame = JSON.parse(data);
      if (frame.type === "typing") hearTyping(frame);
      else if (frame.type === "looking" || frame.type === "left") hearLooking(frame);
      else if (frame.type === "resync") catchUp();
      else if (frame.type === "change") hearChange(frame);
    });
    socket.addEventListener("close", ({ code }) => {
      if (opened !== socket) return;
      if (code === SIGNED_OUT) return location.reload();
      failures += 1;
      listening = setTimeout(listen, Math.min(30000, 500 * 2 ** failures) * (0.5 + Math.random() / 2));
    });
  }

  // One of a network that went would say nothing for a long time, not even that it is gone.
  function listenAnew() {
    const before = socket;
    listen();
    before.close();
  }

  function beat() {
    if (Date.now() - heardAt > SILENCE) listenAnew();
    if (socket.readyState !== WebSocket.OPEN) catchUp();
  }

  function hearChange(frame) {
    readList();
    if (pane()?.dataset.conversation === frame.conversation) readHeader();
  }

  function catchUp() {
    readList();
    readHeader();
  }

  window.inbox = { me, csrf, pane, put, parse, toEnd, lastSeq, tell, readHeader };
  document.addEventListener("visibilitychange", () => {
    seen();
    tellLooking();
  });
  window.addEventListener("focus", seen);
  window.addEventListener("online", listenAnew);
  setInterval(beat, POLL);
  setInterval(showLooking, 10000);
  document.addEventListener("DOMContentLoaded", opened, { once: true });
  listen();
})();
