import { allowed, ctx } from "../ctx.js";
import { languageOf } from "../language.js";
import { listen } from "../safe.js";
import { textOn } from "../ui/colours.js";
import { element } from "../ui/dom.js";
import { region } from "../ui/stage.js";
import { ask } from "./chunk.js";

/** The chat's button, there before anything happens. What it opens is loaded when somebody wants it. */
export function launch() {
  const { position, accent, titles } = ctx.setup.chat;
  const icon = element("i", {});
  const label = titles[languageOf(titles)];
  const button = element("button", { class: "card " + position.replace("-", " "), "aria-label": label, "aria-expanded": false }, icon);
  ctx.launcher = button;
  button.style.cssText = `--accent:${textOn(accent)};--on:${accent};padding:14px;border-radius:28px;background:var(--on)`;
  icon.style.cssText = "height:28px;border-end-start-radius:4px";
  listen(button, "click", () => ask((rich) => (rich ? rich.switched() : (icon.textContent = "!")), true));
  if (allowed()) region.after(button);
  if (location.hash.includes("candor-chat")) button.click();
}
