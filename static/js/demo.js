(() => {
  "use strict";

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

  // ---- What just happened ----------------------------------------------

  function begin(title) {
    const entry = document.createElement("li");
    entry.className = "log__entry";
    const heading = document.createElement("p");
    heading.className = "log__title";
    heading.textContent = title;
    const steps = document.createElement("ul");
    steps.className = "log__steps";
    entry.append(heading, steps);
    log.prepend(entry);
    while (log.children.length > 5) log.lastElementChild.remove();
    empty.hidden = true;
    return entry;
  }

  function tell(entry, text, state = "done") {
    const step = document.createElement("li");
    step.className = `log__step log__step--${state}`;
    step.textContent = text;
    entry.querySelector(".log__steps").append(step);
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

  async function attempt(button, entry, work) {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      tell(entry, error.message, "failed");
      return false;
    } finally {
      button.disabled = false;
    }
    return true;
  }

  // ---- Buying and giving back ------------------------------------------

  async function buy(button) {
    const name = button.dataset.name;
    const entry = begin(`Order for ${name}`);
    await attempt(button, entry, async () => {
      const made = await sign(`/demo/orders?product=${button.dataset.buy}`);
      await deliver(entry, made);
      tell(entry, "Became an activity. The notification is on its way to this page.");
      offerRefund(entry, made, name);
    });
  }

  function offerRefund(entry, made, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "refund";
    button.textContent = "Refund it";
    button.addEventListener("click", () => refund(button, made, name));
    entry.append(button);
  }

  async function refund(button, made, name) {
    const entry = begin(`Refund for ${name}`);
    const done = await attempt(button, entry, async () => {
      await deliver(entry, await sign(`/demo/refunds?order=${made.order}&product=${made.product}`));
      tell(entry, "Retracted. The notification leaves every open page, and its receipt says so.");
    });
    if (done) button.remove();
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("[data-buy]");
    if (button) buy(button);
  });
})();
