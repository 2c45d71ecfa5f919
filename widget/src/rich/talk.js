import { allowed, ctx, part } from "./core.js";

// The way to the chat, which is a file of its own, or to somebody else's.

let loading;

const stored = () => {
  try {
    return localStorage["candor-chat"];
  } catch {}
};

/** Does that, if anything, with the chat, as soon as it is there. What could not be loaded is tried anew; the launcher says so. */
export function talk(work) {
  if (!ctx.launcher) return;
  loading ||= part(ctx.setup.chat.outside ? OUTSIDE : PANEL).then((chunk) => {
    ctx.launcher.firstChild.textContent = "";
    return chunk.default(ctx, stored);
  });
  return loading.then(work, () => {
    loading = null;
    ctx.launcher.firstChild.textContent = "!";
  });
}

/** With the chat if it is there: what it need not be loaded for. */
export const tell = (work) => loading && talk(work);

/** Whoever has written before hears of answers on each page; a window must open at the click itself. */
export function resume() {
  if (stored() || ctx.setup.chat?.outside) talk();
}

/** Also what is on the device of a chat that nobody has opened yet. */
export function forget() {
  tell((chat) => chat.forget());
  ctx.guest = undefined;
  delete localStorage["candor-chat"];
}

/** On a strict site there is no chat before consent, nor after it was withdrawn. */
export function admit() {
  const { launcher, region } = ctx;
  if (!launcher || launcher.isConnected == !!allowed()) return;
  if (allowed()) region.after(launcher);
  else {
    launcher.remove();
    forget();
  }
}
