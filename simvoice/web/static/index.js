/* The first page: erase an attempt after a question. */

import { ask } from "./api.js";

const dialog = document.getElementById("erase-dialog");
const fault = document.getElementById("erase-fault");
let chosen = null;

for (const button of document.querySelectorAll("[data-erase]")) {
  button.addEventListener("click", () => {
    chosen = button;
    dialog.returnValue = "keep";
    dialog.showModal();
  });
}

dialog.addEventListener("close", async () => {
  if (dialog.returnValue !== "erase" || chosen === null) return;
  const button = chosen;
  chosen = null;
  button.disabled = true;
  fault.hidden = true;
  try {
    await ask(`/attempts/${encodeURIComponent(button.dataset.erase)}`, "DELETE");
    removeRow(button.closest(".row"));
  } catch (error) {
    button.disabled = false;
    fault.textContent = error.message;
    fault.hidden = false;
  }
});

function removeRow(row) {
  if (row.querySelector(".row") !== null) {
    location.reload(); // what belongs to it is still there, and stands alone now
    return;
  }
  const list = row.parentElement;
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (list.children.length === 0) {
    if (list.id === "attempts") document.getElementById("past-empty").hidden = false;
    (list.closest("details") ?? list).remove();
  }
  // the focused button is gone; move the focus
  (next?.querySelector("a, button") ?? document.getElementById("main")).focus();
  const left = document.querySelector(`aside.notice a[href$="/${row.dataset.attempt}"]`);
  left?.closest("aside").remove();
}
