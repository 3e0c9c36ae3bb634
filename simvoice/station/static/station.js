/*
 * The page of a station: it asks for the state twice a second, shows what it says, and reports what
 * was pressed. The middle of the page is drawn by the server (`/phase`) whenever its shape changes.
 * Nothing is stored, and no page is added to the browser's history.
 */

import { ask } from "./api.js";
import { clock } from "./format.js";
import { closeLine, level, line, ring, say } from "./station_line.js";
import { wireMicrophone, wireQuestions } from "./station_phases.js";
import { EncounterPage } from "./station_room.js";
import { Technician } from "./station_technician.js";

const at = (id) => document.getElementById(id);
const EVERY_MS = 500;
const COVER_AFTER_MS = 4000; // a page that is cut off shows nothing of a learner for longer
const SETTLE_MS = 800; // a card reader may end a code with two Enters: the second one presses nothing
const SHOWN_MS = 9000;
const LONGEST_PRESS_MS = 5000; // a pointer that goes up elsewhere is not waited for
const SHORT_S = 60; // above a minute whole minutes are enough; a running clock distracts

const WINDOW = crypto.randomUUID();
let state = null;
let stateAt = 0;
let heardAt = performance.now();
let swappedAt = performance.now();
let announced = null;
let encounter = null; // the EncounterPage of this phase
let stopPhase = null; // ends what a phase has started
let swapping = false;
let downAt = -Infinity; // a button that is replaced between going down and up is not pressed
let wake = null;

const phase = () => at("phase");
const isEncounter = (name) => name === "encounter" || name === "test";

// -- asking ------------------------------------------------------------------------------

async function look() {
  const asked = performance.now();
  let found;
  try {
    const sign = { window: WINDOW, level_dbfs: level.dbfs };
    found = await ask("/state", "POST", sign, { keepalive: false });
  } catch {
    return; // the cover says it when it lasts
  }
  heardAt = performance.now();
  if (!found.is_open_here) {
    leaveRoom();
    cover("The station is open in another window", "Go on there, or close it and load this page again.");
    return;
  }
  at("cover").hidden = true;
  state = found;
  stateAt = asked;
  show();
}

