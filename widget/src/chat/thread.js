import { element, link } from "../ui/dom.js";
import { button, label, say } from "./parts.js";
import { chat, drain } from "./talks.js";

// What was said, each message one node as long as it is shown.

const TOGETHER = 300e3;
const LINK = /(https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}])/;

/** Text, with what begins with http:// or https:// as links. */
const linked = (text) => text.split(LINK).map((piece, i) => (i % 2 && link(piece, piece)) || piece);

const units = (size) => (size < 1e6 ? [Math.ceil(size / 1e3), "kilobyte"] : [(size / 1e6).toFixed(1), "megabyte"]);

function sized(size) {
  const [value, unit] = units(size);
  return new Intl.NumberFormat(chat.language(), { style: "unit", unit }).format(value);
}

/** A picture has its room before it is there. */
function shown({ url, name, size, width, height }) {
  if (!width) return link(url, element("bdi", {}, name), element("small", {}, sized(size)));
  const picture = element("img", { src: url, alt: name, width, height, loading: "lazy" });
  return link(url, picture);
}

const clock = (at) => new Intl.DateTimeFormat(chat.language(), { hour: "numeric", minute: "numeric" }).format(new Date(at));

/** The words of a site itself, which are no message. */
export const greeting = (text) => element("li", { class: "agent" }, element("div", { dir: "auto" }, ...linked(text)));

function make({ author, kind, body, file, details, client_id }) {
  if (kind == "event") return element("li", { class: "event" }, details?.event == "closed" ? say("ended") : say("reopened"));
  const sent = file && (file.url ? shown(file) : file.name);
  const content = element("div", { dir: "auto" }, ...(sent ? [sent] : []), ...(body ? linked(body) : []));
  return element("li", { class: (author == "visitor" ? "own" : "agent") + (file?.width ? " picture" : ""), "data-name": client_id || "" }, content);
}

function standing(talk, message) {
  const { failed, seq, delivered } = message;
  if (failed) return say("failed");
  if (!seq) return say("sending");
  return talk.read >= seq ? say("read") : say(delivered ? "delivered" : "sent");
}

/** The list of a conversation. Its nodes are known by number, and by name until they have one. */
export function createThread() {
  const list = element("ol", { role: "log", "aria-live": "polite" });
  const typing = element("p", { class: "note", role: "status" });
  let nodes = new Map();

  function about(talk, message, last, own) {
    const { author, name, at } = message;
    const parts = [author == "agent" && name, clock(at), own && last && standing(talk, message)];
    return parts.filter(Boolean).join(" · ");
  }

  function node(talk, message, next, lastOwn) {
    const key = message.client_id || message.seq;
    const known = nodes.get(key);
    const item = known && (!message.file || known.file == message.file) ? known : { node: make(message), file: message.file };
    nodes.set(key, item);
    if (message.kind == "event") return item.node;
    const own = message.author == "visitor";
    const ends = !next || next.author != message.author || next.kind == "event" || Date.parse(next.at) - Date.parse(message.at) > TOGETHER;
    const isLast = message == lastOwn || message.failed;
    item.meta ||= item.node.appendChild(element("small", { "aria-live": "off" }));
    label(item.meta, ends || isLast ? about(talk, message, isLast || !message.seq, own) : "");
    item.node.classList.toggle("failed", !!message.failed);
    if (message.failed) item.again ||= item.node.appendChild(button(say("again"), () => drain(talk)));
    else if (item.again) item.again = item.again.remove();
    return item.node;
  }

  function draw(talk, scroller) {
    const stuck = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80 || talk != draw.talk;
    if (talk != draw.talk) nodes = new Map();
    list.ariaLabel = say("messages");
    const all = [...talk.messages, ...talk.outbox];
    const lastOwn = all.filter(({ author }) => author == "visitor").at(-1);
    const { info } = chat;
    const first = nodes.get(0) || { node: info?.greeting ? greeting(info.greeting) : "" };
    if (info) nodes.set(0, first);
    const wanted = [first.node, ...all.map((message, i) => node(talk, message, all[i + 1], lastOwn))].filter(Boolean);
    // Only what is new is put in, so only that is read out.
    wanted.forEach((each, i) => list.children[i] != each && list.insertBefore(each, list.children[i] || null));
    while (list.children.length > wanted.length) list.lastChild.remove();
    const { name = "" } = talk.typing || {};
    label(typing, talk.typing ? say("typing", { name: name || info?.title || say("title") }) : "");
    if (stuck) scroller.scrollTop = scroller.scrollHeight;
    draw.talk = talk;
  }

  return { nodes: [list, typing], draw };
}
