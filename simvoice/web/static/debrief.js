/* The debrief: the score, the patient's own voice, what is folded. */

import { ask } from "./api.js";
import { BEFORE_S, drawScore, sound, wirePlayer } from "./player.js";

const at = (id) => document.getElementById(id);

at("print").addEventListener("click", () => print());
// Paper has nothing to unfold; the screen is afterwards as it was.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  for (const folded of unfolded) folded.open = true;
});
addEventListener("afterprint", () => {
  for (const folded of unfolded) folded.open = false;
  unfolded = [];
});
at("reasons")?.addEventListener("change", (event) => {
  at("transcript").classList.toggle("with-reasons", event.target.checked);
});

// -- her own words ------------------------------------------------------------------------

/** The patient says afterwards how it felt; her voice is made when it is first wanted. */
function wireHer(button) {
  const words = button.querySelector("span");
  const asked = words.textContent;
  let hers = null;
  const rest = () => {
    words.textContent = asked;
    button.removeAttribute("aria-busy");
  };
  button.addEventListener("click", async () => {
    if (hers !== null && !hers.paused) {
      hers.pause();
      hers.currentTime = 0;
      return;
    }
    sound?.pause();
    at("hear-fault").hidden = true;
    if (hers === null) {
      hers = new Audio(button.dataset.sound);
      hers.addEventListener("playing", () => {
        words.textContent = "Stop";
        button.removeAttribute("aria-busy");
      });
      for (const name of ["pause", "ended"]) hers.addEventListener(name, rest);
      sound?.addEventListener("play", () => hers?.pause());
    }
    words.textContent = "One moment …";
    button.setAttribute("aria-busy", "true");
    try {
      await hers.play();
    } catch {
      hers = null;
      rest();
      let why = "This browser cannot play it; the words are above.";
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

// -- the first go ---------------------------------------------------------------------------

/** The first go beside this one is heard from its own recording; pressed again, it stops. */
function wireFirst(buttons) {
  const first = new Audio();
  first.preload = "none";
  let from = null; // the button that is heard
  const stop = () => {
    from?.removeAttribute("aria-pressed");
    from = null;
  };
  for (const name of ["pause", "ended"]) first.addEventListener(name, stop);
  const fault = () => {
    at("other-fault").textContent = "The first recording cannot be played; its words are below.";
    at("other-fault").hidden = false;
  };
  first.addEventListener("error", fault);
  sound?.addEventListener("play", () => first.pause());
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      const again = from === button;
      first.pause();
      if (again) return;
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

// -- what is folded -----------------------------------------------------------------------

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

if (at("hear") !== null) wireHer(at("hear"));
const ofFirst = document.querySelectorAll("[data-from]");
if (ofFirst.length) wireFirst(ofFirst);
if (at("unfold") !== null) wireFolds(at("unfold"));
wirePlayer();
const score = at("score");
if (score !== null) drawScore(`/attempts/${encodeURIComponent(score.dataset.attempt)}/timeline`);
