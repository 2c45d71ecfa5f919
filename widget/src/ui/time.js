const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", -Infinity],
];

/** "5 minutes ago" in the site's language. Below a minute it is "now": seconds would have to tick. */
export function ago(timestamp, locale) {
  const seconds = (Date.now() - Date.parse(timestamp)) / 1000;
  const [unit, size] = UNITS.find((candidate) => seconds >= candidate[1]);
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-Math.trunc(seconds / size), unit);
}
