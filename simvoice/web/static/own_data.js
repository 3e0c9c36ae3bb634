/* The page of everything that is kept: erase all of it, once that is ticked. */

import { ask } from "./api.js";

const at = (id) => document.getElementById(id);
const sure = at("erase-sure");
const button = at("erase-all");

sure.addEventListener("change", () => {
  button.disabled = !sure.checked;
});

button.addEventListener("click", async () => {
  button.disabled = true;
  at("erase-fault").hidden = true;
  try {
    await ask("/own-data", "DELETE");
    at("erase-said").textContent = "Everything is erased from this machine.";
    at("erase-said").hidden = false;
    at("how-much").textContent = "This machine keeps no conversations.";
    sure.disabled = true;
  } catch (error) {
    at("erase-fault").textContent = error.message;
    at("erase-fault").hidden = false;
  }
  sure.checked = false;
});
