import { ctx } from "../ctx.js";
import { device } from "../device.js";
import { tagsOf } from "../language.js";

/** Whether a campaign's rules let it onto this page, for this visitor. */
export function fits({ rules = {} }) {
  const { include, exclude, devices, languages } = rules;
  return (
    (!include || include.some(matches)) &&
    !exclude?.some(matches) &&
    (!devices || devices.includes(device())) &&
    (!languages || tagsOf(ctx.chosen || navigator.language).some((tag) => languages.includes(tag)))
  );
}

/** "/product/*", "shop.example/*"; a query or a hash counts only for a pattern that names one. */
function matches(pattern) {
  const { hostname, pathname, search, hash } = location;
  // With or without a slash at the end, here and there.
  const plain = decodeURI(pattern).replace(/^https?:\/\/|\/$/g, "");
  const wild = plain.replace(/\W/g, "\\$&").replace(/(\\\*)+/g, ".*");
  let path = decodeURI(pathname);
  if (pattern[0] != "/") path = hostname + path;
  if (pattern.includes("?")) path += search;
  if (pattern.includes("#")) path += hash;
  return RegExp(`^${wild}/?$`, "i").test(path);
}
