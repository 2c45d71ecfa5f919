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

  function help() {
    by("shortcuts-on").checked = on();
    by("shortcuts").showModal();
  }

  // Who speaks to his computer, or hits keys by accident, does without them, on this device.
  const SHORTCUTS = "inbox-shortcuts";
  let off = false;

  function on() {
    try {
      return localStorage.getItem(SHORTCUTS) !== "0";
    } catch {
      return !off;
    }
  }

  function turn(checked) {
    off = !checked;
    try {
      localStorage.setItem(SHORTCUTS, checked ? "1" : "0");
    } catch {
      // For this page then.
    }
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
    "?": help,
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog") || document.querySelector("dialog[open]")) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : ""];
    if (!act || (act !== help && !on())) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-shortcuts]")) help();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-shortcuts-on]")) turn(event.target.checked);
  });
})();
