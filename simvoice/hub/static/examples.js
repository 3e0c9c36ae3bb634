/* Play moments of released attempts, one at a time. A second press stops. */

import { ask } from "./api.js";

const LONGEST_S = 20;
const BEFORE_S = 2; // what led to the moment
const fault = document.getElementById("example-fault");
const sound = new Audio();
sound.preload = "none";
let playing = null;
let until = 0;

function stop() {
  playing?.removeAttribute("aria-pressed");
  playing = null;
}

for (const name of ["pause", "ended"]) sound.addEventListener(name, stop);
sound.addEventListener("timeupdate", () => {
  if (sound.currentTime >= until) sound.pause();
});

async function tellWhy(path) {
  let why = "This browser cannot play it.";
  try {
    await ask(path);
  } catch (error) {
    why = error.message;
  }
  fault.textContent = why;
  fault.hidden = false;
}

for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", async () => {
    const wasPlaying = playing === button;
    sound.pause();
    fault.hidden = true;
    if (wasPlaying) return;
    const from = Math.max(0, Number(button.dataset.from) - BEFORE_S);
    until = from + LONGEST_S;
    try {
      sound.src = button.dataset.example;
      sound.currentTime = from;
      await sound.play();
      stop();
      playing = button;
      button.setAttribute("aria-pressed", "true");
    } catch (error) {
      if (error.name !== "AbortError") await tellWhy(button.dataset.example);
    }
  });
}
