// What an agent writes: kept as a draft until it is sent, filled from canned replies, sent without a reload.
(() => {
  "use strict";
  const { pane, put, parse, toEnd, lastSeq, tell, readHeader } = window.inbox || {};
  if (!pane) return;
  const TYPING_EVERY = 2000;
  const LARGEST = 5 * 1024 * 1024;

  const form = () => document.querySelector("[data-composer]");
  const text = () => form()?.elements.body;
  const error = () => document.getElementById("composer-error");
  const box = () => document.getElementById("replies");
  const draftKey = () => `draft-${pane().dataset.conversation}`;
  let typedAt = 0;
  let replies = null;

  // ---- Drafts ---------------------------------------------------------------

  function keep() {
    const { body, note } = form().elements;
    store(draftKey(), body.value, note.value);
  }

  function store(key, body, note) {
    try {
      if (body) sessionStorage.setItem(key, JSON.stringify({ body, note }));
      else sessionStorage.removeItem(key);
    } catch {
      // It lasts as long as the page then.
    }
  }

  const forget = (key) => store(key, "");

  function restore() {
    if (!form() || text().value) return;
    try {
      const draft = JSON.parse(sessionStorage.getItem(draftKey()) || "null");
      if (!draft) return;
      text().value = draft.body;
      form().elements.note.value = draft.note;
    } catch {
      // Nothing was kept.
    }
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
    if (!replies || !text().value.startsWith("/")) return;
    const words = text().value.slice(1).toLowerCase();
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
    if (box()) box().hidden = true;
    text()?.removeAttribute("aria-activedescendant");
  }

  function take(option) {
    text().value = option.dataset.body;
    hide();
    keep();
    text().focus();
    text().setSelectionRange(text().value.length, text().value.length);
    text().scrollTop = text().scrollHeight;
  }

  function walk(event) {
    const left = options();
    const at = left.indexOf(chosen());
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && left.length) choose(left[(at + step + left.length) % left.length]);
    else if ((event.key === "Enter" || event.key === "Tab") && chosen()) take(chosen());
    else if (event.key === "Escape") hide();
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
      text().focus();
      suggest();
    }
  });

  // ---- Sending ----------------------------------------------------------------

  let queue = Promise.resolve();

  // The text leaves at once, so that what is typed meanwhile is of the next message, and comes back if it
  // could not be sent. One after the other, in the order in which they were sent.
  function send(sent) {
    const { body, client_id: name, file, note } = sent.elements;
    if (!body.value.trim() && !file.files.length) return;
    // The same name for each try, so that it counts once.
    name.value = name.value || crypto.randomUUID();
    const message = { form: sent, key: draftKey(), data: new FormData(sent), files: copyOf(file.files) };
    body.value = name.value = note.value = "";
    if (file.files.length) dropFile();
    mode();
    error().textContent = "";
    queue = queue.then(() => post(message));
    body.focus();
  }

  // Emptying the field empties its own list.
  function copyOf(files) {
    const copy = new DataTransfer();
    for (const each of files) copy.items.add(each);
    return copy.files;
  }

  async function post(message) {
    sending(message.form, true);
    try {
      const answer = await fetch(message.form.action, { method: "POST", body: message.data, headers: { "HX-Request": "true" } });
      const page = parse(await answer.text());
      if (answer.status === 201) arrived(message, page);
      else refused(message, page.getElementById("composer-error")?.textContent.trim() || reason(answer.status), page.querySelector("[name=seen]")?.value);
    } catch {
      // It may have arrived: the next try has the same name.
      refused(message, "Candor cannot be reached. Your text is still here: send it again.", null, message.data.get("client_id"));
    } finally {
      sending(message.form, false);
    }
  }

  const sending = (which, busy) => (busy ? which.setAttribute("aria-busy", "true") : which.removeAttribute("aria-busy"));

  function arrived(message, page) {
    if (form() !== message.form) return forget(message.key);
    keep();
    put(page.querySelectorAll(".message"));
    form().elements.seen.value = lastSeq();
    toEnd();
    readHeader();
  }

  // A note never becomes a reply by this, whatever was written since.
  function refused(message, why, seen, name = "") {
    const body = message.data.get("body");
    const note = message.data.get("note");
    if (form() !== message.form) return store(message.key, body, note);
    const fields = form().elements;
    fields.body.value = body + (fields.body.value && `\n${fields.body.value}`);
    fields.note.value = note || fields.note.value;
    fields.client_id.value = name;
    if (message.files.length) fields.file.files = message.files;
    if (message.files.length) showFile();
    if (seen) fields.seen.value = seen;
    mode();
    keep();
    error().textContent = why;
  }

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
