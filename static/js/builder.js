// Hands each draft that the server has checked to the widgets in the frames, and small comforts of typing.
(() => {
  "use strict";

  // What is being typed stays, and what is open stays open, while the form around it is brought up to date.
  Idiomorph.defaults.ignoreActiveValue = true;
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.localName === "details");

  const frames = () => document.querySelectorAll(".device iframe");

  function draw() {
    const draft = document.getElementById("draft");
    if (!draft) return;
    const message = { candor: "draft", show: true, ...JSON.parse(draft.dataset.draft) };
    for (const frame of frames()) frame.contentWindow.postMessage(message, location.origin);
  }

  addEventListener("message", (event) => {
    if (event.origin === location.origin && event.data && event.data.candor === "ready") draw();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "builder" || event.detail.target?.id === "builder") draw();
  });

  // An answer to what stood there before is no longer wanted: what was typed since would be gone from a field that
  // has just been left. Each letter asks anew, so a newer answer comes.
  let edits = 0;
  const about = new WeakMap();
  const isPreview = ({ target }) => target.id === "builder";
  document.addEventListener("input", ({ target }) => (edits += target.form?.id === "builder"), true);
  document.addEventListener("htmx:beforeSend", (event) => isPreview(event) && about.set(event.detail.xhr, edits));
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isPreview(event) && about.get(event.detail.xhr) !== edits) event.detail.shouldSwap = false;
  });

  // What is being kept is kept before the form is sent: of two requests the older may be heard last, and its draft
  // would stand beside what was just published.
  let keeping = 0;
  let waiting;
  const keeps = ({ target }) => "keeps" in target.dataset;
  const sendWaiting = () => {
    if (keeping || !waiting) return;
    const { form, action } = waiting;
    waiting = null;
    // The answer may have brought the button anew.
    const button = [...form.elements].find((each) => each.type === "submit" && each.formAction === action);
    if (button) form.requestSubmit(button);
  };
  document.addEventListener("htmx:beforeRequest", (event) => (keeping += keeps(event)));
  document.addEventListener("htmx:afterRequest", (event) => {
    keeping -= keeps(event);
    setTimeout(sendWaiting); // another may be queued behind it
  });
  document.addEventListener("submit", (event) => {
    if (!keeping || event.target.id !== "builder") return;
    event.preventDefault();
    waiting = { form: event.target, action: event.submitter.formAction };
  });

  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      target.style.setProperty("--scale", contentRect.width / target.parentElement.dataset.width);
    }
  });
  for (const screen of document.querySelectorAll(".device__screen")) sizes.observe(screen);

  const typed = (field) => {
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  document.addEventListener("click", (event) => {
    const chip = event.target.closest("[data-insert]");
    if (!chip) return;
    const field = document.getElementById(chip.dataset.into);
    field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    typed(field);
  });

  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-colour-of]")) return;
    const field = document.getElementById(target.dataset.colourOf);
    field.value = target.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-submit]")) target.form.requestSubmit();
  });
})();
