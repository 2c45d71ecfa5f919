// While a file is made, the page asks how far it is. The form is sent as any other: what answers it is the file, so the
// page stays, and its button waits until the file is there.
(() => {
  "use strict";
  const PATIENCE = 60e3; // without news, which nobody has while Redis is away
  const form = document.getElementById("export");
  const button = form?.querySelector(".form-actions .button");
  let timer;
  let told;

  function free() {
    button.classList.remove("htmx-request");
    button.removeAttribute("aria-disabled");
  }

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(free, PATIENCE);
  }

  form?.addEventListener("submit", (event) => {
    if (button.ariaDisabled) return event.preventDefault();
    // Not disabled: it keeps the focus.
    button.setAttribute("aria-disabled", "true");
    button.classList.add("htmx-request");
    wait();
    htmx.trigger("#progress", "begun");
  });

  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id !== "progress") return;
    if ("ended" in target.dataset) free();
    else if (target.textContent !== told) wait();
    told = target.textContent;
  });
  window.addEventListener("pageshow", () => form && free());
})();
