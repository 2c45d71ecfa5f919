/** What rich has already, so that it is not loaded twice. */
export let element, link, listen, safe, later, textOn, isTouch, ofDocument, backoff;

export function equip(tools) {
  [element, link, listen, safe, later, textOn, isTouch, ofDocument, backoff] = tools;
}
