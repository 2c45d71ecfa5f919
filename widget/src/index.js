import { listenToPage } from "./api.js";
import { ctx } from "./ctx.js";
import { emit } from "./events.js";
import { begin } from "./features/campaigns.js";
import { startPreview } from "./features/preview.js";
import { startFeed } from "./transport/feed.js";

begin();
listenToPage();
emit("ready", { revision: ctx.setup.revision });
// One source, two builds: what every page loads, and what draws in the dashboard's frames.
if (PREVIEW) startPreview();
// Before consent a strict site's visitor asks the server for nothing more.
else if (ctx.setup.mode != "strict") startFeed();
