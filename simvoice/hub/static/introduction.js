/* The introduction: check the microphone, as the door of each patient does. */

import { VoiceLine } from "./line.js";
import { blockedSentence, showLevel, STALLED, verdict } from "./micheck.js";

const at = (id) => document.getElementById(id);
const line = new VoiceLine();
let checking = null;

function words(sentence, kind = "") {
  at("mic-words").textContent = sentence;
  at("mic-words").dataset.kind = kind;
}

/** The check is over, or cannot go on: give the microphone back. */
function end(sentence, kind) {
  checking = null;
  line.stop();
  at("sound-start").hidden = true;
  at("mic-check").disabled = false;
  at("mic-check").textContent = "Check again";
  showLevel(at("mic-meter"), -96);
  words(sentence, kind);
}

function listen() {
  checking = [];
  words(verdict(checking).sentence);
}

line.addEventListener("level", (event) => {
  if (checking === null) return;
  showLevel(at("mic-meter"), event.detail.dbfs);
  checking.push(event.detail);
  const found = verdict(checking);
  if (found.done) end(found.sentence, found.fit ? "good" : "bad");
});
line.addEventListener("lost", (event) => end(event.detail.reason, "bad"));
line.addEventListener("stalled", () => end(STALLED, "bad"));
line.addEventListener("muted", () => words("The system has muted this microphone. Switch it on again.", "bad"));
line.addEventListener("blocked", () => {
  checking = null;
  words(blockedSentence(!at("sound-start").hidden), "bad");
  at("sound-start").hidden = false;
});
line.addEventListener("running", () => {
  if (at("sound-start").hidden) return;
  at("sound-start").hidden = true;
  listen();
});
at("sound-start").addEventListener("click", () => {
  words("Starting the sound…");
  line.resume();
});
at("mic-check").addEventListener("click", async () => {
  at("mic-check").disabled = true;
  words("Waiting for the browser to allow the microphone…");
  try {
    await line.open();
    listen();
  } catch (error) {
    end(error.message, "bad");
  }
});

at("mic-row").hidden = false;
words("Press “Check the microphone”, allow it, and say a sentence.");
