/*
 * The door note on a hub: join the queue, wait, and go in when it is this learner's turn. The
 * server says how many are before and how long it takes (hub/encounters/queue.py); this page only
 * asks every few seconds, which also keeps the place.
 */

import { ask } from "./api.js";
import { door, enter, isEntering, onGo, showFault } from "./door.js";

const at = (id) => document.getElementById(id);
const TITLE = document.title;
const wish = door.dataset.assignment
  ? { assignment: door.dataset.assignment }
  : door.dataset.retryAttempt
    ? { retry: { attempt: door.dataset.retryAttempt, turn: Number(door.dataset.retryTurn) } }
    : { case: door.dataset.case };

const AWAY = "When you have read the note, press the button. If others are talking, you wait in a queue.";
const ELSEWHERE = "You wait for another patient. If you press the button, you wait for this one instead.";

let standing = "away";
let isOurs = false; // the place is for the patient of this page
let joined = false; // the learner has pressed the button on this page
let isCutOff = false; // the last question was not answered

const path = "/encounters/place";

/** Say something to everyone, and to a screen reader only when it is new. */
function say(sentence) {
  if (at("queue-words").textContent !== sentence) at("queue-words").textContent = sentence;
}

function show(state) {
  const wasOffered = standing === "offered" && isOurs;
  standing = state.standing;
  isOurs = state.case === door.dataset.case && state.wish === door.dataset.wish;
  const isWaiting = isOurs && standing === "waiting";
  const isOffered = isOurs && standing === "offered";
  at("go").disabled = isWaiting || standing === "talking";
  at("go-words").textContent = isOffered ? "Go in" : isWaiting ? "Waiting…" : "I am ready";
  at("leave").hidden = !(isWaiting || isOffered);
  document.title = isOffered ? `Your turn · ${TITLE}` : TITLE;
  if (isOffered) {
    at("queue-left").textContent = `${Math.ceil(state.take_within_s)} seconds left`;
    say("It is your turn. Go in now, or the place is given to the next one.");
    if (!wasOffered) at("go").focus();
  } else {
    at("queue-left").textContent = "";
    if (isWaiting || standing === "talking") say(state.sentence);
    else if (joined) say("Your place was given to the next one. Press the button to wait again.");
    else say(state.sentence || (standing === "away" ? AWAY : ELSEWHERE));
  }
}

async function look() {
  if (isEntering()) return;
  try {
    show(await ask(path));
    if (isCutOff) showFault("");
    isCutOff = false;
  } catch (error) {
    isCutOff = true; // it may come back: the place is kept for a while
    showFault(error.message);
  }
}

async function join() {
  at("go").disabled = true;
  try {
    const state = await ask(path, "POST", wish);
    joined = true;
    show(state);
    if (isOurs && standing === "offered") await goIn(); // nobody waits
  } catch (error) {
    at("go").disabled = false;
    showFault(error.message);
  }
}

async function goIn() {
  if (!(await enter("/encounters/line"))) look();
}

at("leave").addEventListener("click", async () => {
  joined = false;
  try {
    show(await ask(`${path}/leave`, "POST"));
  } catch (error) {
    showFault(error.message);
  }
});

onGo(() => {
  if (at("go").disabled) return;
  if (isOurs && standing === "offered") goIn();
  else join();
});

look();
new Worker(new URL("./ticks.js", import.meta.url)).addEventListener("message", look);
