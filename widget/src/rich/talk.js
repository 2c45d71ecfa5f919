import { ctx } from "./core.js";

// The way to the chat, which is a file of its own.

let loading;
let tries = 0;

/** Does that with the chat, as soon as it is there. What could not be loaded is tried anew. */
export function talk(work) {
  if (!ctx.launcher) return;
  loading ||= import(new URL(PANEL + (tries++ ? "?" + tries : ""), ctx.setup.core)).then((chunk) => chunk.default(ctx));
  return loading.then(work, () => (loading = null));
}

/** With the chat if it is there: what it need not be loaded for. */
export const tell = (work) => loading && talk(work);

/** Whoever has written before hears of answers on each page. */
export function resume() {
  let token;
  try {
    token = localStorage["candor-chat"];
  } catch {}
  if (token || ctx.setup.chat?.outside) talk(() => {});
}

const allowed = ({ gone, setup, agreed }) => !gone && (setup.mode != "strict" || !!agreed);

/** On a strict site there is no chat before consent, nor after it was withdrawn. */
export function admit() {
  const { launcher, region } = ctx;
  if (!launcher || launcher.isConnected == allowed(ctx)) return;
  if (allowed(ctx)) region.after(launcher);
  else {
    tell((chat) => chat.forget());
    launcher.remove();
  }
}
