import { ctx, element, link, listen, meet, ofDocument, safe } from "../rich/core.js";
import { aria } from "./parts.js";
import { call, tell } from "./server.js";

// Somebody else's chat in place of ours.

const ANSWER = 4e3;

/** What the server knows of how this visit began. */
const captured = (known = {}) => Object.fromEntries(["source", "medium", "campaign", "term", "content"].map((name) => ["utm_" + name, known[name]]));

/** Its address, with what is known of the visit. What the address says itself stays as it is. */
function addressed(text, { utm, page, time }, known) {
  const url = new URL(text);
  const landing = performance.getEntriesByType("navigation")[0]?.name || location;
  const here = [...new URL(landing).searchParams, ...new URL(location).searchParams].filter(([name]) => /^utm_/.test(name));
  const added = {
    ...(utm && { ...captured(known), ...Object.fromEntries(here) }),
    ...(page && { candor_page: location.origin + location.pathname, candor_title: ofDocument("title") }),
    ...(time && { candor_time: new Date().toISOString() }),
  };
  for (const [name, value] of Object.entries(added)) if (value && !url.searchParams.has(name)) url.searchParams.set(name, value);
  return url.href;
}

/** Whether it answers at all. Whether it lets itself be framed nobody can tell: a refusal loads like a page. What the page's policy keeps us from asking is taken to. */
async function answers(url) {
  let forbidden;
  const hear = ({ blockedURI }) => (forbidden ||= url.startsWith(blockedURI));
  document.addEventListener("securitypolicyviolation", hear);
  try {
    await fetch(url, { mode: "no-cors", credentials: "omit", signal: AbortSignal.timeout(ANSWER) });
    return true;
  } catch {
    // The policy speaks up after the refusal.
    await new Promise((done) => setTimeout(done, 50));
    return forbidden;
  } finally {
    document.removeEventListener("securitypolicyviolation", hear);
  }
}

/** One of the widget's few words, in the language of the page. */
function word(name, english) {
  const tag = ctx.chosen || ofDocument("documentElement").lang || navigator.language;
  return ctx.setup.texts?.[tag.split("-")[0]]?.[name] || english;
}

export default function begin(core) {
  meet(core);
  const { outside } = ctx.setup.chat;
  const { url, fallback, target, width = 420, height = 680, params = {} } = outside;
  const { launcher } = ctx;
  let known;
  let frame;

  const first = () => addressed(url, params, known);
  const second = () => fallback && addressed(fallback, params, known);
  const chosen = async () => (!fallback || (await answers(first())) ? first() : second());

  async function inFrame() {
    const name = launcher.getAttribute("aria-label");
    const inner = element("iframe", { title: name });
    // The way out of a frame that stays empty.
    const way = link(second() || first(), name + " ↗");
    const shut = element("button", { "aria-label": word("close", "Close") }, "×");
    const head = element("div", {}, way, shut);
    frame = element("div", { class: launcher.className, role: "dialog", "aria-label": name }, head, inner);
    frame.style.cssText = `flex-direction:column;align-items:stretch;gap:0;padding:0;overflow:hidden;margin-bottom:86px;max-height:calc(100% - 104px);width:${width}px;height:${height}px`;
    head.style.cssText = "display:flex;justify-content:space-between;padding:8px 12px";
    way.style.cssText = "padding:0;background:none;color:inherit";
    listen(shut, "click", close);
    inner.style.cssText = "flex:1;border:0";
    listen(frame, "keydown", (event) => event.key == "Escape" && close());
    launcher.before(frame);
    aria(launcher, "expanded", true);
    inner.src = await chosen();
  }

  /** A window or another page only a visitor opens. */
  async function open(first, calm) {
    if (frame || (calm && target != "frame")) return;
    tell("opened", "openings");
    if (target == "frame") return inFrame();
    if (target == "same") return location.assign(await chosen());
    // At the click itself, or the browser would not let it.
    const opened = window.open("", "_blank", target == "window" ? `popup,width=${width},height=${height}` : "");
    const address = await chosen();
    if (!opened) return location.assign(address);
    opened.opener = null;
    opened.location.replace(address);
  }

  function close() {
    if (!frame) return;
    frame = frame.remove();
    aria(launcher, "expanded", false);
    launcher.focus();
    tell("closed", "closings");
  }

  if (params.utm) safe(async () => (known = (await call("GET", `chat/${ctx.setup.site}`)).utm))();
  const nothing = () => {};
  return { open, close, switched: () => (frame ? close() : open()), identify: nothing, forget: close, speak: nothing };
}
