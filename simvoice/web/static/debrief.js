/* The debrief: timeline, the patient's reflection, the comparison with a first attempt. */

import { ask } from "./api.js";
import { BEFORE_S, drawScore, moveTo, sound, wirePlayer } from "./player.js";

const at = (id) => document.getElementById(id);

// -- printing ----------------------------------------------------------------------------

// A page prints as one page; with the transcript or with everything only when asked.
const WANTED = { transcript: "#conversation", everything: ".doors details" };
let unfolded = [];

/** Open what is printed, and remember what was folded. */
function unfold() {
  const wanted = WANTED[document.documentElement.dataset.print];
  const found = wanted === undefined ? [] : document.querySelectorAll(wanted);
  for (const folded of found) {
    if (folded.open) continue;
    unfolded.push(folded);
    folded.open = true;
  }
}

async function printAs(what) {
  document.documentElement.dataset.print = what;
  unfold();
  const pictures = what === "everything" ? document.querySelectorAll(".pictures img") : [];
  for (const picture of pictures) picture.loading = "eager";
  await Promise.allSettled([...pictures].map((picture) => picture.decode()));
  print();
}

at("print")?.addEventListener("click", () => printAs("page"));
for (const button of document.querySelectorAll("[data-print]")) {
  if (button !== document.documentElement) button.addEventListener("click", () => printAs(button.dataset.print));
}
addEventListener("beforeprint", unfold);
addEventListener("afterprint", () => {
  for (const folded of unfolded) folded.open = false;
  unfolded = [];
  delete document.documentElement.dataset.print;
});

at("reasons")?.addEventListener("change", (event) => {
  at("transcript").classList.toggle("with-reasons", event.target.checked);
});

// -- the patient's reflection ------------------------------------------------------------

/** Play the patient's reflection. The server makes the sound on the first request. */
function wireReflection(button) {
  const label = button.querySelector("span");
  const idleLabel = label.textContent;
  let reflection = null;
  const rest = () => {
    label.textContent = idleLabel;
    button.removeAttribute("aria-busy");
  };
  button.addEventListener("click", async () => {
    if (reflection !== null && !reflection.paused) {
      reflection.pause();
      reflection.currentTime = 0;
      return;
    }
    sound?.pause();
    at("hear-fault").hidden = true;
    if (reflection === null) {
      reflection = new Audio(button.dataset.sound);
      reflection.addEventListener("playing", () => {
        label.textContent = "Stop";
        button.removeAttribute("aria-busy");
      });
      for (const name of ["pause", "ended"]) reflection.addEventListener(name, rest);
      sound?.addEventListener("play", () => reflection?.pause());
    }
    label.textContent = "One moment …";
    button.setAttribute("aria-busy", "true");
    try {
      await reflection.play();
    } catch {
      reflection = null;
      rest();
      let why = "This browser cannot play it. The words are above.";
      try {
        await ask(button.dataset.sound);
      } catch (error) {
        why = error.message;
      }
      at("hear-fault").textContent = why;
      at("hear-fault").hidden = false;
    }
  });
}

// -- the first attempt -------------------------------------------------------------------

/** Play lines of the first attempt from its own recording. A second press stops. */
function wireFirst(buttons) {
  const first = new Audio();
  first.preload = "none";
  let from = null; // the button whose line plays
  const stop = () => {
    from?.removeAttribute("aria-pressed");
    from = null;
  };
  for (const name of ["pause", "ended"]) first.addEventListener(name, stop);
  const fault = () => {
    at("other-fault").textContent = "The first recording cannot be played. Its words are below.";
    at("other-fault").hidden = false;
  };
  first.addEventListener("error", fault);
  sound?.addEventListener("play", () => first.pause());
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      const wasPlaying = from === button;
      first.pause();
      if (wasPlaying) return;
      sound?.pause();
      try {
        if (!first.src) first.src = button.dataset.sound;
        first.currentTime = Math.max(0, Number(button.dataset.from) - BEFORE_S);
        await first.play();
        stop();
        from = button;
        button.setAttribute("aria-pressed", "true");
      } catch (error) {
        if (error.name !== "AbortError") fault();
      }
    });
  }
}

// -- folded sections ---------------------------------------------------------------------

function wireFolds(button) {
  const folds = [...document.querySelectorAll(".scored")];
  button.addEventListener("click", () => {
    const open = !folds.every((each) => each.open);
    for (const each of folds) each.open = open;
  });
  const say = () => {
    const open = folds.every((each) => each.open);
    button.textContent = open ? "Close all" : "Open all";
    button.setAttribute("aria-expanded", String(open));
  };
  for (const each of folds) each.addEventListener("toggle", say);
}

// -- doors -------------------------------------------------------------------------------

/** Open the doors around what the address names, show it, and move the playhead to its moment. */
function openNamed() {
  const name = decodeURIComponent(location.hash.slice(1));
  const found = at(name) ?? lineAt(name);
  if (found === null) return;
  for (let door = found.closest("details"); door !== null; door = door.parentElement.closest("details")) door.open = true;
  found.scrollIntoView({ block: found.matches(".line") ? "center" : "start" });
  if (found.dataset.start !== undefined) moveTo(Number(found.dataset.start) - BEFORE_S);
}

/** The last line that begins by a moment, such as "at-1:23"; null without one. */
function lineAt(name) {
  const parts = /^at-(?:(\d+):)?(\d+):(\d\d)$/.exec(name);
  if (parts === null) return null;
  const second = 3600 * Number(parts[1] ?? 0) + 60 * Number(parts[2]) + Number(parts[3]);
  const lines = [...document.querySelectorAll(".line[data-start]")];
  return lines.findLast((line) => Number(line.dataset.start) < second + 1) ?? lines[0] ?? null;
}

addEventListener("hashchange", openNamed);
// a second press on the same link changes no address
for (const link of document.querySelectorAll("a.to-line")) {
  link.addEventListener("click", () => {
    if (link.hash === location.hash) openNamed();
  });
}

if (at("hear") !== null) wireReflection(at("hear"));
const firstButtons = document.querySelectorAll("[data-from]");
if (firstButtons.length) wireFirst(firstButtons);
if (at("unfold") !== null) wireFolds(at("unfold"));
wirePlayer();
const score = at("score");
if (score !== null) drawScore(`/attempts/${encodeURIComponent(score.dataset.attempt)}/timeline`);
if (location.hash) openNamed();