async function keepLooking() {
  for (;;) {
    await look();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, EVERY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Look at once instead of at the next tick. */
export const lookNow = () => wake?.();

function cover(title, words) {
  at("cover-title").textContent = title;
  at("cover-words").textContent = words;
  at("cover").hidden = false;
}

setInterval(() => {
  if (performance.now() - heardAt > COVER_AFTER_MS) {
    cover("One moment", "This station is starting again. Nothing is lost, and you need not do anything.");
  }
}, 1000);

// -- showing -----------------------------------------------------------------------------

function strip(id, words) {
  at(id).firstElementChild.textContent = words;
  at(id).hidden = words === "";
}

function show() {
  at("held").hidden = !state.is_held;
  strip("fault", state.fault);
  strip("note", state.note && `${state.note} Tell a technician; you can go on.`);
  strip("notice", state.notice);
  document.documentElement.classList.toggle("large-type", state.large_type);
  announce(state.announcement);
  warn(state.warning);
  technician.show(state);
  showAttended();
  showReadiness();
  showTime();
  if (state.shape !== phase().dataset.shape) swap();
  else encounter?.goOn(state);
}

function announce(announcement) {
  const isFirst = announced === null;
  const number = announcement?.number ?? 0;
  if (number === announced) return;
  announced = number;
  if (isFirst || announcement === null) return; // it was said before this page was loaded
  at("announcement").textContent = announcement.text;
  setTimeout(() => {
    if (announced === number) at("announcement").textContent = "";
  }, SHOWN_MS);
  const bell = announcement.bell ? ring() : null;
  if (announcement.is_spoken) (bell === null ? say(number) : setTimeout(() => say(number), 900));
}

function warn(words) {
  const dialog = at("warning");
  if (words && !dialog.open) {
    at("warning-words").textContent = words;
    dialog.showModal();
  } else if (!words && dialog.open) dialog.close("over");
}

function write(id, words) {
  if (at(id).textContent !== words) at(id).textContent = words; // a status is read out once
}

/** Show how far the patient is: on the door as a line, before an encounter with a bar. */
function showReadiness() {
  if (at("ready-words") !== null) {
    const step = state.preparing ? `${state.preparing}…` : "Preparing the patient…";
    at("ready-words").textContent = state.is_ready ? "" : `${step} ${state.ready_words}`;
    at("go").disabled = !state.is_ready;
  }
  if (at("preparing") === null) return;
  at("preparing").hidden = state.is_ready;
  if (state.is_ready) return;
  write("preparing-words", state.is_interrupted
    ? "The patient is being prepared again. You may press now: the conversation goes on by itself as soon as the patient is ready."
    : "The patient is being prepared. The conversation begins by itself. Your time does not run until then.");
  write("preparing-left", state.ready_words);
  write("preparing-step", state.preparing ? `${state.preparing}…` : "");
  at("preparing-bar").style.transform = `scaleX(${state.ready_share})`;
}

const ATTENDED = "A technician is working at this station. Your page stays, and goes on.";

function showAttended() {
  strip("attended", technician.isWorking ? ATTENDED : "");
  if (state !== null) encounter?.show(state, technician.isWorking ? ATTENDED : "");
}

const inWords = (seconds) => {
  const minutes = Math.ceil(seconds / 60);
  return seconds > SHORT_S ? `About ${minutes} minute${minutes === 1 ? "" : "s"}` : clock(Math.ceil(seconds));
};

let readingS = null;

function showTime() {
  if (state === null) return;
  const passed = state.is_held ? 0 : (performance.now() - stateAt) / 1000;
  const left = (seconds) => (seconds === null ? null : Math.max(0, seconds - passed));
  const now = left(state.left_s);
  if (at("left") !== null && phase().dataset.phase === state.phase) {
    const isDoor = at("reading-bar") !== null;
    if (now === null) at("left").textContent = isDoor ? "Take your time" : "";
    else at("left").textContent = isDoor || state.phase === "thanks" ? clock(Math.ceil(now)) : `${inWords(now)} left`;
    if (isDoor && now !== null) {
      readingS = Math.max(readingS ?? 0, now);
      at("reading-bar").style.transform = `scaleX(${readingS > 0 ? now / readingS : 0})`;
    }
  }
  const drill = left(state.drill_left_s);
  if (at("drill-left") !== null && drill !== null) at("drill-left").textContent = inWords(drill).toLowerCase();
}
setInterval(showTime, 250);

// -- replacing the middle of the page ----------------------------------------------------

async function swap() {
  if (swapping || isPressing() || (encounter?.isTalking && state.is_running && isEncounter(state.phase))) return;
  swapping = true;
  try {
    if (phase().hasAttribute("data-debrief")) {
      location.replace("/"); // its page has scripts of its own, which cannot be taken back
      return;
    }
    const answer = await fetch("/phase", { headers: { accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("phase");
    const before = phase();
    const isSame = before.dataset.phase === fresh.dataset.phase;
    const typed = isSame ? typedIn(before) : new Map();
    endPhase();
    before.replaceWith(document.adoptNode(fresh));
    for (const [id, text] of typed) if (at(id) !== null && at(id).value === "") at(id).value = text;
    swappedAt = performance.now();
    wire();
  } catch {
    // the station did not answer; the next look tries again
  } finally {
    swapping = false;
  }
}

/** Return what is typed into a phase that is drawn again, by the ids of the fields. */
function typedIn(node) {
  const fields = [...node.querySelectorAll("input[type=text], textarea")];
  return new Map(fields.filter((field) => field.value).map((field) => [field.id, field.value]));
}

function leaveRoom() {
  encounter?.close();
  encounter = null;
}

function endPhase() {
  stopPhase?.();
  stopPhase = null;
  leaveRoom();
  readingS = null;
}

async function openDebrief(attempt) {
  try {
    await ask(`/attempts/${encodeURIComponent(attempt)}/prepare`);
    await released();
    location.replace("/");
  } catch (error) {
    problem(error.message);
  }
}

/** Wait until no button is being pressed. */
async function released() {
  while (isPressing()) await new Promise((resolve) => setTimeout(resolve, 50));
}

const NEEDS_SOUND = new Set(["microphone", "door", "encounter", "test"]);

function wire() {
  const name = phase().dataset.phase;
  document.documentElement.classList.toggle("large-type", phase().dataset.large === "yes");
  if (!NEEDS_SOUND.has(name)) closeLine();
  for (const button of phase().querySelectorAll("button[data-act]")) {
    button.addEventListener("click", () => press(button));
  }
  at("leave")?.addEventListener("click", askToLeave);
  phase().querySelector("[data-preparing]") && openDebrief(phase().querySelector("[data-preparing]").dataset.preparing);
  for (const button of phase().querySelectorAll("[data-retry-turn]")) {
    button.addEventListener("click", () => act({ kind: "retry", turn: Number(button.dataset.retryTurn) }, button));
  }
  if (at("code-form") !== null) at("code-form").addEventListener("submit", enterCode);
  if (name === "welcome") technician.wireWelcome();
  if (name === "microphone") stopPhase = wireMicrophone();
  if (name === "questions") stopPhase = wireQuestions(act);
  if (isEncounter(name)) encounter = new EncounterPage(phase(), { lookNow, leave: () => act({ kind: "leave" }) });
  focusPhase();
  phase().dataset.wired = ""; // keys and buttons work from now on
  if (state !== null) {
    showReadiness();
    showTime();
    if (state.shape === phase().dataset.shape) encounter?.goOn(state);
  }
}

/** Put the focus where typing helps, else on the title, so that a screen reader begins to read. */
function focusPhase() {
  if (technician.isOpen) return;
  (phase().querySelector("[data-focus]") ?? phase().querySelector("h1"))?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

// -- pressing ----------------------------------------------------------------------------

function problem(words) {
  const place = at("problem");
  if (place === null) return;
  place.textContent = words;
  place.hidden = words === "";
}

/** Tell the station what was pressed. Returns whether it was done; else the page says why not. */
async function act(action, button = null) {
  problem("");
  if (button !== null) button.disabled = true;
  try {
    await ask("/act", "POST", action);
    return true;
  } catch (error) {
    problem(error.message);
    return false;
  } finally {
    if (button !== null) button.disabled = false;
    lookNow();
  }
}

function press(button) {
  const { act: kind, case: caseId, assignment } = button.dataset;
  const action = { kind };
  if (caseId !== undefined) action.case = caseId;
  if (assignment !== undefined) action.assignment = assignment;
  return act(action, button);
}

async function enterCode(event) {
  event.preventDefault();
  const field = at("code");
  if (field.value.trim() === "") {
    problem("Type your code, or hold your card to the reader.");
    field.focus();
    return;
  }
  at("code-wait").textContent = "Looking it up…";
  const text = field.value;
  field.value = ""; // nobody who comes by reads it
  const done = await act({ kind: "code", text }, at("code-go"));
  if (at("code-wait") !== null) at("code-wait").textContent = "";
  if (!done) field.focus();
}

function askToLeave() {
  const begun = isEncounter(phase().dataset.phase) || phase().dataset.phase === "questions";
  at("leaving-words").textContent = begun && state?.mode === "exam"
    ? "What you have begun of the exam is kept as it is."
    : "Everything that you typed here is removed. What was recorded under a code is kept for you on the hub.";
  at("leaving").returnValue = "stay";
  at("leaving").showModal();
}

at("leaving").addEventListener("close", () => {
  if (at("leaving").returnValue === "leave") act({ kind: "leave" });
});
at("warning").addEventListener("close", () => {
  if (at("warning").returnValue !== "over") act({ kind: "stay" });
});

const isPressing = () => performance.now() - downAt < LONGEST_PRESS_MS;
addEventListener("pointerdown", () => (downAt = performance.now()), true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(name, () => setTimeout(() => (downAt = -Infinity)), true); // after the click
}

// -- keys --------------------------------------------------------------------------------

const KEPT_FROM_BROWSER = new Set(["p", "s", "o", "r", "f", "u", "j", "h", "d", "g"]);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey && event.altKey && event.key.toLowerCase() === "t") {
    event.preventDefault();
    technician.open();
    return;
  }
  const isBrowsers = event.key === "F5" || ((event.ctrlKey || event.metaKey) && KEPT_FROM_BROWSER.has(event.key.toLowerCase()));
  if (isBrowsers) {
    event.preventDefault(); // printing, saving and searching are of no use here, and leave traces
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const onControl = event.target.closest?.("a, button, input, textarea, select, summary");
  if (event.key === "Enter" && !event.repeat && !event.ctrlKey && !onControl) {
    if (performance.now() - swappedAt < SETTLE_MS) return;
    const button = phase().querySelector("[data-enter]:not([hidden])");
    if (button !== null && !button.disabled) button.click();
    return;
  }
  // a card reader types wherever the focus is
  const field = phase().querySelector("[data-catch]");
  if (field !== null && !onControl && event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey) field.focus();
});
// nothing is carried to the next learner in the clipboard, and nothing is dropped into the page
for (const name of ["copy", "cut", "contextmenu", "dragstart", "dragover", "drop"]) {
  document.addEventListener(name, (event) => event.preventDefault());
}

const technician = new Technician({ lookNow, isTalking: () => encounter?.isTalking ?? false, line, changed: showAttended });
at("corner").addEventListener("click", () => technician.open());
addEventListener("pagehide", () => line.stop());
wire();
window.takeEarlyPress()?.click();
keepLooking();
