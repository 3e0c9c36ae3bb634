/* Put the moment at which the recording was paused into the form of a remark. */

import { clock } from "./format.js";
import { sound } from "./player.js";

const at = document.getElementById("at");
const text = document.getElementById("text");
let isTyped = at !== null && at.value !== "";

at?.addEventListener("input", () => {
  isTyped = at.value !== "";
});

function take() {
  if (!isTyped && sound.currentTime > 0) at.value = clock(sound.currentTime);
}

if (at !== null && sound !== null) {
  sound.addEventListener("pause", take);
  // whoever begins to write wants to say something about what was just heard
  text.addEventListener("focus", () => {
    if (!sound.paused) sound.pause();
    else take();
  });
}
