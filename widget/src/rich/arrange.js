import { ctx } from "./core.js";

const GAP = 8;

/** What shares an edge makes room for each other by a translation, which is no layout shift. */
export function arrange() {
  const placed = [];
  const kinds = [".bar", ".button", ".tall", ".bubble"].map((kind) => ctx.region.querySelector(kind));
  for (const card of [kinds.shift(), ctx.launcher, ...kinds]) {
    if (!card?.isConnected) continue;
    const { offsetLeft: start, offsetWidth, offsetHeight, style } = card;
    const end = start + offsetWidth;
    const top = card.matches(".top");
    let room = 0;
    for (const other of placed) {
      if (other.top == top && other.start < end && start < other.end) room = Math.max(room, other.room);
    }
    style.translate = `0 ${top ? room : -room}px`;
    placed.push({ top, start, end, room: room + offsetHeight + GAP });
  }
}
