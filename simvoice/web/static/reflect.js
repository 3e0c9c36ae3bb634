/* Reflecting before the debrief: each text is saved while it is typed, and nothing of the debrief is
 * loaded before it is asked for. */

import { ask } from "./api.js";
import { wirePlayer } from "./player.js";

const TYPING_MS = 400; // a pause in typing
const form = document.getElementById("reflect");
const saving = document.getElementById("saving");
const fault = document.getElementById("reflect-fault");
const { attempt, at, number, count, then } = form.dataset; // then: the page that stays, of a station
const path = `/attempts/${encodeURIComponent(attempt)}`;
const fields = [...form.querySelectorAll("textarea")].map((box) => ({
  box,
  fault: document.getElementById(`fault-${box.name}`),
  before: box.value, // what the server has
  timer: null,
}));
const buttons = [...form.elements].filter((each) => each.name === "go");
let queue = Promise.resolve(); // one after the other, so that the last text arrives last

function say(field, message) {
  field.fault.textContent = message;
  field.fault.hidden = message === "";
}

function send(field) {
  clearTimeout(field.timer);
  field.timer = null;
  const text = field.box.value;
  queue = queue.then(async () => {
    if (text === field.before) return;
    const body = { at_s: Number(at), field: field.box.name, text, before: field.before };
    try {
      await ask(`${path}/reflection`, "PUT", body);
      field.before = text;
      say(field, "");
      saving.textContent = "Saved.";
    } catch (error) {
      saving.textContent = "";
      const other = error.content?.text;
      if (other !== undefined) field.before = other; // the next change replaces it
      say(field, other === undefined ? error.message : `${error.message} In the other window: “${other}”`);
    }
  });
}

/** Send what is not sent. Returns true when the server has every text. */
async function sendAll() {
  for (const field of fields) send(field);
  await queue;
  const open = fields.find((field) => field.box.value !== field.before);
  open?.box.focus();
  return open === undefined;
}

for (const field of fields) {
  field.box.addEventListener("input", () => {
    clearTimeout(field.timer);
    field.timer = setTimeout(() => send(field), TYPING_MS);
  });
  field.box.addEventListener("change", () => send(field));
}
addEventListener("pagehide", () => {
  for (const field of fields) if (field.timer !== null) send(field);
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const go = event.submitter?.value ?? "next";
  fault.hidden = true;
  for (const button of buttons) button.disabled = true;
  try {
    if (!(await sendAll())) return;
    if (go === "end") {
      await ask(`${path}/reflection/end`, "POST");
      location.replace(then ?? path);
    } else {
      const next = Number(number) + (go === "back" ? -1 : 1);
      const place = `?moment=${Math.min(Math.max(next, 1), Number(count))}`;
      if (then === undefined) location.assign(place);
      else location.replace(place); // nothing is added to the browser's history
    }
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
});

wirePlayer();
for (const button of buttons) button.disabled = false;
