/* Blind rating: save each answer at once. "Finish" ends the rating. */

import { ask } from "./api.js";
import { countNoun } from "./format.js";
import { drawScore, wirePlayer } from "./player.js";

const at = (id) => document.getElementById(id);
const TYPING_MS = 700; // a pause in typing
const page = at("rate").dataset;
const path = `/attempts/${encodeURIComponent(page.attempt)}`;
const items = [...document.querySelectorAll(".asked")];
const unsaved = new Set();
let queue = Promise.resolve(); // send one after the other, so that the last answer arrives last

function answerOf(item) {
  const number = item.querySelector('input[type="number"]');
  if (number !== null && number.value !== "") return number.value;
  return item.querySelector("input:checked")?.value ?? "";
}

function showState(item, state, fault = "") {
  item.querySelector("[data-kept]").textContent = state;
  const message = item.querySelector(".fault");
  message.textContent = fault;
  message.hidden = fault === "";
}

function show() {
  at("saving").textContent = unsaved.size === 0 ? "All saved." : "Some answers are not saved yet.";
}

function save(item) {
  const value = answerOf(item);
  const comment = item.querySelector("textarea").value;
  const number = item.querySelector('input[type="number"]');
  if (number !== null && !number.validity.valid) {
    unsaved.add(item);
    showState(item, "", item.querySelector("p.sr").textContent);
    show();
    return;
  }
  if (value === "") {
    showState(item, "", comment.trim() === "" ? "" : "The comment is saved when the item has an answer.");
    return;
  }
  unsaved.add(item);
  showState(item, "…");
  queue = queue.then(() => send(item, value, comment));
}

async function send(item, value, comment) {
  const body = { rater: page.rater, item: item.dataset.item, value, comment };
  try {
    const saved = await ask(`${path}/ratings`, "POST", body);
    at("answered").textContent = String(saved.answered);
    unsaved.delete(item);
    showState(item, "Saved");
  } catch (error) {
    showState(item, "Not saved", error.message);
    at("retry").hidden = false;
  }
  if (unsaved.size === 0) at("retry").hidden = true;
  show();
}

function wire(item) {
  const number = item.querySelector('input[type="number"]');
  const radios = [...item.querySelectorAll('input[type="radio"]')];
  let typing = null;
  const later = () => {
    clearTimeout(typing);
    typing = setTimeout(now, TYPING_MS);
  };
  const now = () => {
    clearTimeout(typing);
    typing = null;
    save(item);
  };
  for (const radio of radios) {
    radio.addEventListener("change", () => {
      if (number !== null) number.value = "";
      now();
    });
  }
  number?.addEventListener("input", () => {
    if (number.value !== "") for (const radio of radios) radio.checked = false;
    later();
  });
  item.querySelector("textarea").addEventListener("input", later);
  addEventListener("pagehide", () => {
    if (typing !== null) now();
  });
}

at("retry").addEventListener("click", () => {
  for (const item of [...unsaved]) save(item);
});

const dialog = at("finish-dialog");
at("finish").addEventListener("click", () => {
  const left = items.filter((item) => answerOf(item) === "").length;
  at("finish-left").textContent = left === 0 ? "" : `${countNoun(left, "item")} without an answer will not count. `;
  dialog.returnValue = "back";
  dialog.showModal();
});
dialog.addEventListener("close", async () => {
  if (dialog.returnValue !== "finish") return;
  const fault = at("finish-fault");
  fault.hidden = true;
  try {
    await queue;
    if (unsaved.size > 0) throw new Error("Some answers are not saved yet. See the items with a message in red.");
    await ask(`${path}/ratings/finish`, "POST", { rater: page.rater });
    location.reload();
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
    fault.scrollIntoView({ block: "nearest" });
  }
});

for (const item of items) wire(item);
wirePlayer();
if (at("score") !== null) drawScore(`${path}/rate/timeline`);
