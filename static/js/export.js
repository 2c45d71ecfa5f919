// While a file is made, the page asks how far it is. The form is sent as any other: what answers
// it is the file, so the page stays.
document.getElementById("export")?.addEventListener("submit", () => {
  htmx.trigger("#progress", "begun");
});
