/* Questions after an encounter: show the time that is left, and send what was written at its end. */

import { clock } from "./format.js";

const form = document.getElementById("questions");
const left = document.getElementById("questions-left");
const endsAt = performance.now() + 1000 * Number(form.dataset.left);
const WARN_S = 60;
let warned = false;
let sent = false;

form.addEventListener("submit", () => {
  sent = true;
});

function show() {
  if (sent) return;
  const leftS = Math.max(0, (endsAt - performance.now()) / 1000);
  left.textContent = clock(Math.ceil(leftS));
  if (leftS <= WARN_S && !warned) {
    warned = true;
    document.getElementById("questions-say").textContent = "One minute left.";
  }
  if (leftS === 0) form.requestSubmit();
  else setTimeout(show, 250);
}
show();
