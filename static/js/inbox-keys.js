// The inbox without a mouse. Nothing happens while somebody types in a field, or with a modifier.
(() => {
  "use strict";
  if (!document.querySelector("[data-inbox]")) return;
  const by = (id) => document.getElementById(id);
  const links = () => [...document.querySelectorAll(".inbox-row__link")];

  function walk(step) {
    const all = links();
    const from = all.includes(document.activeElement) ? document.activeElement : all.find((each) => each.ariaCurrent);
    const next = all[Math.min(all.length - 1, Math.max(0, from ? all.indexOf(from) + step : 0))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  function write(note) {
    const form = document.querySelector("[data-composer]");
    if (!form) return;
    form.elements.note.value = note;
    form.querySelector(`[name=note][value="${note}"]`).dispatchEvent(new Event("change", { bubbles: true }));
    form.elements.body.focus();
  }

  function open(id) {
    const menu = by(id);
    if (!menu) return;
    menu.open = true;
    (menu.querySelector(".menu__panel :is(input, button, a):not([type=hidden])") || menu.querySelector("summary")).focus();
  }

  const keys = {
    j: () => walk(1),
    k: () => walk(-1),
    r: () => write(""),
    n: () => write("1"),
    e: () => by("talk-state")?.click(),
    a: () => by("assign-me")?.click(),
    l: () => open("labels-menu"),
    z: () => open("snooze-menu"),
    "/": () => {
      by("inbox-q").focus();
      by("inbox-q").select();
    },
    "?": () => by("shortcuts").showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog") || document.querySelector("dialog[open]")) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : ""];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-shortcuts]")) by("shortcuts").showModal();
  });
})();
