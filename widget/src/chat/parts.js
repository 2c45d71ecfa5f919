import { element, listen } from "../rich/core.js";
import { say } from "./talks.js";

// What the panel is made of.

export function button(text, work, attributes) {
  const node = element("button", { type: "button", ...attributes }, text);
  listen(node, "click", work);
  return node;
}

/** An attribute by hand: the properties of these names are newer than the oldest browsers that this is for. */
export const aria = (node, name, value) => node.setAttribute("aria-" + name, value);

export function label(node, text) {
  if (node.textContent != text) node.textContent = text;
}

/** Puts nodes into their places, and touches none that is there already. */
export function put(parent, nodes) {
  nodes = nodes.filter((node) => node);
  nodes.forEach((node, i) => parent.children[i] == node || parent.insertBefore(node, parent.children[i]));
  while (parent.children[nodes.length]) parent.lastChild.remove();
}

export const note = (text) => text && element("em", {}, text);

/** A form that keeps what was written, and says beside the field what is wrong. `done(values)` may throw what the server said. */
export function form(fields, send, done) {
  const error = element("strong", { role: "alert", id: "error" });
  const inputs = fields.map(([name, attributes]) => element("input", { name, "aria-describedby": "error", autocomplete: name, ...attributes }));
  const labels = inputs.map((input) => element("label", {}, say(input.name) + (input.required ? "" : say("optional")), input));
  const node = element("form", { novalidate: "" }, ...labels, element("button", { class: "main" }, say(send)));
  const blame = (input = node, reason) => {
    error.textContent = reason;
    input.after(error);
    input.focus();
  };
  listen(node, "submit", async (event) => {
    event.preventDefault();
    error.remove();
    const wrong = inputs.find((input) => !input.checkValidity());
    if (wrong) return blame(wrong, say("bad_email"));
    try {
      await done(Object.fromEntries(new FormData(node)));
    } catch ({ details, message = say("offline") }) {
      blame(inputs.find(({ name }) => details?.[name]), message);
    }
  });
  return node;
}
