import { ctx, meet } from "../rich/core.js";
import { call, tell } from "./server.js";
import { element, equip, later, listen, ofDocument, safe } from "./tools.js";

// Somebody else's chat in place of ours.

const ANSWER = 4e3;
const LOADED = 6e3;

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

/** Whether it answers at all. What the page's policy keeps us from asking is taken to. */
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

export default function begin(core, tools) {
  meet(core);
  equip(tools);
  const { outside, position } = ctx.setup.chat;
  const { url, fallback, target, width = 420, height = 680, params = {} } = outside;
  const { launcher } = ctx;
  let known;
  let frame;

  const first = () => addressed(url, params, known);
  const second = () => fallback && addressed(fallback, params, known);
  const chosen = async () => (!fallback || (await answers(first())) ? first() : second());

  function inFrame() {
    const inner = element("iframe", { title: launcher.ariaLabel, src: first() });
    let loaded;
    frame = element("div", { class: "card " + position.replace("-", " "), role: "dialog", "aria-label": launcher.ariaLabel }, inner);
    frame.style.cssText = `padding:0;overflow:hidden;margin-bottom:86px;max-height:calc(100% - 104px);width:${width}px;height:${height}px`;
    inner.style.cssText = "flex:1;height:100%;border:0";
    listen(inner, "load", () => (loaded = true));
    listen(frame, "keydown", (event) => event.key == "Escape" && close());
    launcher.before(frame);
    launcher.ariaExpanded = true;
    if (fallback) later(() => loaded || (inner.src = second()), LOADED);
  }

  async function open() {
    if (frame) return;
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
    launcher.ariaExpanded = false;
    launcher.focus();
    tell("closed", "closings");
  }

  if (params.utm) safe(async () => (known = (await call("GET", `chat/${ctx.setup.site}`)).utm))();
  const nothing = () => {};
  return { open, close, switched: () => (frame ? close() : open()), identify: nothing, forget: close, speak: nothing };
}
