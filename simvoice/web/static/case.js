/* The door note on the learner's own machine: prepare, then let the encounter start. */

import { ask } from "./api.js";
import { door, enter, isEntering, onGo, showFault } from "./door.js";

const at = (id) => document.getElementById(id);
let prepared = false;

async function watchReadiness() {
  try {
    let state = await ask(`/api/case/${door.dataset.case}/prepare`, "POST");
    while (!isEntering()) {
      showReadiness(state);
      if (state.ready || state.fault) break;
      await new Promise((resolve) => setTimeout(resolve, 400));
      state = await ask("/api/ready");
    }
  } catch (error) {
    showReadiness({ ready: false, progress: 0, sentence: "", fault: error.message });
  }
}

function showReadiness(state) {
  const share = state.ready ? 1 : state.progress;
  at("ready-bar").style.transform = `scaleX(${share})`;
  at("ready-track").setAttribute("aria-valuenow", String(Math.round(100 * share)));
  at("ready-words").textContent = state.fault ? "" : state.ready ? "Everything is ready." : `${state.sentence}…`;
  if (state.fault) showFault(state.fault);
  // Only this is read aloud: the words above change all the time.
  if (state.ready && !prepared) at("ready-said").textContent = "Everything is ready. You may go in.";
  prepared = state.ready;
  at("go").disabled = !prepared;
}

watchReadiness();
onGo(() => {
  if (prepared) enter("/line");
});
