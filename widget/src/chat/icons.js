import { drawn } from "../rich/icons.js";

// Lines in a square of 24.
const LINES = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  more: "M5 12h0M12 12h0M19 12h0",
  attach: "M20 11l-8 8a5 5 0 0 1-7-7l9-9a3 3 0 0 1 5 5l-9 8a1 1 0 0 1-2-2l8-7",
  emoji: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M8 14c2 3 6 3 8 0M9 9h0M15 9h0",
  send: "M5 12h13M12 5l7 7-7 7",
};

export const icon = (name) => drawn(name, LINES);
