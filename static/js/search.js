(() => {
  "use strict";

  // The dialog of Ctrl K: the arrows go through what was found, Enter opens it.
  const dialog = document.getElementById("search");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const links = () => [...dialog.querySelectorAll("a.result")];

  const shown = () => dialog.querySelector("[data-results]")?.dataset.results;

  // app.js opens it; `toggle` is too new for some browsers, the attribute is not.
  new MutationObserver(() => {
    if (!dialog.open) return;
    input.select();
    if (shown() !== input.value.trim()) htmx.trigger(input, "search-opened");
  }).observe(dialog, { attributes: true, attributeFilter: ["open"] });

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event);
    else if (event.key === "Enter" && event.target === input) openFirst(event);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && event.target !== input && event.key !== " ") input.focus();
  });

  function move(event) {
    const stops = [input, ...links()];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = stops.indexOf(document.activeElement) + step;
    event.preventDefault();
    stops[(next + stops.length) % stops.length].focus();
  }

  // Enter may come before what was found has: then it counts once that is there.
  let waiting = false;

  function openFirst(event) {
    event.preventDefault();
    waiting = shown() !== input.value.trim();
    if (!waiting) links()[0]?.click();
  }

  input.addEventListener("input", () => (waiting = false));
  dialog.addEventListener("htmx:afterSettle", () => {
    if (!waiting || shown() !== input.value.trim()) return;
    waiting = false;
    links()[0]?.click();
  });
  // Without an answer the plain page may have one.
  for (const type of ["htmx:responseError", "htmx:sendError"]) {
    dialog.addEventListener(type, () => waiting && input.form.submit());
  }
})();
