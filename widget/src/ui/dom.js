/** Named elements (<form name=body>) shadow the properties of `document` itself, never those of its prototype. */
export const ofDocument = (name) => Reflect.get(Document.prototype, name, document);

export function element(tag, attributes, ...children) {
  const node = ofDocument("createElement").call(document, tag);
  for (const name of Object.keys(attributes)) node.setAttribute(name, attributes[name]);
  node.append(...children);
  return node;
}

/** An outside link, or nothing: only http and https are links. */
export const link = (href, label) =>
  /^https?:\/\//i.test(href) ? element("a", { href, target: "_blank", rel: "noopener" }, label) : "";
