import { isTouch } from "../device.js";
import { listen } from "../safe.js";
import { element, ofDocument } from "../ui/dom.js";
import { textOn } from "../ui/colours.js";
import { ctx } from "../rich/core.js";
import { createComposer } from "./composer.js";
import { createRating, end, transcript } from "./ending.js";
import { listing } from "./listing.js";
import { button, form, label, note, put, say } from "./parts.js";
import { tell } from "./server.js";
import { allowSound, isMuted, mute } from "./sound.js";
import { begin, changed, chat, drain, look, refresh, unread } from "./talks.js";
import { createThread } from "./thread.js";

const RIGHT_TO_LEFT = /^(ar|dv|fa|he|ps|ur|yi)\b/;
const DAYS = 6 * 864e5;
const phone = matchMedia("(max-width:480px)");

/** When somebody is back, by the visitor's own clock. */
function back(at) {
  const far = Date.parse(at) - Date.now() > DAYS;
  const day = far ? { day: "numeric", month: "long" } : { weekday: "long" };
  return new Intl.DateTimeFormat(chat.language(), { ...day, hour: "numeric", minute: "numeric" }).format(new Date(at));
}

export function createPanel(send) {
  const { accent, position, titles, theme = "auto" } = ctx.setup.chat;
  const { launcher } = ctx;
  const title = element("b", { id: "title" });
  const status = element("small", { id: "status" });
  const menu = element("div", { class: "menu" });
  const more = button("", () => unfold(menu.hidden), "more");
  const shut = button("", () => close(), "close");
  const returning = button("", () => show("list"), "back");
  const header = element("header", {}, returning, element("div", {}, title, status), more, shut, menu);
  const body = element("div", { class: "body", tabindex: 0 });
  const footer = element("footer", {});
  const looks = `chat ${position.replace("-", " ")} ${theme}`;
  const panel = element("div", { class: looks, role: "dialog", "aria-labelledby": "title", tabindex: -1 }, header, body, footer);
  const badge = element("b", { class: "badge" });
  const thread = createThread();
  const composer = createComposer(() => current, send);
  let current;
  let view;
  let isOpen = false;
  let before;
  let ratings = new WeakMap();

  panel.style.cssText = `--accent:${accent};--on:${textOn(accent)}`;
  panel.hidden = menu.hidden = true;
  launcher.before(panel);

  function unfold(wanted) {
    const talk = current;
    menu.hidden = !wanted;
    more.ariaExpanded = !!wanted;
    if (!wanted) return;
    const choices = [
      chat.talks.some(({ id }) => id) && ["all", () => show("list")],
      ["new", () => choose()],
      [isMuted() ? "unmute" : "mute", () => mute(!isMuted())],
      talk.id && ["transcript", () => transcript(talk)],
      talk.id && talk.state != "closed" && ["end", () => end(talk)],
    ];
    const entries = choices.filter(Boolean).map(([name, work]) =>
      button(say(name), () => {
        unfold();
        if (menu.contains(panel.getRootNode().activeElement)) more.focus();
        return work();
      }),
    );
    menu.replaceChildren(...entries);
    entries[0].focus();
  }

  function show(wanted) {
    view = wanted;
    draw();
    if (isOpen) panel.focus();
  }

  function choose(talk) {
    current = talk || chat.talks.find(({ id, outbox }) => !id && !outbox[0]) || begin();
    view = "thread";
    draw();
    focus();
  }

  const isAsking = () => {
    const { info, asked } = chat;
    return info && !current.id && !current.outbox[0] && !asked && !info.known && (info.asks != "nothing" || !info.open);
  };

  let asking;
  function introduction() {
    const { info } = chat;
    const required = info.asks == "required" || !info.open ? { required: "" } : {};
    const { name = "", email = "" } = chat.person || {};
    asking ||= form(
      [
        ["name", say("name"), { autocomplete: "name", maxlength: 120, value: name }],
        ["email", say("email"), { type: "email", autocomplete: "email", value: email, ...required }],
      ],
      say("start"),
      (values) => {
        chat.person = values;
        chat.asked = true;
        asking = null;
        changed();
        queueMicrotask(() => queueMicrotask(focus));
      },
    );
    return asking;
  }

  function ending() {
    if (!ratings.has(current)) ratings.set(current, createRating(current));
    const rating = ratings.get(current);
    rating.draw();
    return rating.node;
  }

  const named = () => {
    const tag = [chat.language(), chat.language().split("-")[0], ctx.setup.locale].find((each) => titles?.[each]);
    return chat.info?.title || titles?.[tag] || say("title");
  };

  function describe() {
    const { info } = chat;
    if (chat.trouble || !navigator.onLine) return say("offline");
    if (!info) return "";
    return info.open ? say("here") : info.back_at ? say("back", { time: back(info.back_at) }) : "";
  }

  function words() {
    panel.lang = chat.language();
    panel.dir = RIGHT_TO_LEFT.test(chat.info?.language || "en") ? "rtl" : "ltr";
    label(title, named());
    label(status, describe());
    for (const [node, name] of [[more, "more"], [shut, "close"], [returning, "all"]]) node.ariaLabel = node.title = say(name);
  }

  function draw() {
    const count = unread();
    const known = launcher.contains(badge);
    label(badge, count > 99 ? "99+" : count || "");
    if (count && !known) launcher.append(badge);
    else if (!count && known) badge.remove();
    launcher.ariaLabel = named() + (count ? ` (${count})` : "");
    if (!current) return;
    // He may have become somebody else.
    if (!chat.talks.includes(current)) current = chat.talks.find(({ id }) => id && id == current.id) || begin();
    words();
    panel.classList.toggle("list", view == "list");
    returning.hidden = view == "list" || !chat.talks.some(({ id }) => id && id != current.id);
    if (view == "list") {
      body.replaceChildren(...listing(choose));
      return put(footer);
    }
    const { info } = chat;
    const closed = current.state == "closed" && current.id;
    const away = info && !info.open && note(info.away || say("away"));
    const asks = isAsking() && introduction();
    put(body, ...thread.nodes, away, closed && info?.rating && ending(), asks, current.mailing, current.notice && note(current.notice), chat.notice && note(chat.notice));
    thread.draw(current, body);
    put(footer, !asks && composer.node);
    if (!asks) composer.draw();
    if (attends(current)) look(current, send);
  }

  const attends = (talk) => isOpen && view == "thread" && talk == current && !ofDocument("hidden");

  function focus() {
    if (!isOpen) return;
    const first = isAsking() ? !isTouch() && body.querySelector("input") : !isTouch() && composer.node.isConnected && composer;
    (first || panel).focus();
  }

  // Above the keyboard of a phone.
  function fit() {
    const { height, offsetTop } = window.visualViewport || {};
    const small = phone.matches && isOpen && height;
    panel.style.height = small ? height + "px" : "";
    panel.style.top = small ? offsetTop + "px" : "";
    panel.ariaModal = !!small;
  }

  async function open() {
    if (isOpen) return;
    isOpen = true;
    before = panel.getRootNode().activeElement || ofDocument("activeElement");
    allowSound();
    launcher.before(panel);
    panel.hidden = false;
    launcher.ariaExpanded = true;
    current ||= chat.talks.find(({ seq, seen }) => seq > seen) || chat.talks.find(({ id, state }) => id && state == "open") || begin();
    view ||= "thread";
    tell("openings");
    ctx.emit("chat_opened", {});
    fit();
    draw();
    focus();
    const first = current;
    await refresh();
    // What was said before is gone on with, unless the visitor was faster.
    const going = chat.talks.find(({ id, state }) => id && state == "open");
    if (!first.id && current == first && !first.outbox[0] && !first.draft && going) choose(going);
    else if (!panel.contains(panel.getRootNode().activeElement) || panel == panel.getRootNode().activeElement) focus();
    if (current.id && !current.loaded) await chat.fill(current);
  }

  function close() {
    if (!isOpen) return;
    isOpen = false;
    const within = panel.contains(panel.getRootNode().activeElement);
    panel.hidden = true;
    unfold();
    launcher.ariaExpanded = false;
    fit();
    if (within) (before?.isConnected && before != ofDocument("body") ? before : launcher).focus();
    tell("closings");
    ctx.emit("chat_closed", {});
  }

  listen(panel, "keydown", (event) => {
    if (event.key != "Escape" || event.isComposing) return;
    event.preventDefault();
    if (!menu.hidden) {
      unfold();
      more.focus();
    } else if (!composer.escape()) close();
  });
  listen(panel, "click", ({ target }) => menu.contains(target) || more.contains(target) || unfold());
  listen(panel, "dragover", (event) => event.preventDefault());
  listen(panel, "drop", (event) => {
    event.preventDefault();
    if (view == "thread" && composer.node.isConnected) composer.drop(event.dataTransfer);
  });
  listen(window, "visibilitychange online offline", changed);
  listen(window, "online", () => chat.talks.forEach(drain));
  if (window.visualViewport) listen(visualViewport, "resize scroll", fit);

  Object.assign(chat, { draw, attends });
  return { open, close, choose, isOpen: () => isOpen };
}
