import { createApi } from "./api.js";
import { createCampaigns } from "./features/campaigns.js";
import { createEvents } from "./events.js";
import { createIdentity } from "./identity.js";
import { safe } from "./safe.js";
import { createFeed } from "./transport/feed.js";
import { createStage } from "./ui/stage.js";

safe(() => {
  const { candor } = window;
  const config = candor.boot;
  const ctx = { config, events: createEvents(), identity: createIdentity(), stage: createStage() };
  const campaigns = createCampaigns(ctx);
  createApi(ctx, campaigns, candor);
  ctx.events.emit("ready", { revision: config.revision });
  // Before consent a strict site's visitor asks the server for nothing more.
  if (config.mode != "strict") createFeed(ctx, campaigns);
})();
