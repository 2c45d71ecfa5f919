import { ctx } from "../ctx.js";
import { place } from "../identity.js";
import { record } from "../transport/queue.js";
import { ofDocument } from "../ui/dom.js";

// How fast the page felt, as the web-vitals library defines it: of one load, and only if all of it was seen.

let url;
let activated;

/** `activation` is when a page that was prepared before it was asked for came to be seen. */
export function beginVitals(activation) {
  activated = activation;
  if (!ofDocument("hidden")) url = place();
}

/** All entries of a kind until now; undefined where the browser does not know it. */
function entries(type) {
  if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
  const observer = new PerformanceObserver(() => {});
  observer.observe({ type, buffered: true });
  return observer.takeRecords();
}

/** The worst session of layout shifts: less than a second apart, five seconds at most. */
function worst(shifts) {
  let most = 0;
  let first;
  let last;
  let sum;
  for (const { value, startTime, hadRecentInput } of shifts) {
    if (hadRecentInput) continue;
    if (!(startTime - last < 1e3 && startTime - first < 5e3)) {
      first = startTime;
      sum = 0;
    }
    last = startTime;
    most = Math.max(most, (sum += value));
  }
  return +most.toFixed(3);
}

export function endVitals() {
  if (!url) return;
  const paint = entries("largest-contentful-paint")?.pop();
  const shifts = entries("layout-shift");
  const lcp = paint && Math.max(0, Math.round(paint.startTime - activated));
  record("web_vitals", { url, props: { lcp, inp: ctx.rich?.slowest(), cls: shifts && worst(shifts) } });
  url = "";
}
