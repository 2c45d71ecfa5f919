/** Black or white on a colour (#rrggbb, the server lets no other pass), whichever reads better. */
export function textOn(colour) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16) ** 2.2;
  // At 35000, of 196964, black and white have the same contrast.
  return 0.21 * part(1) + 0.72 * part(3) + 0.07 * part(5) > 35e3 ? "#000" : "#fff";
}
