/** "5 minutes ago" in the site's language. Below a minute it is "now": seconds would have to tick. */
export function ago(timestamp, locale) {
  const minutes = (Date.now() - Date.parse(timestamp)) / 60e3;
  const format = (size, unit) => new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(-Math.trunc(minutes / size), unit);
  if (minutes < 1) return format(Infinity, "second");
  if (minutes < 60) return format(1, "minute");
  return minutes < 1440 ? format(60, "hour") : format(1440, "day");
}
