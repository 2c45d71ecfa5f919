// How fast the page answered, as the web-vitals library defines INP.

const durations = {};

function take(entries) {
  for (const { interactionId: id, duration } of entries) if (id) durations[id] = Math.max(durations[id] || 0, duration);
}

let observer;

/** The first interaction is always told, also when it was before this was here. */
export function watchInteractions() {
  observer = new PerformanceObserver((list) => take(list.getEntries()));
  for (const type of ["event", "first-input"]) {
    if (PerformanceObserver.supportedEntryTypes.includes(type)) observer.observe({ type, buffered: true, durationThreshold: 16 });
  }
}

/** The longest of them in milliseconds, beyond fifty the 98th percentile; undefined where there was none. */
export function slowest() {
  take(observer.takeRecords());
  const list = Object.values(durations).sort((a, b) => b - a);
  return list[Math.min(list.length - 1, Math.trunc((performance.interactionCount || list.length) / 50))];
}
