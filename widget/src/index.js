import { listenToPage } from "./api.js";
import { ctx } from "./ctx.js";
import { emit } from "./events.js";
import { renewed, review } from "./features/campaigns.js";
import { restart } from "./features/consent.js";
import { watchPage } from "./features/page.js";
import { startPreview } from "./features/preview.js";
import { beginVitals } from "./features/vitals.js";
import { recall } from "./identity.js";
import { listen } from "./safe.js";
import { shut, startFeed } from "./transport/feed.js";
import { record, startQueue } from "./transport/queue.js";
import { ofDocument } from "./ui/dom.js";
import { region } from "./ui/stage.js";

// One source, two builds: what every page loads, and what draws in the dashboard's frames.
function start({ timeStamp }) {
  Object.assign(ctx, { emit, record, region, restart, review, shut });
  if (!PREVIEW) {
    recall();
    beginVitals(timeStamp);
    startQueue();
  }
  watchPage();
  renewed();
  if (!PREVIEW) startFeed();
  listenToPage();
  emit("ready", { revision: ctx.setup.revision });
  if (PREVIEW) startPreview();
}

// A page that is only prepared may never be seen.
if (ofDocument("prerendering")) listen(document, "prerenderingchange", start);
else start({ timeStamp: 0 });
