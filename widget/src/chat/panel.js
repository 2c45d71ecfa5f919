import { ctx, element, isTouch, listen, ofDocument, safe, textOn } from "../rich/core.js";
import { createComposer } from "./composer.js";
import { aria, button, form, label, note, put } from "./parts.js";
import { createRating } from "./rating.js";
import { call, tell } from "./server.js";
import { mute, muted, tune } from "./sound.js";
import { begin, changed, drain, fill, info, introduce, language, look, person, refresh, say, talks, told, trouble, unread, watch } from "./talks.js";
import { createThread } from "./thread.js";

const SOON = 6 * 864e5;

/** When somebody is back, by the visitor's own clock. */
function back(at) {
  const day = Date.parse(at) - Date.now() < SOON ? { weekday: "long" } : { day: "numeric", month: "long" };
  return new Date(at).toLocaleString(language(), { ...day, hour: "numeric", minute: "numeric" });
}

export function createPanel(send) {
  const { accent } = ctx.setup.chat;
  const { launcher } = ctx;
  const called = launcher.getAttribute("aria-label");
  const title = element("b", {});
  const status = element("small", {});
  const badge = element("u", {});
  const summary = element("summary", {}, "⋯");
  const menu = element("details", {}, summary);
  const shut = button("×", close);
  const list = element("ul", {});
  const header = element("header", {}, element("div", {}, title, status), menu, shut);
  const thread = createThread();
  const composer = createComposer(() => current, send);
  const typing = element("em", { role: "status" });
  const panel = element("div", { class: launcher.className + " chat auto", role: "dialog", tabindex: -1, hidden: "" }, header);
  let current;
  let listed; // all of them, instead of one
  let asking;
  let isOpen;
  let calmly; // by nobody's wish: the focus stays where it is
  let origin;

  panel.style.cssText = `--accent:${accent};--on:${textOn(accent)}`;
  launcher.before(panel);

  const to = (path) => `conversations/${current.id}/${path}`;
  const focused = () => panel.getRootNode().activeElement;

  /** What can be done besides writing. */
  function choices() {
    const { id, state } = current;
    return [
      ["all", id && !listed && showAll],
      ["new", () => choose()],
      [muted ? "unmute" : "mute", mute],
      ["transcript", id && mail],
      ["end", id && state == "open" && (async () => told(await call("PUT", to("closure"), {})))],
    ].map(([name, work]) => work && button(say(name), work));
  }

  function showAll() {
    listed = true;
    draw();
    panel.focus();
  }

  const fresh = () => talks.find(({ id, outbox }) => !id && !outbox[0]) || begin();

  function choose(talk) {
    listed = false;
    current = talk || fresh();
    draw();
    focus();
    if (current.id && !current.loaded) return fill(current);
  }

  /** At once to an address that is known, else to one that is asked for. */
  async function mail() {
    const talk = current;
    const path = to("transcript");
    const post = async (values) => {
      await call("POST", path, values);
      talk.extra = note(say("mailed"));
      changed();
    };
    if (info.known) return post({});
    talk.extra = form([["email", { type: "email", required: "" }]], "transcript", post);
    draw();
    talk.extra.querySelector("input").focus();
  }

  const isAsking = () => !info.gone && !current.id && !current.outbox[0] && !person && !info.known && info.asks != "nothing";

  function introduction() {
    asking ||= form([["name"], ["email", { type: "email", ...(info.asks == "required" && { required: "" }) }]], "start", (values) => {
      introduce(values);
      draw();
      focus();
    });
    return asking;
  }

  function row(talk) {
    const count = unread(talk);
    const text = talk.excerpt || talk.outbox[0]?.body;
    if (!text) return;
    const node = button("", () => choose(talk));
    node.append(element("span", {}, text), talk.state == "closed" ? "✓" : "", count ? element("u", {}, count) : "");
    return element("li", {}, node);
  }

  function draw() {
    const count = talks.reduce((sum, talk) => sum + unread(talk), 0);
    const name = info.title || called;
    label(badge, count);
    if (count) launcher.append(badge);
    else badge.remove();
    aria(launcher, "label", name + (count ? ` (${count})` : ""));
    if (!current) return;
    // He may have become somebody else.
    if (!talks.includes(current)) current = talks[0] || begin();
    const { words, open, back_at: at, rating, gone } = info;
    const { typist, state, extra, blamed } = current;
    const asks = isAsking();
    aria(panel, "label", name);
    label(title, name);
    label(status, trouble || !navigator.onLine ? say("offline") || "…" : open ? say("here") : at ? say("back", back(at)) : "");
    aria(summary, "label", say("more"));
    aria(shut, "label", say("close") || "Close");
    label(typing, gone || (typist ? say("typing", typist.name || name) : asks && blamed) || "");
    // Until then it reads as its page does.
    if (!words) return put(panel, [header, typing]);
    panel.lang = words.lang;
    panel.dir = words.dir;
    if (listed) {
      put(list, talks.map(row));
      return put(panel, [header, list]);
    }
    if (state == "closed" && rating) current.rated ||= createRating(current);
    const away = info.away || say("away");
    // The site may have said it in the conversation.
    const answered = open || current.messages.some(({ body }) => body == away);
    thread.draw(current, !answered && (current.away ||= note(away)), current.rated?.(state), extra, asks && introduction());
    put(panel, [header, thread.list, typing, !gone && !asks && composer.node]);
    if (!asks) composer.draw();
    if (attends(current)) look(current, send);
  }

  const attends = (talk) => isOpen && !listed && talk == current && !ofDocument("hidden");

  function focus() {
    const first = !isTouch() && (asking?.isConnected ? asking.querySelector("input") : composer.text);
    if (isOpen && !calmly) (first || panel).focus();
  }

  /** Above the keyboard of a phone. */
  function fit() {
    const { height, offsetTop } = visualViewport;
    const small = innerWidth <= 480;
    panel.style.height = small ? height + "px" : "";
    panel.style.top = small ? offsetTop + "px" : "";
    aria(panel, "modal", small);
  }

  /** `first` is what the site says before anything else, `calm` that nobody asked for the panel,
   * `wrong` the name of what is to be said of the link that led here. */
  async function open(first, calm, wrong) {
    calmly = calm;
    // Nobody is interrupted.
    if (first && !(isOpen && (current.id || current.draft || current.outbox[0]))) {
      listed = false;
      current = fresh();
      current.first = first;
      changed();
    }
    if (isOpen) return;
    isOpen = true;
    origin = focused() || ofDocument("activeElement");
    panel.hidden = false;
    aria(launcher, "expanded", true);
    if (!calm) tune();
    fit();
    tell("opened", "openings");
    current ||= begin();
    draw();
    if (!calm) panel.focus();
    await refresh();
    settle();
    if (!wrong) return;
    current.blamed = say(wrong);
    changed();
  }

  /** What was said before is gone on with, unless the visitor was faster. */
  function settle() {
    const going = talks.find(({ seq, seen }) => seq > seen) || talks.find(({ state }) => state == "open");
    if (isOpen && !current.outbox[0] && !current.draft) safe(choose)(current.id || current.first ? current : going);
  }

  function close() {
    if (!isOpen) return;
    isOpen = menu.open = false;
    const within = focused();
    panel.hidden = true;
    aria(launcher, "expanded", false);
    if (within) (launcher.offsetWidth ? launcher : origin).focus();
    tell("closed", "closings");
  }

  listen(menu, "toggle", () => menu.open && put(menu, [summary, element("div", {}, ...choices().filter((each) => each))]));
  listen(panel, "click", ({ target }) => {
    calmly = false;
    for (const each of [menu, composer.picker]) if (!each.contains(target) || target.localName == "button") each.open = false;
  });
  listen(panel, "keydown", (event) => {
    if (event.key != "Escape") return;
    const unfolded = panel.querySelector("[open]");
    if (!unfolded) return close();
    unfolded.open = false;
    unfolded.firstChild.focus();
  });
  listen(panel, "dragover drop", (event) => {
    event.preventDefault();
    composer.give(event.dataTransfer.files);
  });
  listen(window, "visibilitychange online offline", () => {
    changed();
    talks.forEach(drain);
  });
  listen(visualViewport, "resize scroll", fit);
  watch(draw, attends);
  return { open, close, settle, isOpen: () => isOpen };
}
