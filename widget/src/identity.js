export const isTouch = () => matchMedia("(pointer:coarse)").matches;

export const device = () => (!isTouch() ? "desktop" : Math.min(screen.width, screen.height) < 600 ? "mobile" : "tablet");

/** What the server is told of a visitor. The query string is left out: it may carry what the page would not share. */
export const describe = () => ({
  page: location.origin + location.pathname,
  device: device(),
  locale: navigator.language,
});
