import { ctx } from "../ctx.js";
import { drawing } from "./dom.js";

// Lines in a square of 24. The others that a site uses come with its configuration.
const LINES = {
  check: "M5 13l4 4L19 7",
  info: "M12 11v6M12 7h0",
  warning: "M12 6v7M12 17h0",
  error: "M7 7l10 10M17 7L7 17",
};

export function icon(name) {
  const lines = { ...LINES, ...ctx.setup.icons };
  return lines[name] && drawing("svg", { viewBox: "0 0 24 24", "aria-hidden": true }, drawing("path", { d: lines[name] }));
}
