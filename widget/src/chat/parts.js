import { listen } from "../safe.js";
import { element } from "../ui/dom.js";
import { icon } from "./icons.js";
import { ENGLISH } from "./words.js";
import { chat } from "./talks.js";

// What the panel is made of.

/** A text of the panel in the visitor's language. */
export const say = (name, values) =>
  (chat.info?.words?.[name] || ENGLISH[name]).replace(/\{(\w+)\}/g, (_, key) => values[key]);

/** One that shows its text, or an icon whose name the text is. */
export function button(text, work, sign) {
  const node = element("button", { type: "button", ...(sign && { class: "sign", "aria-label": text, title: text }) }, sign ? icon(sign) : text);
  listen(node, "click", work);
  return node;
}

export const note = (text) => element("p", { class: "note" }, text);

/** Puts nodes in place of others, and touches nothing where they are the same. */
export function put(parent, ...nodes) {
  nodes = nodes.filter(Boolean);
  if (nodes.length != parent.children.length || nodes.some((node, i) => node != parent.children[i])) parent.replaceChildren(...nodes);
}

export function label(node, text) {
  if (node.textContent != text) node.textContent = text;
}

let number = 0;

/** A form that keeps what was written, and tells what is wrong beside the field. `done(values)` may throw what the server said. */
export function form(fields, send, done) {
  const inputs = fields.map(([name, text, attributes]) => {
    const error = element("small", { id: "e" + ++number, role: "alert" });
    const { required } = attributes;
    const title = required ? text : `${text} (${say("optional")})`;
    const input = element("input", { name, "aria-describedby": error.id, ...attributes });
    return { name, input, error, node: element("label", {}, title, input, error) };
  });
  const general = element("small", { role: "alert" });
  const submit = element("button", { class: "main" }, send);
  const node = element("form", { novalidate: "" }, ...inputs.map((each) => each.node), general, submit);
  const blame = ({ input, error }, reason = "") => {
    error.textContent = reason;
    input.ariaInvalid = !!reason;
  };
  listen(node, "submit", async (event) => {
    event.preventDefault();
    general.textContent = "";
    inputs.forEach((each) => blame(each));
    const wrong = inputs.find(({ input }) => !input.checkValidity());
    if (wrong) {
      blame(wrong, wrong.input.type == "email" ? say("bad_email") : wrong.input.validationMessage);
      return wrong.input.focus();
    }
    try {
      await done(Object.fromEntries(inputs.map(({ name, input }) => [name, input.value.trim()]).filter(([, value]) => value)));
    } catch (error) {
      const at = inputs.find(({ name }) => error.details?.[name]);
      if (at) {
        blame(at, error.details[at.name][0]);
        at.input.focus();
      } else general.textContent = error.reason || say("offline");
    }
  });
  return node;
}
