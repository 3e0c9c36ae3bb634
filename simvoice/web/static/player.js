/* Play the recording from any moment and show the position. Used by the debrief and the rater's page. */

import { ask } from "./api.js";
import { clock } from "./format.js";
import { Timeline, legend } from "./timeline.js";

const at = (id) => document.getElementById(id);
const STEP_S = 5;
/** Seconds. Playback starts this much before a turn, else its first sound is cut. */
export const BEFORE_S = 0.15;
const TEXT_INPUTS = new Set(["text", "number", "search"]); // these inputs need the keys themselves

/** The recording; null when it was not kept. */
export const sound = at("sound");
const player = at("player");
let stopAt = null; // where playing one moment ends
let pressed = null; // the button whose moment plays
const lines = [...document.querySelectorAll(".line[data-start]")].map((node) => ({
  node,
  start: Number(node.dataset.start),
  end: Number(node.dataset.end),
}));
let timeline = null;

/** Draw the timeline of the data at `path`. A click on it plays from there. */
export async function drawScore(path) {
  let data;
  try {
    data = await ask(path);
  } catch (error) {
    at("timeline").textContent = error.message;
    return;
  }
  timeline = new Timeline(at("timeline"), data);
  timeline.draw();
  legend(at("legend"), data.marks);
  let waiting = false;
  new ResizeObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      timeline.draw();
    });
  }).observe(at("timeline"));
  if (sound === null) return;
  at("timeline").classList.add("playable");
  at("timeline").addEventListener("click", (event) => {
    const second = timeline.at(event);
    if (second !== null) playFrom(second);
  });
}

// -- the two channels --------------------------------------------------------------------

let gains = null;

/** Play both voices, or one alone, in the middle instead of hard left and right. */
function mixer() {
  if (gains !== null) return;
  const context = new AudioContext();
  const source = context.createMediaElementSource(sound);
  const splitter = context.createChannelSplitter(2);
  source.connect(splitter);
  gains = { context, learner: context.createGain(), patient: context.createGain() };
  splitter.connect(gains.learner, 0);
  splitter.connect(gains.patient, 1);
  for (const gain of [gains.learner, gains.patient]) gain.connect(context.destination);
  choose();
}

function choose() {
  if (gains === null) return;
  const wanted = document.querySelector('input[name="channel"]:checked').value;
  for (const who of ["learner", "patient"]) {
    gains[who].gain.value = wanted === "both" || wanted === who ? 1 : 0;
  }
}

// -- playing -----------------------------------------------------------------------------

/** Say why the recording does not play: the server knows when it was erased or withdrawn. */
async function fault() {
  let said = "This browser cannot play the recording. The transcript and the numbers are complete.";
  try {
    await ask(sound.getAttribute("src"), "GET", undefined, { headers: { range: "bytes=0-0" } });
  } catch (error) {
    said = error.message;
  }
  at("sound-fault").textContent = said;
  at("sound-fault").hidden = false;
}

/** Sound that ends more than a second too early was cut off by the server. */
function checkEnd() {
  if (sound.currentTime < Number(at("seek").max) - 1) fault();
}

async function play() {
  mixer();
  await gains.context.resume();
  try {
    await sound.play();
  } catch (error) {
    if (error.name !== "AbortError") fault();
  }
}

function toggle() {
  if (sound.paused) play();
  else sound.pause();
}

function playFrom(second, until = null, button = null) {
  stopAt = until;
  press(button);
  sound.currentTime = Math.max(0, second);
  show();
  play();
}

/** Show which button's moment plays; null for none. */
function press(button) {
  pressed?.classList.remove("playing");
  pressed = button;
  pressed?.classList.add("playing");
}

function show() {
  const now = sound.currentTime;
  at("now").textContent = clock(now);
  at("seek").value = String(now);
  at("seek").setAttribute("aria-valuetext", clock(now));
  timeline?.seek(now);
  for (const line of lines) {
    const on = now >= line.start - BEFORE_S && now < line.end;
    if (on) line.node.setAttribute("aria-current", "true");
    else line.node.removeAttribute("aria-current");
  }
}

function follow() {
  show();
  if (stopAt !== null && sound.currentTime >= stopAt) {
    stopAt = null;
    press(null);
    sound.pause();
  }
  if (!sound.paused) requestAnimationFrame(follow);
}

function turnBy(direction) {
  const now = sound.currentTime;
  const starts = lines.map((line) => line.start - BEFORE_S);
  // like other players: back moves to the start of this turn first
  const next = direction > 0 ? starts.find((s) => s > now + 0.3) : starts.findLast((s) => s < now - 0.7);
  sound.currentTime = Math.max(0, next ?? (direction > 0 ? sound.currentTime : 0));
  show();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const tag = event.target.tagName;
  if (tag === "TEXTAREA" || TEXT_INPUTS.has(event.target.type)) return;
  const onControl = tag === "BUTTON" || tag === "A" || tag === "INPUT" || tag === "SUMMARY";
  if (event.key === " " && (!onControl || event.target.type === "range")) {
    event.preventDefault();
    if (!event.repeat) toggle();
  } else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && event.target.type !== "radio") {
    event.preventDefault();
    stopAt = null;
    const direction = event.key === "ArrowRight" ? 1 : -1;
    if (event.shiftKey) turnBy(direction);
    else sound.currentTime = Math.max(0, sound.currentTime + direction * STEP_S);
    show();
  }
}

/** Move the playhead without playing. */
export function moveTo(second) {
  if (sound === null) return;
  stopAt = null;
  sound.currentTime = Math.max(0, second);
  show();
}

/** Connect buttons, keys and links to moments. Does nothing without a recording. */
export function wirePlayer() {
  if (sound === null) return;
  at("play").addEventListener("click", toggle);
  at("seek").addEventListener("input", (event) => {
    stopAt = null;
    sound.currentTime = Number(event.target.value);
    show();
  });
  at("channels").addEventListener("change", choose);
  sound.addEventListener("error", fault);
  sound.addEventListener("ended", checkEnd);
  for (const name of ["play", "pause", "ended"]) {
    sound.addEventListener(name, () => {
      at("play").setAttribute("aria-label", sound.paused ? "Play" : "Pause");
      player.classList.toggle("playing", !sound.paused);
      if (sound.paused) press(null);
    });
  }
  sound.addEventListener("play", follow);
  sound.addEventListener("seeked", show);
  for (const button of document.querySelectorAll("[data-at]")) {
    const { at: from, to } = button.dataset;
    const until = to === undefined ? null : Number(to);
    button.addEventListener("click", () => {
      if (pressed === button && !sound.paused) sound.pause();
      else playFrom(Number(from) - BEFORE_S, until, button);
    });
  }
  document.addEventListener("keydown", key);
}
