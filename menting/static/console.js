// Small conveniences; every page works without them.
(() => {
  "use strict";

  document.addEventListener("keydown", (event) => {
    const field = document.querySelector("[data-slash]");
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !field) return;
    event.preventDefault();
    field.focus();
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      event.preventDefault();
      document.getElementById(opener.dataset.dialog).showModal();
      return;
    }
    const closer = event.target.closest("[data-close]");
    if (closer) (closer.closest("dialog")?.close ?? (() => closer.closest(".toast").remove())).call(closer.closest("dialog"));
  });

  // A chosen filter applies at once; without this script the form's button does it.
  document.querySelectorAll("form[data-auto] > .btn").forEach((button) => { button.hidden = true; });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto]");
    if (form && event.target.matches("select, input[type=date]")) form.requestSubmit();
  });

  document.addEventListener("change", (event) => {
    const table = event.target.closest("[data-picks]");
    if (!table) return;
    const boxes = [...table.querySelectorAll("tbody input[type=checkbox]")];
    if (event.target.matches("[data-all]")) boxes.forEach((box) => { box.checked = event.target.checked; });
    const chosen = boxes.filter((box) => box.checked).length;
    const bar = document.getElementById(table.dataset.picks);
    bar.hidden = chosen === 0;
    bar.querySelector("[data-chosen]").textContent = chosen;
  });
})();
