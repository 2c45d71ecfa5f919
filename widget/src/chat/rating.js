import { element } from "../rich/core.js";
import { aria, button, form, note } from "./parts.js";
import { call } from "./server.js";
import { say, told } from "./talks.js";

/** What the visitor thought of it: 1 to 5, at once, and then in his words. */
export function createRating(talk) {
  const rate = async (rating, comment) => told(await call("PUT", `conversations/${talk.id}/rating`, { rating, comment }));
  const stars = [1, 2, 3, 4, 5].map((value) => button("★", () => rate(value), { "aria-label": value + " / 5" }));
  const node = element("fieldset", {}, element("legend", {}, say("rate")), ...stars);
  const comment = form([["comment"]], "send", async (values) => {
    await rate(talk.rating, values.comment);
    comment.replaceWith(note(say("thanks")));
  });
  let asked;
  return (state) => {
    stars.forEach((star, i) => aria(star, "pressed", i < talk.rating));
    if (talk.rating && !asked) node.append((asked = comment));
    return state == "closed" && node;
  };
}
