import { ctx } from "./ctx.js";
import { ofDocument } from "./ui/dom.js";

/** "pt" will do for "pt-BR". */
export const tagsOf = (language) => [language, language.split("-")[0]];

/** What the page chose, else what it is written in, else what the browser prefers: if it is there, else the site's. */
export function languageOf(...translations) {
  const wanted = ctx.chosen || ofDocument("documentElement").lang || navigator.language;
  return tagsOf(wanted).find((tag) => translations.some((each) => each?.[tag])) || ctx.setup.locale;
}

/** English where the site does not speak it. */
export const textsIn = (language) => ({ why: "Why am I seeing this?", close: "Close", ...ctx.setup.texts?.[language] });
