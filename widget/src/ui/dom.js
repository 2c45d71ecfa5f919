/** Named elements (<form name=body>) shadow the properties of `document` itself, never those of its prototype. */
export const ofDocument = (name) => Reflect.get(Document.prototype, name, document);

export const element = (tag, attributes, ...children) =>
  filled(ofDocument("createElement").call(document, tag), attributes, children);

export function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** An outside link, or nothing: only http and https are links. */
export const link = (href, ...label) =>
  /^https?:\/\//i.test(href) ? element("a", { href, target: "_blank", rel: "noopener" }, ...label) : "";
