/*
 * What every door note does: reading time, microphone check, and going in. case.js adds how the
 * learner's own machine prepares; a hub adds its queue.
 */

import { token } from "./api.js";
import { clock } from "./format.js";
import { VoiceLine } from "./line.js";
import { blockedSentence, showLevel, STALLED, verdict } from "./micheck.js";
import { Room } from "./room.js";

const at = (id) => document.getElementById(id);
export const door = at("door");
const go = at("go");

/** The audio line of an encounter. Its hello also names the learner, the case and the checkpoint. */
class EncounterLine extends VoiceLine {
  describe() {
    return {
      ...super.describe(),
      token,
      case: door.dataset.case,
      learner: at("learner")?.value ?? "", // a hub knows who is signed in
      headphones: at("headphones").checked,
      typed: at("typed") !== null, // a hub does not ask the page
      ...(door.dataset.retryAttempt && {
        again: { attempt: door.dataset.retryAttempt, turn: Number(door.dataset.retryTurn) },
      }),
    };
  }
}

const line = new EncounterLine();
let checking = null;
let entering = false;

/** True once the learner goes in. */
export const isEntering = () => entering;

// -- reading time ------------------------------------------------------------------------

const readingS = Number(door.dataset.reading);
const arrived = performance.now();

function showReading() {
  if (at("reading-clock") === null) return; // a retry has no reading time
  const left = Math.max(0, readingS - (performance.now() - arrived) / 1000);
  at("reading-clock").textContent = clock(Math.ceil(left));
  at("reading-bar").style.transform = `scaleX(${readingS > 0 ? left / readingS : 0})`;
  if (left > 0 && !entering) setTimeout(showReading, 250);
  else if (left === 0) at("reading-words").textContent = "The reading time is over. Go in when you are ready.";
}
showReading();

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

export function showFault(sentence) {
  at("enter-fault").textContent = sentence;
  at("enter-fault").hidden = sentence === "";
}

/** Open the line and show the room. Returns false, with a fault on the page, when that fails. */
export async function enter(path) {
  if (entering) return false;
  entering = true;
  checking = null;
  showFault("");
  go.disabled = true;
  const room = new Room(line);
  try {
    await line.open();
    room.open();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    await line.connect(`${scheme}://${location.host}${path}`);
    return true;
  } catch (error) {
    entering = false;
    go.disabled = false;
    room.leave();
    line.stop();
    at("mic-check").disabled = false;
    at("sound-start").hidden = true;
    showFault(error.message);
    showReading();
    return false;
  }
}

/** Call `act` when the learner presses the button, or Enter anywhere but on a control. */
export function onGo(act) {
  at("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    act();
  });
  document.addEventListener("keydown", (event) => {
    const onControl = event.target.closest("a, button, input, dialog");
    if (event.key === "Enter" && !event.repeat && !onControl && !event.defaultPrevented) act();
  });
}
