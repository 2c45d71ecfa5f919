/** "5 minutes ago" in that language. Below a minute it is "now": seconds would have to tick. */
export function ago(timestamp, language) {
  const minutes = (Date.now() - Date.parse(timestamp)) / 60e3;
  const [size, unit] = minutes < 1 ? [1, "second"] : minutes < 60 ? [1, "minute"] : minutes < 1440 ? [60, "hour"] : [1440, "day"];
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(-((minutes / size) | 0), unit);
}
