import { allowed, campaignOf } from "./ctx.js";
import { isTouch } from "./device.js";
import { part } from "./features/chunk.js";
import { place } from "./identity.js";
import { later, listen, safe } from "./safe.js";
import { backoff } from "./transport/backoff.js";
import { call } from "./transport/call.js";
import { uuid } from "./transport/queue.js";
import { textOn } from "./ui/colours.js";
import { element, filled, link, ofDocument } from "./ui/dom.js";
import { dress } from "./ui/stage.js";

/** What the chunks need of the core, so that it is not loaded twice. In this order: see rich/core.js. */
export const tools = [element, filled, link, ofDocument, listen, safe, later, textOn, isTouch, backoff, place, call, uuid, dress, allowed, campaignOf, part];
