import { ctx } from "./core.js";

const PROP = "data-candor-prop-";

function declared({ dataset: { candorEvent, candorValue, candorCurrency: currency }, attributes }) {
  const props = {};
  for (const { name, value } of attributes) {
    const [, prop] = name.split(PROP);
    if (prop) props[prop.replaceAll("-", "_")] = value;
  }
  ctx.record(candorEvent, { props, value: candorValue && { amount: +candorValue, currency } });
}

/** Events that the page declares by attributes, and links that lead away. The page may have shadow roots of its own. */
export function clicked({ type, button }, path) {
  if (button > 1) return;
  const isForm = type == "submit";
  const own = path.find(({ dataset, localName }) => dataset?.candorEvent && (localName == "form") == isForm);
  if (own) declared(own);
  const link = path.find(({ localName }) => /^a(rea)?$/.test(localName));
  if (!isForm && /^http/.test(link?.protocol) && link.hostname != location.hostname) {
    ctx.record("outbound_click", { props: { url: link.origin + link.pathname } });
  }
}
