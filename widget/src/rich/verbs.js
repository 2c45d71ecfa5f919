import { campaignOf, ctx, safe } from "./core.js";
import { forget, talk, tell } from "./talk.js";

export function hide(hidden = true) {
  ctx.region.hidden = hidden;
  // A dialog that is merely invisible would still block the page.
  if (hidden) ctx.slots.modal?.leave();
  if (hidden) tell((chat) => chat.close());
  ctx.review();
}

function close(id) {
  for (const slot of Object.values(ctx.slots)) slot.leave(id);
  if (!id) tell((chat) => chat.close());
}

/** Brings a campaign forward now, also one that was closed or that waits for something; `calm` lets what is shown stay.
 * Answers nothing where there is none. */
function open(id, calm) {
  if (!id) return talk((chat) => chat.open());
  const own = ctx.pool.filter((item) => item.campaign == id && item.data);
  const [next] = own.sort((a, b) => a.taken - b.taken || b.happened - a.happened);
  if (!next) return;
  if (!calm) ctx.slots[campaignOf(next).renderer].leave();
  next.taken = false;
  next.opened = calm ? 1 : 2;
  ctx.review();
  return next;
}

/** Everything, and that campaign forward if one is named. */
function show(id) {
  hide(false);
  if (id) open(id);
}

function setLocale(tag) {
  ctx.chosen = tag;
  ctx.review();
  tell((chat) => chat.speak());
}

/** As for a visitor who has just come. */
function reset() {
  close();
  for (const item of ctx.pool) item.taken = false;
  ctx.chosen = undefined;
  hide(false);
  ctx.restart();
  forget();
}

// What the server does not take is nothing to the page.
const identify = (person) => talk((chat) => safe(chat.identify)(person));

function off(type, callback) {
  ctx.listeners = ctx.listeners.filter(([known, own]) => known != type || (callback && own != callback));
}

const verbs = { off, identify, open, close, show, boot: show, hide, setLocale, reset };

export const say = (verb, ...args) => verbs[verb]?.(...args);
