import { ctx } from "../ctx.js";

export const address = (what) => ctx.setup.host + "/widget/v1/" + what;

/** What the server does not answer in 20 seconds counts as unanswered. */
export const call = (what, options) => fetch(address(what), { signal: AbortSignal.timeout(20e3), credentials: "omit", ...options });
