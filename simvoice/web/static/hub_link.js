/* The page about the hub: look who answers, pair, unpair. */

import { ask } from "./api.js";

const at = (id) => document.getElementById(id);
const fault = at("hub-fault");

/** Run a request with its button disabled. Shows an error, and returns null then. */
async function press(button, path, body) {
  button.disabled = true;
  fault.hidden = true;
  try {
    return await ask(path, "POST", body);
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
    return null;
  } finally {
    button.disabled = false;
  }
}

const given = () => ({
  line: at("hub-line").value,
  authorities: at("hub-authorities").value,
});

at("hub-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const seen = await press(at("hub-look"), "/api/hub/look", given());
  if (seen === null) return;
  at("hub-address").textContent = `${seen.address} answers`;
  at("hub-trusted").textContent = seen.trusted;
  at("hub-seen").hidden = false;
  at("hub-form").hidden = true;
  at("hub-address").focus();
});

at("hub-back")?.addEventListener("click", () => {
  at("hub-seen").hidden = true;
  at("hub-form").hidden = false;
  at("hub-line").focus();
});

at("hub-pair")?.addEventListener("click", async () => {
  if ((await press(at("hub-pair"), "/api/hub/pair", given())) !== null) location.reload();
  else at("hub-back").click();
});

for (const [id, path] of [["hub-unpair", "/api/hub/unpair"], ["hub-try", "/api/hub/try"]]) {
  at(id)?.addEventListener("click", async () => {
    if ((await press(at(id), path)) !== null) location.reload();
  });
}
