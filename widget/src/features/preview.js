import { listen } from "../safe.js";

/** A dashboard's frame: what is shown comes from the page around it, and nothing from the network. */
export function createPreview(ctx, { renewed, arrived, summed, hide }) {
  listen(window, "message", ({ origin, data }) => {
    if (origin != location.origin || data.candor != "draft") return;
    renewed(data.config);
    data.items?.forEach((item) => arrived(item));
    summed(data.summaries || [], true);
    hide(!data.show);
  });
  parent.postMessage({ candor: "ready" }, location.origin);
}
