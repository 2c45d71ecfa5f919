export const isTouch = () => matchMedia("(pointer:coarse)").matches;

export const device = () => (!isTouch() ? "desktop" : Math.min(screen.width, screen.height) < 600 ? "mobile" : "tablet");
