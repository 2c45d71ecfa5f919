import { ctx } from "./ctx.js";
import { safe } from "./safe.js";

const USUAL = "utm_source utm_medium utm_campaign utm_term utm_content gclid fbclid msclkid".split(" ");

/** Where the visitor is: of the query only what the site lets through, of the hash only a route. */
export function place() {
  const { params = USUAL } = ctx.setup;
  const url = new URL(location);
  url.search = new URLSearchParams([...url.searchParams].filter(([name]) => params.includes(name)));
  url.hash = /^#!?\/[^?]*/.exec(url.hash) || "";
  return url.href;
}

/** What an answer tells: who the visitor is, and how often a campaign was seen today if the server can count. */
export const remember = safe(({ visitor, context }) => {
  ctx.token = visitor;
  const seen = context?.seen;
  // What was seen here since is not yet counted there.
  if (seen) ctx.tally = { ...seen, ...ctx.tally };
  ctx.review();
  // On the device by consent only.
  if (ctx.agreed && visitor) ctx.kept = localStorage.candor = visitor;
});

export const recall = safe(() => {
  ctx.kept = ctx.token = localStorage.candor;
  ctx.agreed = ctx.token && true;
});

export const forget = safe((elsewhere) => {
  // What is still on its way to the visitor who was comes to nobody.
  ctx.life = {};
  ctx.kept = ctx.token = ctx.tally = undefined;
  if (!elsewhere) delete localStorage.candor;
});
