import { isTouch } from "../device.js";
import { listen } from "../safe.js";
import { element } from "../ui/dom.js";
import { button, say } from "./parts.js";
import { changed, chat, write } from "./talks.js";

const EMOJI = "😀 😂 😊 😍 🤔 😅 😉 😎 😢 😡 🙏 👍 👎 👏 🙌 💪 👋 🤝 ❤️ 🎉 ✨ 🔥 ✅ ❌ ⭐ 📦 🚚 💳 🎁 ☕".split(" ");
const TYPING = 1e3;

/** Where one writes. `talk()` is what it is for, `tell(frame)` says something over the socket. */
export function createComposer(talk, tell) {
  const text = element("textarea", { rows: 1, dir: "auto" });
  const reason = element("p", { role: "alert", class: "reason" });
  const picker = element("div", { class: "emoji", role: "group" });
  const file = element("input", { type: "file", hidden: "", tabindex: -1 });
  const attach = button(say("attach"), () => file.click(), "attach");
  const smile = button(say("emoji"), () => pick(picker.hidden), "emoji");
  const send = button(say("send"), submit, "send");
  const node = element("div", { class: "composer" }, reason, picker, element("div", {}, attach, smile, text, send), file);
  let typed = 0;
  picker.hidden = true;
  picker.append(...EMOJI.map((each) => button(each, () => insert(each))));

  function pick(open) {
    picker.hidden = !open;
    smile.ariaExpanded = open;
    if (open) picker.firstChild.focus();
  }

  function insert(emoji) {
    text.setRangeText(emoji, text.selectionStart, text.selectionEnd, "end");
    pick(false);
    text.focus();
    written();
  }

  function written() {
    const now = talk();
    now.draft = text.value;
    now.error = "";
    reason.textContent = "";
    grow();
    if (Date.now() - typed < TYPING || !now.id || !text.value) return;
    typed = Date.now();
    tell({ type: "typing", conversation: now.id });
  }

  function grow() {
    text.style.height = "";
    text.style.height = Math.min(text.scrollHeight, 140) + "px";
    send.disabled = !text.value.trim();
  }

  function submit() {
    const body = text.value.trim();
    if (!body) return;
    text.value = "";
    written();
    write(talk(), body);
    text.focus();
  }

  function give(files) {
    const { info } = chat;
    for (const each of files) {
      if (each.size > info.largest) {
        talk().error = say("too_big", { size: Math.floor(info.largest / 1048576) });
        changed();
      } else write(talk(), undefined, each);
    }
  }

  const taken = (data) => (chat.info?.files && data ? [...data.files] : []);

  listen(text, "input", written);
  listen(text, "keydown", (event) => {
    if (event.key != "Enter" || event.shiftKey || event.isComposing || isTouch()) return;
    event.preventDefault();
    submit();
  });
  listen(text, "paste", (event) => {
    const files = taken(event.clipboardData);
    if (files[0]) event.preventDefault();
    give(files);
  });
  listen(file, "change", () => {
    give(file.files);
    file.value = "";
  });

  function draw() {
    const now = talk();
    // What came back is written again, and another conversation has its own draft.
    if (text.value != now.draft) text.value = now.draft;
    text.placeholder = text.ariaLabel = say("write");
    attach.hidden = !chat.info?.files;
    if (reason.textContent != (now.error || "")) reason.textContent = now.error || "";
    text.ariaInvalid = !!now.error;
    grow();
  }

  /** Whether there was something of its own to leave. */
  function escape() {
    if (picker.hidden) return false;
    pick(false);
    smile.focus();
    return true;
  }

  return { node, draw, escape, drop: (data) => give(taken(data)), focus: () => text.focus() };
}
