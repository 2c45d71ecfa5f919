import { listenToPage } from "./api.js";
import { ctx } from "./ctx.js";
import { emit } from "./events.js";
import { renewed, review } from "./features/campaigns.js";
import { agree, restart } from "./features/consent.js";
import { launch } from "./features/launcher.js";
import { watchPage } from "./features/page.js";
import { beginVitals } from "./features/vitals.js";
import { recall } from "./identity.js";
import { listen } from "./safe.js";
import { frames, rejoin, shut, startFeed } from "./transport/feed.js";
import { tools } from "./tools.js";
import { record, startQueue } from "./transport/queue.js";
import { ofDocument } from "./ui/dom.js";
import { region } from "./ui/stage.js";

// What every page loads.
function start({ timeStamp }) {
  Object.assign(ctx, { emit, record, region, restart, review, shut, frames, rejoin, tools });
  recall();
  beginVitals(timeStamp);
  startQueue();
  watchPage();
  renewed();
  if (CHAT) launch();
  startFeed();
  // A page in the back/forward cache hears of nothing.
  listen(window, "storage pageshow", agree);
  listenToPage();
  emit("ready", { revision: ctx.setup.revision });
}

// A page that is only prepared may never be seen.
if (ofDocument("prerendering")) listen(document, "prerenderingchange", start);
else start({ timeStamp: 0 });
