import { element, link } from "../rich/core.js";
import { aria, button, label, note, put } from "./parts.js";
import { drain, info, language, say } from "./talks.js";

// What was said, each message one node as long as it is shown.

const LINK = /(https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]])/;

/** Text, with what begins with http:// or https:// as links. */
const linked = (text = "") => text.split(LINK).map((piece, i) => (i % 2 && link(piece, piece)) || piece);

/** A picture has its room before it is there. */
function shown({ url, name, size, width, height }) {
  if (!url) return name;
  const kilobytes = Math.ceil(size / 1e3).toLocaleString(language(), { style: "unit", unit: "kilobyte" });
  return link(url, width ? element("img", { src: url, alt: name, width, height }) : `${name} (${kilobytes})`);
}

function make({ author, kind, body, file, details }) {
  if (kind == "event") return note(say(details.event));
  return element("article", { class: author }, element("span", {}, file ? shown(file) : "", ...linked(body)));
}

const moment = (at) => new Date(at).toLocaleTimeString(language(), { timeStyle: "short" });

const standing = ({ read }, { failed, seq, passed }) =>
  say(failed ? "failed" : !seq ? "sending" : read >= seq ? "read" : passed ? "delivered" : "sent");

/** The list of a conversation. Its nodes are known by the page's own name or the server's number. */
export function createThread() {
  const list = element("section", { role: "log", tabindex: 0 });
  let nodes;
  let shownTalk;

  function node(talk, message, next) {
    const { author, kind, client_id, seq, file, name, at, failed } = message;
    const key = client_id || seq;
    const known = nodes[key];
    const item = known && known.file == file ? known : (nodes[key] = { file, node: make(message) });
    if (kind != "event") {
      const about = [name, moment(at), author == "visitor" && standing(talk, message)].filter((each) => each);
      item.meta ||= item.node.appendChild(element("small", { "aria-live": "off" }));
      // Once for what was said in a row.
      label(item.meta, next?.author == author && !failed && next.seq ? "" : about.join(" · "));
      if (failed) item.again ||= item.node.appendChild(button(say("again"), () => drain(talk)));
      else item.again = item.again?.remove();
    }
    return item.node;
  }

  function draw(talk, ...rest) {
    const bottom = list.scrollHeight - list.scrollTop - list.clientHeight;
    const isOther = talk != shownTalk;
    if (isOther) nodes = {};
    shownTalk = talk;
    aria(list, "label", say("messages"));
    const all = [...talk.messages, ...talk.outbox];
    // What the site said before the visitor did is among the messages once he has answered.
    const greeting = !all[0] || all[0].author == "visitor" ? talk.first?.line || info.greeting : "";
    nodes["." + greeting] ||= greeting && make({ author: "agent", body: greeting });
    put(list, [nodes["." + greeting], ...all.map((message, i) => node(talk, message, all[i + 1])), ...rest]);
    if (isOther || bottom < 90) list.scrollTop = 1e9;
  }

  return { list, draw };
}
