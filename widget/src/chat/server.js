import { safe } from "../safe.js";
import { ofDocument } from "../ui/dom.js";
import { ctx } from "../rich/core.js";

const KEY = "candor-chat"; // where the token is kept on the device once the visitor has written
const USUAL = /^(utm_(source|medium|campaign|term|content)|gclid|fbclid|msclkid)$/;

const bearer = () => ctx.key || ctx.token;

/** What the server answers. Throws what it said against it: `status`, `reason`, by field `details`, `after` in seconds. */
export async function call(method, path, said) {
  const isForm = said instanceof FormData;
  const answer = await fetch(`${ctx.setup.host}/widget/v1/${path}`, {
    method,
    body: said && !isForm ? JSON.stringify(said) : said,
    headers: bearer() ? { Authorization: "Bearer " + bearer() } : {},
    credentials: "omit",
    signal: AbortSignal.timeout(isForm ? 120e3 : 20e3),
  });
  const text = await answer.text();
  const told = text && JSON.parse(text);
  if (answer.ok) return told;
  const { message: reason, details = {} } = told.error || {};
  throw { status: answer.status, reason, details, after: answer.headers.get("retry-after") };
}

/** Of the page's query only what the site lets through. */
export function around() {
  const { params } = ctx.setup;
  const url = new URL(location);
  url.search = new URLSearchParams([...url.searchParams].filter(([name]) => (params ? params.includes(name) : USUAL.test(name))));
  url.hash = "";
  return { visitor: ctx.token, page: { url: url.href, title: ofDocument("title"), referrer: ofDocument("referrer").replace(/\?.*/, "") } };
}

/** Tells that the panel was opened or closed, also while the page goes. */
export function tell(what) {
  ctx.record("chat_" + (what == "openings" ? "opened" : "closed"));
  const body = JSON.stringify({ ...around(), chat: ctx.key });
  safe(fetch)(`${ctx.setup.host}/widget/v1/chat/${ctx.setup.site}/${what}`, { method: "POST", body, keepalive: true, credentials: "omit" });
}

const guestIn = (token) => token?.split(".")[1];

/** From now on that is who writes. Answers whether it is another than before. */
export function adopt(token, keep) {
  const other = guestIn(token) != guestIn(ctx.key);
  ctx.key = token;
  if (keep) store(token);
  if (other) ctx.rejoin();
  return other;
}

// Where nothing may be stored, it is known to this page alone.
export const store = safe((token) => {
  if (token) localStorage[KEY] = token;
  else delete localStorage[KEY];
});

export const stored = () => {
  try {
    return localStorage[KEY];
  } catch {}
};

export const isKey = (name) => name == KEY;

/** A name that no other page gives. */
export const uuid = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, 0)).join("");
