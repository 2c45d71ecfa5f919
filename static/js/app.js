(() => {
  "use strict";

  const on = (type, selector, handle) =>
    document.addEventListener(type, (event) => {
      const element = event.target instanceof Element && event.target.closest(selector);
      if (element) handle(element, event);
    });

  // ---- What a form made is made once -------------------------------------

  // The page is the answer to the form: to read it anew must not send the form again.
  const made = document.querySelector("[data-reload-at]");
  if (made) history.replaceState(null, "", made.dataset.reloadAt);

  // ---- Copy -------------------------------------------------------------

  on("click", "[data-copy]", async (button) => {
    const source = button.closest(".copy, .code").querySelector("[data-copy-source]");
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      return;
    }
    showCopied(button);
  });

  function showCopied(button) {
    const label = button.querySelector("[data-copy-label], .visually-hidden");
    if (button.dataset.copied) return;
    const before = label.textContent;
    button.dataset.copied = "true";
    label.textContent = "Copied";
    swapIcon(button, "copy", "check");
    setTimeout(() => {
      delete button.dataset.copied;
      label.textContent = before;
      swapIcon(button, "check", "copy");
    }, 1600);
  }

  function swapIcon(element, from, to) {
    const use = element.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(`#${from}`, `#${to}`));
  }

  // ---- Dialogs ----------------------------------------------------------

  // A link to a confirmation page opens the same question in place.
  on("click", "[data-dialog]", (link, event) => {
    const dialog = document.getElementById(link.dataset.dialog);
    if (!dialog || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
  });

  on("click", "[data-close]", (button) => button.closest("dialog").close());

  on("click", "dialog", (dialog, event) => {
    if (event.target !== dialog) return;
    const box = dialog.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) dialog.close();
  });

  function ask({ title, text, label, kind }) {
    const dialog = document.getElementById("confirm");
    dialog.querySelector("h2").textContent = title || "Are you sure?";
    dialog.querySelector("[data-confirm-text]").textContent = text || "";
    const go = dialog.querySelector("[data-confirm-go]");
    go.textContent = label || "Continue";
    go.className = `button button--${kind === "primary" ? "primary" : "danger"}`;
    dialog.returnValue = "cancel";
    dialog.showModal();
    return new Promise((resolve) =>
      dialog.addEventListener("close", () => resolve(dialog.returnValue === "confirm"), { once: true }),
    );
  }

  const question = (element) => ({
    title: element.dataset.confirmTitle,
    text: element.dataset.confirm,
    label: element.dataset.confirmLabel,
    kind: element.dataset.confirmKind,
  });

  on("submit", "form[data-confirm]", async (form, event) => {
    if (form.dataset.confirmed) {
      delete form.dataset.confirmed;
      return;
    }
    // A choice that takes nothing away is asked nothing.
    const harmless = form.dataset.confirmUnless?.split("=");
    if (harmless && form.elements[harmless[0]]?.value === harmless[1]) return;
    event.preventDefault();
    event.stopPropagation();
    if (await ask(question(form))) {
      form.dataset.confirmed = "true";
      form.requestSubmit(event.submitter);
    }
  });

  document.addEventListener("htmx:confirm", async (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const asked = { ...question(event.target), text: event.detail.question };
    if (await ask(asked)) event.detail.issueRequest(true);
  });

  // ---- Menus ------------------------------------------------------------

  const openMenus = () => document.querySelectorAll("details[data-menu][open]");

  // One that opens towards the start, but whose button has come to stand there, opens the other way: it would cover the rail.
  document.addEventListener("toggle", ({ target: menu }) => {
    if (!menu.matches("main .menu--end")) return;
    menu.classList.remove("menu--turned");
    if (!menu.open) return;
    const { left, width } = menu.lastElementChild.getBoundingClientRect();
    const page = menu.closest("main").getBoundingClientRect();
    menu.classList.toggle("menu--turned", left < page.left && menu.getBoundingClientRect().left + width <= page.right);
  }, true);

  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const innermost = [...openMenus()].pop();
    if (!innermost) return;
    innermost.open = false;
    innermost.querySelector("summary").focus();
  });

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const target = document.querySelector(`[data-shortcut="${CSS.escape(event.key.toLowerCase())}"]`);
    if (!target) return;
    event.preventDefault();
    target.click();
  });

  // ---- Relative times ---------------------------------------------------

  const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto", style: "narrow" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function inWords(seconds) {
    for (const [unit, size] of units) {
      if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
    }
    return "just now";
  }

  // Older than a month, a date says more than a count of days.
  function refreshTimes() {
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const seconds = (Date.parse(element.dateTime) - Date.now()) / 1000;
      if (Math.abs(seconds) < 30 * 86400) element.textContent = inWords(seconds);
    }
  }

  // ---- Rows of tabs that are wider than a phone ----------------------------

  // What is chosen is in sight, and nothing else moves.
  function showChosen() {
    for (const chosen of document.querySelectorAll(":is(.tabs, .segmented) > [aria-current]")) {
      const row = chosen.parentElement;
      const past = chosen.getBoundingClientRect().right - row.getBoundingClientRect().right;
      if (row.scrollLeft === 0 && past > 0) row.scrollLeft = past + row.clientWidth / 4;
    }
  }
  showChosen();
  document.addEventListener("htmx:load", showChosen);

  // ---- Theme ------------------------------------------------------------

  function showTheme() {
    const current = document.documentElement.dataset.theme || "system";
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === current));
    }
  }

  on("click", "[data-theme-choice]", (button) => {
    const choice = button.dataset.themeChoice;
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    try {
      if (choice === "system") localStorage.removeItem("theme");
      else localStorage.setItem("theme", choice);
    } catch {
      // The choice then lasts for this page.
    }
    showTheme();
  });

  // ---- Toasts -----------------------------------------------------------

  on("click", "[data-dismiss]", (button) => button.closest("[data-toast]").remove());

  const patience = { good: 6000, neutral: 6000 };

  function expire(toast) {
    if (toast.dataset.timed) return;
    toast.dataset.timed = "true";
    const milliseconds = toast.querySelector("form") ? 12000 : patience[toast.dataset.toast];
    if (!milliseconds) return;
    const check = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(check, 2000);
      else toast.remove();
    };
    setTimeout(check, milliseconds);
  }

  const expireToasts = () => document.querySelectorAll("[data-toast]").forEach(expire);

  function complain(text) {
    const toast = document.createElement("div");
    toast.className = "toast toast--bad";
    toast.dataset.toast = "bad";
    toast.setAttribute("role", "alert");
    const words = document.createElement("span");
    words.className = "toast__text";
    words.textContent = text;
    const close = document.createElement("button");
    close.className = "button button--ghost button--small";
    close.type = "button";
    close.dataset.dismiss = "";
    close.textContent = "Dismiss";
    toast.append(words, close);
    document.getElementById("toasts").append(toast);
  }

  const reasons = {
    401: "You are signed out. Sign in again to go on.",
    403: "You are not allowed to do that.",
    404: "That is not there any more. Reload the page.",
    409: "Somebody changed this meanwhile. Reload the page.",
    413: "That is too large.",
    429: "Too many attempts. Wait a moment and try again.",
    503: "Candor is busy. Try again in a moment.",
  };

  document.addEventListener("htmx:responseError", (event) =>
    complain(reasons[event.detail.xhr.status] || "That did not work. Nothing was changed; try again."),
  );
  document.addEventListener("htmx:sendError", () => complain("Candor cannot be reached. Check your connection."));
  document.addEventListener("htmx:timeout", () => complain("That took too long. Try again."));

  // ---- Requests ---------------------------------------------------------

  document.addEventListener("htmx:configRequest", (event) => {
    const token = document.querySelector('meta[name="csrf-token"]');
    if (token) event.detail.headers["X-CSRFToken"] = token.content;
  });

  // The second comes for what arrives out of band or over a socket.
  for (const type of ["htmx:afterSettle", "htmx:load"]) {
    document.addEventListener(type, () => {
      refreshTimes();
      expireToasts();
    });
  }

  refreshTimes();
  showTheme();
  expireToasts();
  setInterval(refreshTimes, 30000);
})();
