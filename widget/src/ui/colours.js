/** Black or white on a colour (#rrggbb, the server lets no other pass), whichever reads better. */
function on(colour) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16) ** 2.2;
  // At 35000, of 196964, black and white have the same contrast.
  return 0.21 * part(1) + 0.72 * part(3) + 0.07 * part(5) > 35e3 ? "#000" : "#fff";
}

/** The colours of a campaign as custom properties. Without a background of its own it wears the theme's. */
export function colours({ renderer, accent, background = renderer == "button" && accent, foreground }) {
  const text = foreground || (background ? on(background) : "CanvasText");
  return `--accent:${accent};--on:${on(accent)};--back:${background || "Canvas"};--text:${text}`;
}
