import { ctx } from "./core.js";

const GAP = 8;

/** What shares an edge makes room for each other by a translation, which is no layout shift. */
export function arrange() {
  const placed = [];
  for (const kind of [".bar", ".button", ".tall", ".bubble"]) {
    const card = ctx.region.querySelector(kind);
    if (!card) continue;
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
