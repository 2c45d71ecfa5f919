(() => {
  "use strict";

  const PATIENCE = 20000;
  const SHOWN_ENTRIES = 5;

  const log = document.querySelector("[data-log]");
  const empty = document.querySelector("[data-empty]");
  const curl = document.querySelector("[data-curl]");
  const token = document.querySelector('meta[name="csrf-token"]').content;

  // ---- Talking to the server -------------------------------------------

  async function post(address, headers, body) {
    const answer = await fetch(address, { method: "POST", headers, body });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(said.error ? said.error.message : `It was answered ${answer.status}.`);
    return said;
  }

  const sign = (address) => post(address, { "X-CSRFToken": token, Accept: "application/json" });

  // The source's own address, on the host that served this page.
  const here = (url) => new URL(new URL(url).pathname, location.href).href;

  // ---- What the snippet hears ------------------------------------------

  // As any host page may: calls made before the snippet is there are kept for it.
  window.candor ??= function () {
    (window.candor.q ??= []).push(arguments);
  };

  /** The next event of this type that fits, or nothing after a while. */
  function heard(type, fits) {
    return new Promise((resolve) => {
      const finish = (data) => {
        clearTimeout(timer);
        window.candor("off", type, listen);
        resolve(data);
      };
      const listen = (data) => fits(data) && finish(data);
      const timer = setTimeout(finish, PATIENCE);
      window.candor("on", type, listen);
    });
  }

  // ---- What just happened ----------------------------------------------

  function begin(title) {
    const entry = document.createElement("li");
    entry.className = "log__entry";
    const heading = document.createElement("p");
    heading.className = "log__title";
    heading.textContent = title;
    const steps = document.createElement("ul");
    steps.className = "log__steps";
    const more = document.createElement("p");
    more.className = "log__more";
    entry.append(heading, steps, more);
    log.prepend(entry);
    while (log.children.length > SHOWN_ENTRIES) log.lastElementChild.remove();
    empty.hidden = true;
    return entry;
  }

  /** Adds a line, in place of one that was waiting. state: done, waiting, failed. */
  function tell(entry, text, state = "done") {
    const steps = entry.querySelector(".log__steps");
    steps.querySelector(".log__step--waiting")?.remove();
    const step = document.createElement("li");
    step.className = `log__step log__step--${state}`;
    step.textContent = text;
    steps.append(step);
  }

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  function showCommand(made) {
    const lines = [`curl -X POST ${quoted(here(made.url))}`];
    for (const [name, value] of Object.entries(made.headers)) lines.push(`  -H ${quoted(`${name}: ${value}`)}`);
    lines.push(`  --data-raw ${quoted(made.body)}`);
    curl.querySelector("[data-command]").textContent = lines.join(" \\\n");
    curl.hidden = false;
  }

  async function deliver(entry, made) {
    showCommand(made);
    tell(entry, `Sent to the source: ${made.headers["x-shopify-topic"]}, signed with HMAC-SHA256.`);
    await post(here(made.url), made.headers, made.body);
    tell(entry, "Accepted: the signature fits, and the delivery is stored.");
  }

  // ---- Buying and giving back ------------------------------------------

  async function buy(button) {
    const name = button.dataset.name;
    const entry = begin(`Order for ${name}`);
    button.disabled = true;
    try {
      const order = { ...(await sign(`/demo/orders?product=${button.dataset.buy}`)), name };
      const moment = Date.parse(JSON.parse(order.body).processed_at);
      const arrival = heard("notification", (data) => Math.abs(Date.parse(data.timestamp) - moment) < 2);
      await deliver(entry, order);
      offerRefund(entry, order);
      follow(entry, order, arrival);
    } catch (error) {
      tell(entry, error.message, "failed");
    }
    button.disabled = false;
  }

  /** From the stored delivery to the corner of the page, as the snippet tells it. */
  async function follow(entry, order, arrival) {
    tell(entry, "Becoming an activity …", "waiting");
    const notification = await arrival;
    if (!notification) return tell(entry, "No notification came. The campaign may be paused.", "failed");
    order.activity = notification.id;
    tell(entry, `Became an activity: “${notification.message}”`);
    linkReceipt(entry, notification);
    tell(entry, "Its notification waits until the corner is free …", "waiting");
    const shown = await heard("shown", (data) => data.id === notification.id);
    if (shown) tell(entry, "Shown in the corner of this page.");
    else entry.querySelector(".log__step--waiting")?.remove();
  }

  function linkReceipt(entry, notification) {
    const link = document.createElement("a");
    link.href = `/proof/${encodeURIComponent(notification.receipt)}`;
    link.textContent = "See its receipt";
    entry.querySelector(".log__more").append(link);
  }

  function offerRefund(entry, order) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "refund";
    button.textContent = "Refund it";
    button.addEventListener("click", () => refund(button, order));
    entry.querySelector(".log__more").prepend(button);
  }

  async function refund(button, order) {
    const entry = begin(`Refund for ${order.name}`);
    button.disabled = true;
    try {
      const made = await sign(`/demo/refunds?order=${order.order}&product=${order.product}`);
      const retraction = heard("retract", (data) => !order.activity || data.activity === order.activity);
      await deliver(entry, made);
      button.remove();
      tell(entry, "Retracting the activity …", "waiting");
      if (await retraction) tell(entry, "Retracted: the notification is gone from every open page, and its receipt says so.");
      else tell(entry, "This page heard nothing of a retraction. Its receipt tells whether there was one.", "failed");
    } catch (error) {
      tell(entry, error.message, "failed");
      button.disabled = false;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-buy]");
    if (button) buy(button);
  });
})();
