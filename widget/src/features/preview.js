import { listen } from "../safe.js";
import { arrived, hide, renewed, summed } from "./campaigns.js";

/** A dashboard's frame: what is shown comes from the page around it, and nothing from the network. */
export function startPreview() {
  listen(window, "message", ({ origin, data }) => {
    if (origin != location.origin || data.candor != "draft") return;
    renewed(data.config);
    data.items?.forEach((item) => arrived(item));
    summed(data.summaries || [], true);
    hide(!data.show);
  });
  parent.postMessage({ candor: "ready" }, location.origin);
}
