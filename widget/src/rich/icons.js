import { filled, ofDocument } from "./core.js";

// Lines in a square of 24. The others that a site uses come with its configuration.
const LINES = {
  warning: "M12 6v7M12 17h0",
  error: "M7 7l10 10M17 7L7 17",
};

const drawing = (tag, attributes, ...children) =>
  filled(ofDocument("createElementNS").call(document, "http://www.w3.org/2000/svg", tag), attributes, children);

export function drawn(name, more) {
  const lines = { ...LINES, ...more };
  return lines[name] && drawing("svg", { viewBox: "0 0 24 24" }, drawing("path", { d: lines[name] }));
}
