import { element } from "../ui/dom.js";
import { button, form, note, say } from "./parts.js";
import { call } from "./server.js";
import { changed, chat, told } from "./talks.js";

// What comes after the last word: a rating, and all of it by mail.

const FACES = [1, 2, 3, 4, 5];

export async function end(talk) {
  told(await call("PUT", `conversations/${talk.id}/closure`, {}));
}

export async function mail(talk, values = {}) {
  await call("POST", `conversations/${talk.id}/transcript`, values);
  talk.notice = say("mailed");
  talk.mailing = null;
  changed();
}

/** At once to an address that is known, else asks for one. */
export async function transcript(talk) {
  const ask = () => {
    talk.mailing = form([["email", say("email"), { type: "email", autocomplete: "email", required: "" }]], say("send"), (values) => mail(talk, values));
    changed();
    queueMicrotask(() => talk.mailing.querySelector("input").focus());
  };
  if (!chat.info.known) return ask();
  try {
    await mail(talk);
  } catch (error) {
    if (error.details?.email) return ask();
    talk.notice = error.reason;
    changed();
  }
}

export function createRating(talk) {
  const rate = (rating, comment) => call("PUT", `conversations/${talk.id}/rating`, { rating, comment }).then(told);
  const stars = FACES.map((value) => {
    const star = button("★", () => rate(value, "").then(() => (comment.hidden = false)));
    star.ariaLabel = value + " / 5";
    return star;
  });
  const thanks = note("");
  thanks.role = "status";
  const comment = form([["comment", say("comment"), { maxlength: 2000 }]], say("send"), async (values) => {
    await rate(talk.rating, values.comment || "");
    comment.remove();
    thanks.textContent = say("thanks");
  });
  comment.hidden = true;
  const question = element("div", { class: "stars", role: "group", "aria-label": say("rate") }, ...stars);
  const draw = () =>
    stars.forEach((star, i) => {
      star.classList.toggle("on", i < talk.rating);
      star.ariaPressed = i + 1 == talk.rating;
    });
  return { node: element("div", { class: "rating" }, note(say("rate")), question, comment, thanks), draw };
}
