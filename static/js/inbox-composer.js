// What an agent writes: kept as a draft until it is sent, filled from canned replies, sent without a reload.
(() => {
  "use strict";
  const { me, csrf, pane, put, parse, toEnd, lastSeq, tell, readHeader } = window.inbox || {};
  if (!pane) return;
  const TYPING_EVERY = 2000;
  const LARGEST = 5 * 1024 * 1024;
  const PATIENCE = 20000;
  const PATIENCE_WITH_FILES = 120000;

  const form = () => document.querySelector("[data-composer]");
  const text = () => form()?.elements.body;
  const error = () => document.getElementById("composer-error");
  const box = () => document.getElementById("replies");
  const shown = () => pane()?.dataset.conversation;
  const draftKey = () => `draft-${shown()}`;
  let typedAt = 0;
  let replies = null;
  // Whether a reply goes into what is written already, where the cursor is; else it takes the place of "/…".
  let among = false;

  // ---- Drafts ---------------------------------------------------------------

  function keep() {
    const { body, note } = form().elements;
    store(draftKey(), body.value && { body: body.value, note: note.value });
  }

  function store(key, value) {
    try {
      if (value) sessionStorage.setItem(key, JSON.stringify(value));
      else sessionStorage.removeItem(key);
    } catch {
      // It lasts as long as the page then.
    }
  }

  function stored(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key) || "null");
    } catch {
      return null;
    }
  }

  function restore() {
    const draft = form() && !text().value && stored(draftKey());
    if (!draft) return;
    text().value = draft.body;
    form().elements.note.value = draft.note;
  }

  function mode() {
    const note = form().elements.note.value === "1";
    text().placeholder = note ? text().dataset.note : text().dataset.reply;
    document.getElementById("send").lastChild.textContent = note ? "Add note" : "Send";
  }

  document.addEventListener("inbox:opened", () => {
    replies = null;
    if (!form()) return;
    restore();
    mode();
    showWaiting();
  });

  // ---- Typing, and colleagues who were faster ----------------------------------

  function tellTyping() {
    const now = Date.now();
    if (now - typedAt < TYPING_EVERY) return;
    typedAt = now;
    tell({ type: "typing", conversation: pane().dataset.conversation, note: form().elements.note.value === "1" });
  }

  document.addEventListener("inbox:heard", ({ detail }) => {
    if (!form()) return;
    const { seen, note } = form().elements;
    const another = detail.author === "agent" && detail.kind !== "note" && detail.member !== document.querySelector("[data-inbox]").dataset.me;
    if (another && text().value && note.value !== "1") error().textContent = `${detail.name} replied meanwhile. Read it, then send yours if it is needed.`;
    // Told once: what is sent from here on is sent knowingly.
    if (document.hasFocus() && !document.hidden) seen.value = lastSeq();
  });

  document.addEventListener("input", (event) => {
    if (event.target.name !== "body" || !event.target.closest("[data-composer]")) return;
    if (event.target.value.length === 1 && !replies) form().elements.seen.value = lastSeq();
    keep();
    if (event.target.value.startsWith("/")) suggest();
    else {
      hide();
      tellTyping();
    }
  });

  document.addEventListener("change", (event) => {
    if (!event.target.closest?.("[data-composer]")) return;
    if (event.target.name === "note") {
      mode();
      keep();
      text().focus();
    }
    if (event.target.name === "file") showFile();
  });

  // ---- Files ----------------------------------------------------------------

  function showFile() {
    const file = form().elements.file.files[0];
    const line = form().querySelector("[data-file]");
    line.hidden = !file;
    line.querySelector("[data-file-name]").textContent = file ? file.name : "";
    error().textContent = file && file.size > LARGEST ? "A file has at most 5 MB." : "";
    text().focus();
  }

  function dropFile() {
    form().elements.file.value = "";
    showFile();
  }

  document.addEventListener("paste", (event) => {
    if (!event.target.closest?.("[data-composer]") || !event.clipboardData.files.length) return;
    event.preventDefault();
    form().elements.file.files = event.clipboardData.files;
    showFile();
  });

  // ---- Canned replies ---------------------------------------------------------

  async function load() {
    const answer = await fetch(form().dataset.replies).catch(() => null);
    if (!answer?.ok || !form()) return;
    replies = (await answer.json()).data;
    box().replaceChildren(...(replies.length ? replies.map(option) : [none()]));
  }

  function option({ shortcut, body }) {
    const item = document.createElement("li");
    item.className = "composer__reply";
    item.id = `reply-${shortcut}`;
    item.role = "option";
    item.dataset.shortcut = shortcut;
    item.dataset.body = body;
    const name = document.createElement("strong");
    name.textContent = `/${shortcut}`;
    const text = document.createElement("span");
    text.textContent = body;
    item.append(name, text);
    return item;
  }

  function none() {
    const item = option({ shortcut: "", body: "" });
    item.textContent = "There are no canned replies yet. Write the first under More, Canned replies.";
    item.ariaDisabled = "true";
    delete item.dataset.shortcut;
    delete item.dataset.body;
    return item;
  }

  const options = () => [...box().querySelectorAll("[data-shortcut]")].filter((each) => !each.hidden);
  const chosen = () => box().querySelector('[aria-selected="true"]');

  async function suggest() {
    if (!replies) await load();
    if (!replies || !(among || text().value.startsWith("/"))) return;
    const words = among ? "" : text().value.slice(1).toLowerCase();
    for (const each of box().querySelectorAll("[data-shortcut]")) {
      each.hidden = !(each.dataset.shortcut.includes(words) || each.dataset.body.toLowerCase().includes(words));
    }
    const left = options();
    box().hidden = !left.length && box().querySelectorAll("[data-shortcut]").length > 0;
    choose(left.find((each) => each.dataset.shortcut.startsWith(words)) || left[0]);
  }

  function choose(option) {
    for (const each of box().children) each.setAttribute("aria-selected", String(each === option));
    if (option) text().setAttribute("aria-activedescendant", option.id);
    else text().removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  function hide() {
    among = false;
    if (box()) box().hidden = true;
    text()?.removeAttribute("aria-activedescendant");
  }

  function take(option) {
    const { value, selectionStart, selectionEnd } = text();
    const [from, to] = among ? [selectionStart, selectionEnd] : [0, value.length];
    text().setRangeText(option.dataset.body, from, to, "end");
    hide();
    keep();
    text().focus();
    if (!among) text().scrollTop = text().scrollHeight;
  }

  // What only asked for the list is no text.
  function leave() {
    hide();
    if (text().value !== "/") return;
    text().value = "";
    keep();
  }

  function walk(event) {
    const left = options();
    const at = left.indexOf(chosen());
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && left.length) choose(left[(at + step + left.length) % left.length]);
    else if ((event.key === "Enter" || event.key === "Tab") && chosen()) take(chosen());
    else if (event.key === "Escape") leave();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  document.addEventListener("pointerdown", (event) => {
    const option = event.target.closest?.(".composer__reply[data-body]");
    if (option) {
      event.preventDefault();
      take(option);
    } else if (form() && !event.target.closest?.("[data-composer]")) hide();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-file-drop]")) dropFile();
    if (event.target.closest?.("[data-replies-open]")) {
      if (!text().value) text().value = "/";
      among = !text().value.startsWith("/");
      text().focus();
      suggest();
    }
  });

  // ---- Sending ----------------------------------------------------------------

  // The text leaves at once, so that what is typed meanwhile is of the next message. It waits here until the
  // server has it or says why not: one after the other, in the order in which they were sent, each under a name of
  // its own on every try, so that it counts once. A reload goes on with it; only files are of this page alone.
  const OUTBOX = `outbox-${me}`;
  const UNREACHED = "Candor cannot be reached. This is sent as soon as it can be.";
  const LATER = [408, 425, 429, 502, 503, 504];
  let outbox = stored(OUTBOX) || [];
  let failures = 0;
  let returns = 0;
  let posting;
  let again;

  const name = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
  const remember = () => store(OUTBOX, outbox.some(isText) && outbox.filter(isText));
  const isText = ({ files }) => !files.length;

  function send(sent) {
    const { body, file, note, seen } = sent.elements;
    if (!body.value.trim() && !file.files.length) return;
    outbox.push({ name: name(), conversation: shown(), action: sent.action, body: body.value, note: note.value, seen: seen.value, files: file.files.length ? copyOf(file.files) : [] });
    remember();
    // A note may be followed by another: nothing meant for colleagues goes to the visitor by itself.
    body.value = "";
    if (file.files.length) dropFile();
    mode();
    keep();
    error().textContent = "";
    drain();
    body.focus();
  }

  // Emptying the field empties its own list.
  function copyOf(files) {
    const copy = new DataTransfer();
    for (const each of files) copy.items.add(each);
    return copy.files;
  }

  async function drain() {
    clearTimeout(again);
    if (posting) return;
    posting = true;
    for (let message; (message = outbox[0]); ) {
      showWaiting();
      const before = returns;
      const { status, page, after } = await post(message);
      if (!status) {
        failures += 1;
        // What failed began while there was no network.
        if (before !== returns) continue;
        again = setTimeout(drain, after * 1000 || Math.min(15000, 500 * 2 ** failures) * (0.5 + Math.random() / 2));
        break;
      }
      failures = 0;
      outbox.shift();
      remember();
      if (status === 201) arrived(message, page);
      else refused(message, page.getElementById("composer-error")?.textContent.trim() || reason(status), page.querySelector("[name=seen]")?.value);
    }
    posting = false;
    showWaiting();
  }

  /** No `status`: nobody knows whether it arrived, or it may be told `after` so many seconds. */
  async function post(message) {
    const signal = AbortSignal.timeout(isText(message) ? PATIENCE : PATIENCE_WITH_FILES);
    try {
      const answer = await fetch(message.action, { method: "POST", body: dataOf(message), headers: { "HX-Request": "true" }, signal });
      if (LATER.includes(answer.status)) return { after: answer.headers.get("retry-after") };
      return { status: answer.status, page: parse(await answer.text()) };
    } catch {
      return {};
    }
  }

  function dataOf({ name: client_id, body, note, seen, files }) {
    const data = new FormData();
    for (const [key, value] of Object.entries({ csrf_token: csrf(), client_id, body, note, seen })) data.append(key, value);
    for (const each of files) data.append("file", each);
    return data;
  }

  // What is on its way is shown only where that takes long.
  function showWaiting() {
    if (!form()) return;
    const mine = outbox.filter(({ conversation }) => conversation === shown());
    const list = form().querySelector("[data-waiting]");
    list.replaceChildren(...(failures ? mine : []).map(({ body, files }) => Object.assign(document.createElement("li"), { textContent: body || files[0].name })));
    list.hidden = !list.children.length;
    if (mine.length) form().setAttribute("aria-busy", "true");
    else form().removeAttribute("aria-busy");
    if (!list.hidden) error().textContent = UNREACHED;
    else if (error().textContent === UNREACHED) error().textContent = "";
  }

  function arrived({ conversation }, page) {
    if (shown() !== conversation) return;
    put(page.querySelectorAll(".message"));
    if (form()) form().elements.seen.value = lastSeq();
    toEnd();
    readHeader();
  }

  // It comes back, and what was to follow it as well. A note never becomes a reply by this, whatever was written since.
  function refused(message, why, seen) {
    const follows = (each) => each.conversation === message.conversation && isText(each);
    const back = [message, ...outbox.filter(follows)];
    outbox = outbox.filter((each) => !follows(each));
    remember();
    const key = `draft-${message.conversation}`;
    const open = shown() === message.conversation && form();
    const now = open ? { body: text().value, note: open.elements.note.value } : stored(key) || {};
    const body = [...back, now].map((each) => each.body).filter(Boolean).join("\n");
    const note = [...back, now].map((each) => each.note).find(Boolean) || "";
    store(key, body && { body, note });
    if (!open) return;
    text().value = body;
    open.elements.note.value = note;
    if (!isText(message)) open.elements.file.files = message.files;
    if (!isText(message)) showFile();
    if (seen) open.elements.seen.value = seen;
    mode();
    error().textContent = why;
  }

  addEventListener("online", () => {
    returns += 1;
    drain();
  });
  addEventListener("beforeunload", (event) => outbox.length && event.preventDefault());
  document.addEventListener("DOMContentLoaded", drain, { once: true });

  const reasons = { 401: "You are signed out.", 403: "You may not answer here.", 404: "This conversation is gone.", 413: "That is too large. A file has at most 5 MB." };
  const reason = (status) => `${reasons[status] || "This could not be sent."} Your text is still here.`;

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-composer]")) return;
    event.preventDefault();
    send(event.target);
  });

  document.addEventListener("keydown", (event) => {
    if (event.target !== text() || event.isComposing) return;
    if (!box().hidden && walk(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      form().requestSubmit();
    } else if (event.key === "Escape") {
      event.target.blur();
      document.querySelector(".talk__messages").focus();
    }
  });
})();
