import { listen } from "../safe.js";
import rich from "../rich/index.js";
import { hide } from "../rich/verbs.js";
import { arrived, renewed, summed } from "./campaigns.js";
import { enrich } from "./chunk.js";

/** A dashboard's frame: what is shown comes from the page around it, and nothing from the network. */
export function startPreview() {
  enrich(rich);
  listen(window, "message", ({ origin, data }) => {
    if (origin != location.origin || data.candor != "draft") return;
    renewed(data.config);
    data.items?.forEach((item) => arrived(item));
    summed(data.summaries || [], true);
    hide(!data.show);
  });
  parent.postMessage({ candor: "ready" }, location.origin);
}
