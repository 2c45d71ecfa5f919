/** What all parts share: there is one widget on a page. */
export const ctx = {
  setup: window.candor.boot,
  pool: [], // of items, each of which may become a card
};

export const campaignOf = (item) => ctx.setup.campaigns.find((campaign) => campaign.id == item.campaign);
