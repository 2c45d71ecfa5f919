import { listen } from "../safe.js";
import { element } from "../ui/dom.js";
import { button, say } from "./parts.js";
import { chat, isNews } from "./talks.js";

/** The conversations of this visitor, the newest first. */
export function listing(choose) {
  const talks = chat.talks.filter(({ id, excerpt, outbox }) => (id && excerpt) || outbox[0]);
  const rows = talks.map((talk) => {
    const news = talk.messages.filter((message) => isNews(message) && message.seq > talk.seen).length;
    const state = talk.state == "closed" && element("small", {}, say("ended"));
    const row = element(
      "button",
      { type: "button", class: news ? "new" : "" },
      element("span", { dir: "auto" }, talk.excerpt || talk.outbox[0]?.body || talk.outbox[0]?.file.name),
      ...[state, news && element("b", { class: "badge" }, news)].filter(Boolean),
    );
    listen(row, "click", () => choose(talk));
    return element("li", {}, row);
  });
  const fresh = button(say("new"), () => choose());
  fresh.className = "main";
  return [element("ul", { "aria-label": say("all") }, ...rows), fresh];
}
