import { call as reach, campaignOf, ctx, ofDocument, place, safe } from "../rich/core.js";

// The token is on the device once the visitor has written; where nothing may be kept, it is known to this page alone.
const KEY = "candor-chat";

/** What the server answers. Throws its refusal: `status`, `message`, by field `details`, and `after` in seconds. */
export async function call(method, path, said) {
  const isForm = said?.append;
  const token = ctx.guest || ctx.token;
  const answer = await reach(path, {
    method,
    body: said && !isForm ? JSON.stringify(said) : said,
    headers: token ? { Authorization: "Bearer " + token } : {},
    ...(isForm && { signal: AbortSignal.timeout(120e3) }),
  });
  const { status, headers } = answer;
  const told = JSON.parse((await answer.text()) || "{}");
  if (answer.ok) return told;
  throw { ...told.error, status, after: headers.get("retry-after") };
}

/** Who it is, and where. */
export function around() {
  return { visitor: ctx.token, page: { url: place(), title: ofDocument("title"), referrer: ofDocument("referrer") } };
}

/** Tells that it was opened or closed, also while the page goes. */
export function tell(verb, what) {
  ctx.record("chat_" + verb);
  ctx.emit("chat_" + verb, {});
  // Whoever talks need not be spoken to.
  for (const item of ctx.pool) {
    if (campaignOf(item).format != "chat_message") continue;
    item.taken = true;
    ctx.slots.bubble.leave(item.campaign);
  }
  const body = JSON.stringify({ ...around(), chat: ctx.guest });
  safe(reach)(`chat/${ctx.setup.site}/${what}`, { method: "POST", body, keepalive: true });
}

const guestIn = (token) => token?.split(".")[1];

/** From now on that is who writes. Answers whether it is another than before. */
export function adopt(token, kept) {
  const other = guestIn(token) != guestIn(ctx.guest);
  ctx.guest = token;
  if (kept) safe(() => (localStorage[KEY] = token))();
  if (other) ctx.rejoin();
  return other;
}
