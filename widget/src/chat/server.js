import { ctx } from "../rich/core.js";
import { ofDocument, safe } from "./tools.js";

// The token is on the device once the visitor has written; where nothing may be kept, it is known to this page alone.
const KEY = "candor-chat";

const address = (path) => ctx.setup.host + "/widget/v1/" + path;

/** What the server answers. Throws its refusal: `status`, `message`, by field `details`, and `after` in seconds. */
export async function call(method, path, said) {
  const isForm = said?.append;
  const token = ctx.guest || ctx.token;
  const answer = await fetch(address(path), {
    method,
    body: said && !isForm ? JSON.stringify(said) : said,
    headers: token ? { Authorization: "Bearer " + token } : {},
    credentials: "omit",
    signal: AbortSignal.timeout(isForm ? 120e3 : 20e3),
  });
  const { status, headers } = answer;
  const told = JSON.parse((await answer.text()) || "{}");
  if (answer.ok) return told;
  throw { ...told.error, status, after: headers.get("retry-after") };
}

/** Of the page's query only what the site lets through. */
export function around() {
  const { params } = ctx.setup;
  const url = new URL(location);
  url.search = new URLSearchParams([...url.searchParams].filter(([name]) => (params ? params.includes(name) : /^utm_|clid$/.test(name))));
  url.hash = "";
  return { visitor: ctx.token, page: { url: url.href, title: ofDocument("title"), referrer: ofDocument("referrer") } };
}

/** Tells that it was opened or closed, also while the page goes. */
export function tell(verb, what) {
  ctx.record("chat_" + verb);
  ctx.emit("chat_" + verb, {});
  const body = JSON.stringify({ ...around(), chat: ctx.guest });
  safe(fetch)(address(`chat/${ctx.setup.site}/${what}`), { method: "POST", body, keepalive: true, credentials: "omit" });
}

export const stored = () => {
  try {
    return localStorage[KEY];
  } catch {}
};

const guestIn = (token) => token?.split(".")[1];

/** From now on that is who writes. Answers whether it is another than before. */
export function adopt(token, kept) {
  const other = guestIn(token) != guestIn(ctx.guest);
  ctx.guest = token;
  if (kept) safe(() => (localStorage[KEY] = token))();
  if (other) ctx.rejoin();
  return other;
}
