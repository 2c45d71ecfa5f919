/**
 * What all parts share: there is one widget on a page.
 *
 * Set once they are known: `token`, which names the visitor to the server; `kept`, the token that this tab last knew
 * to be on the device; `agreed`, to be known again; `life`, an object that is another one once the visitor is.
 */
export const ctx = {
  setup: window.candor.boot,
  pool: [], // of items, each of which may become a card
  slots: {}, // by renderer
  listeners: [], // of the host page
};

export const campaignOf = (item) => ctx.setup.campaigns.find((campaign) => campaign.id == item.campaign);

/** Whether anything may be sent: not for a site that is gone, nor for a strict one before consent. */
export const allowed = () => !ctx.gone && (ctx.setup.mode != "strict" || ctx.agreed);
