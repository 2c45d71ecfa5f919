import { ctx, isTouch, ofDocument } from "./core.js";

const FLICK = 2; // pixels a millisecond: a finger that wants back to the address bar

let last = {};

function exit() {
  ctx.exited = true;
  ctx.review();
}

export const leaving = ({ relatedTarget, clientY }) => !relatedTarget && clientY <= 0 && exit();

export const returned = () => !ofDocument("hidden") && isTouch() && exit();

export function scrolled({ target, timeStamp: now }) {
  const node = target.clientHeight * 2 > innerHeight ? target : ofDocument("scrollingElement");
  const { scrollTop, scrollHeight, clientHeight } = node;
  if (last.node == node && (last.scrollTop - scrollTop) / (now - last.now) > FLICK && isTouch()) exit();
  last = { node, scrollTop, now };
  const percent = Math.min(100, Math.round((scrollTop / (scrollHeight - clientHeight)) * 100));
  if (percent > ctx.depth) {
    ctx.depth = percent;
    ctx.review();
  }
}
