import { createApi } from "./api.js";
import { createCampaigns } from "./features/campaigns.js";
import { createPreview } from "./features/preview.js";
import { createEvents } from "./events.js";
import { safe } from "./safe.js";
import { createFeed } from "./transport/feed.js";
import { createStage } from "./ui/stage.js";

safe(() => {
  const { candor } = window;
  const config = candor.boot;
  const { mode } = config;
  const ctx = {
    config,
    preview: mode == "preview",
    events: createEvents(),
    stage: createStage(),
    rejoin() {},
    send() {},
  };
  const campaigns = createCampaigns(ctx);
  createApi(ctx, campaigns, candor);
  ctx.events.emit("ready", { revision: config.revision });
  if (ctx.preview) createPreview(ctx, campaigns);
  // Before consent a strict site's visitor asks the server for nothing more.
  else if (mode != "strict") createFeed(ctx, campaigns);
})();
