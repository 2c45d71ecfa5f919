import { element, isTouch, listen } from "../rich/core.js";
import { aria, button, label } from "./parts.js";
import { changed, info, say, write } from "./talks.js";

const PAUSE = 1e3; // between two signs that somebody is writing

/** Where one writes. `talk()` is what it is for, `send(frame)` says something over the socket. */
export function createComposer(talk, send) {
  const text = element("textarea", { rows: 1, dir: "auto" });
  const reason = element("strong", { role: "alert" });
  const file = element("input", { type: "file", hidden: "" });
  const attach = button("+", () => file.click());
  const smile = element("summary", {}, "☺\ufe0e");
  const picker = element("details", {}, smile);
  const go = button("↑", submit, { class: "go" });
  const node = element("footer", {}, reason, picker, attach, text, go, file);
  let typed = 0;

  function insert(emoji) {
    text.setRangeText(emoji, text.selectionStart, text.selectionEnd, "end");
    picker.open = false;
    text.focus();
    written();
  }

  function written() {
    const { id } = Object.assign(talk(), { draft: text.value, blamed: "" });
    draw();
    if (Date.now() - typed < PAUSE || !id || !text.value) return;
    typed = Date.now();
    send({ type: "typing", conversation: id });
  }

  function submit() {
    const body = text.value.trim();
    if (body) write(talk(), body);
    text.value = "";
    written();
    text.focus();
  }

  function give(files) {
    for (const each of (info.files && files) || []) {
      if (each.size > info.largest) {
        talk().blamed = say("too_big", info.largest >> 20);
        changed();
      } else write(talk(), undefined, each);
    }
  }

  listen(text, "input", written);
  listen(text, "keydown", (event) => {
    if (event.key != "Enter" || event.shiftKey || event.isComposing || isTouch()) return;
    event.preventDefault();
    submit();
  });
  listen(node, "paste", ({ clipboardData }) => give(clipboardData.files));
  listen(file, "change", () => {
    give(file.files);
    file.value = "";
  });

  function draw() {
    const { draft, blamed } = talk();
    // What came back is written again, and another conversation has a draft of its own.
    if (text.value != draft) text.value = draft;
    text.placeholder = say("write");
    aria(text, "label", text.placeholder);
    aria(attach, "label", say("attach"));
    attach.hidden = !info.files;
    aria(smile, "label", say("emoji"));
    aria(go, "label", say("send"));
    if (!picker.lastChild.lastChild.lastChild) picker.append(element("div", {}, ...say("smileys").split(" ").map((each) => button(each, () => insert(each)))));
    label(reason, blamed);
    text.style.height = "";
    text.style.height = Math.min(text.scrollHeight, 140) + "px";
  }

  return { node, text, picker, give, draw };
}
