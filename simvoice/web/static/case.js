/* The door note: reading time, microphone check, preparation; then the encounter starts. */

import { ask, token } from "./api.js";
import { clock } from "./format.js";
import { VoiceLine } from "./line.js";
import { blockedSentence, showLevel, STALLED, verdict } from "./micheck.js";
import { Room } from "./room.js";

const at = (id) => document.getElementById(id);
const door = at("door");
const caseId = door.dataset.case;
const go = at("go");

/** The audio line of an encounter. Its hello also names the learner, the case and the checkpoint. */
class EncounterLine extends VoiceLine {
  describe() {
    return {
      ...super.describe(),
      token,
      case: caseId,
      learner: at("learner").value,
      headphones: at("headphones").checked,
      ...(door.dataset.retryAttempt && {
        again: { attempt: door.dataset.retryAttempt, turn: Number(door.dataset.retryTurn) },
      }),
    };
  }
}

const line = new EncounterLine();
let checking = null;
let prepared = false;
let entering = false;

// -- reading time ------------------------------------------------------------------------

const readingS = Number(door.dataset.reading);
const arrived = performance.now();

function showReading() {
  const left = Math.max(0, readingS - (performance.now() - arrived) / 1000);
  at("reading-clock").textContent = clock(Math.ceil(left));
  at("reading-bar").style.transform = `scaleX(${readingS > 0 ? left / readingS : 0})`;
  if (left > 0 && !entering) setTimeout(showReading, 250);
  else if (left === 0) at("reading-words").textContent = "The reading time is over. Go in when you are ready.";
}
// A retry has no reading time: the learner read the note before.
if (at("reading-clock") !== null) showReading();

// -- preparation -------------------------------------------------------------------------

async function watchReadiness() {
  try {
    let state = await ask(`/api/case/${caseId}/prepare`, "POST");
    while (!entering) {
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
  prepared = state.ready;
  go.disabled = !prepared;
}
watchReadiness();

// -- microphone --------------------------------------------------------------------------

function micWords(sentence, kind = "") {
  at("mic-words").textContent = sentence;
  at("mic-words").dataset.kind = kind;
}

line.addEventListener("level", (event) => {
  if (entering) return;
  showLevel(at("mic-meter"), event.detail.dbfs);
  if (checking === null) return;
  checking.push(event.detail);
  const found = verdict(checking);
  if (found.done) {
    checking = null;
    at("mic-check").disabled = false;
    at("mic-check").textContent = "Check again";
    micWords(found.sentence, found.fit ? "good" : "bad");
  }
});

at("mic-check").addEventListener("click", async () => {
  at("mic-check").disabled = true;
  micWords("Waiting for the browser to allow the microphone…");
  try {
    await line.open();
    listenNow();
  } catch (error) {
    micLost(error.message);
  }
});

function listenNow() {
  checking = [];
  micWords(verdict(checking).sentence);
}

function micLost(sentence) {
  checking = null;
  line.stop();
  at("sound-start").hidden = true;
  at("mic-check").disabled = false;
  at("mic-check").textContent = "Check again";
  showLevel(at("mic-meter"), -96);
  micWords(sentence, "bad");
}

line.addEventListener("lost", (event) => {
  if (!entering) micLost(event.detail.reason);
});
line.addEventListener("muted", () => {
  if (!entering) micWords("The system has muted this microphone. Switch it on again.", "bad");
});
line.addEventListener("suspended", () => {
  // the click or key that resumes it has already happened, or comes next
  if (!entering) addEventListener("pointerdown", () => line.resume(), { once: true });
});
line.addEventListener("blocked", () => {
  if (entering) return;
  checking = null;
  micWords(blockedSentence(!at("sound-start").hidden), "bad");
  at("sound-start").hidden = false;
});
line.addEventListener("running", () => {
  if (entering || at("sound-start").hidden) return;
  at("sound-start").hidden = true;
  listenNow();
});
line.addEventListener("stalled", () => {
  if (!entering) micLost(STALLED);
});

at("sound-start").addEventListener("click", () => {
  micWords("Starting the sound…");
  line.resume();
});

// -- start of the encounter --------------------------------------------------------------

function showFault(sentence) {
  at("enter-fault").textContent = sentence;
  at("enter-fault").hidden = false;
}

async function enter() {
  if (!prepared || entering) return;
  entering = true;
  checking = null;
  at("enter-fault").hidden = true;
  go.disabled = true;
  const room = new Room(line);
  try {
    await line.open();
    room.open();
    await line.connect(`ws://${location.host}/line`);
  } catch (error) {
    entering = false;
    go.disabled = false;
    room.leave();
    line.stop();
    at("mic-check").disabled = false;
    at("sound-start").hidden = true;
    showFault(error.message);
    showReading();
  }
}

at("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  enter();
});

document.addEventListener("keydown", (event) => {
  const onControl = event.target.closest("a, button, input, dialog");
  if (event.key === "Enter" && !event.repeat && !onControl && !event.defaultPrevented) enter();
});
