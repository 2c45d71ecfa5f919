import { device } from "../identity.js";
import { tagsOf } from "../language.js";

/** Whether a campaign's rules let it onto this page, for this visitor. */
export function fits({ locale }, { rules = {} }) {
  const { include, exclude, devices, languages } = rules;
  return (
    (!include || include.some(matches)) &&
    !exclude?.some(matches) &&
    (!devices || devices.includes(device())) &&
    (!languages || tagsOf(locale || navigator.language).some((tag) => languages.includes(tag)))
  );
}

/** "/product/*", "shop.example/*"; a query or a hash counts only for a pattern that names one. */
function matches(pattern) {
  const { hostname, pathname, search, hash } = location;
  const wild = decodeURI(pattern)
    .replace(/^https?:\/\/|[^\w*]/g, (text) => (text[1] ? "" : "\\" + text)).replace(/\*+/g, ".*");
  let path = decodeURI(pathname);
  if (pattern[0] != "/") path = hostname + path;
  if (pattern.includes("?")) path += search;
  if (pattern.includes("#")) path += hash;
  // With or without a slash at the end, here and there.
  return RegExp(`^${wild}/?$`, "i").test(path + (pattern.endsWith("/") ? "/" : ""));
}
