import { ctx } from "./ctx.js";
import { emit } from "./events.js";
import { arrived, renewed, review, summed } from "./features/campaigns.js";
import { listen } from "./safe.js";
import { begin, drawing } from "./rich/drawing.js";
import { hide } from "./rich/verbs.js";
import { tools } from "./tools.js";
import { region } from "./ui/stage.js";

// What draws in the dashboard's frames: the same cards, told by the page around it what to show. Nobody is a
// visitor there, so nothing is watched, counted or sent.

function draft({ config, items = [], summaries = [], show }) {
  renewed(config);
  items.forEach((item) => arrived(item));
  summed(summaries, true);
  hide(!show);
}

Object.assign(ctx, { emit, region, review, tools });
begin(ctx, drawing);
renewed();
listen(window, "message", ({ origin, data }) => origin == location.origin && data.candor == "draft" && draft(data));
parent.postMessage({ candor: "ready" }, location.origin);
