/* What single phases do in the page: the microphone check, and the learner's own answers. */

import { ask } from "./api.js";
import { blockedSentence, showLevel, STALLED, verdict } from "./micheck.js";
import { line, ring, worn } from "./station_line.js";

const at = (id) => document.getElementById(id);
const DRAFT_AFTER_MS = 400; // a crash takes no more of what was typed
const DRAFT_AGAIN_MS = 2000;
const LOOK_AGAIN_MS = 2000;

/** Open the microphone and judge it. Returns a function that ends the check. */
export function wireMicrophone() {
  const abort = new AbortController();
  const { signal } = abort;
  const listen = (name, act) => line.addEventListener(name, act, { signal });
  const mayType = !at("mic-pass").disabled;
  let checking = null;
  let timer = null;

  const words = (sentence, kind = "") => {
    at("mic-words").textContent = sentence;
    at("mic-words").dataset.kind = kind;
  };
  const check = () => {
    checking = [];
    at("mic-check").disabled = true;
    words(verdict(checking).sentence);
  };
  const lost = (sentence) => {
    if (signal.aborted) return;
    checking = null;
    line.stop();
    showLevel(at("mic-meter"), -96);
    at("sound-start").hidden = true;
    at("mic-check").disabled = false;
    at("mic-pass").disabled = !mayType;
    words(sentence, "bad");
    clearTimeout(timer);
    timer = setTimeout(open, LOOK_AGAIN_MS); // it is plugged in again, and nobody has to press
  };
  const open = async () => {
    clearTimeout(timer);
    try {
      await line.open();
      if (!signal.aborted) check();
    } catch (error) {
      lost(error.message);
    }
  };

  listen("level", ({ detail }) => {
    showLevel(at("mic-meter"), detail.dbfs);
    if (checking === null) return;
    checking.push(detail);
    const found = verdict(checking);
    if (!found.done) return;
    checking = null;
    at("mic-check").disabled = false;
    words(found.sentence, found.fit ? "good" : "bad");
    at("mic-pass").disabled = !(found.fit || mayType);
  });
  listen("lost", ({ detail }) => lost(detail.reason));
  listen("muted", () => words("The system has muted this microphone. Switch it on again.", "bad"));
  listen("unmuted", check);
  listen("stalled", () => lost(STALLED));
  listen("blocked", () => {
    checking = null;
    words(blockedSentence(!at("sound-start").hidden), "bad");
    at("sound-start").hidden = false;
  });
  listen("running", () => {
    if (at("sound-start").hidden) return;
    at("sound-start").hidden = true;
    check();
  });
  at("sound-start").addEventListener("click", () => line.resume(), { signal });
  at("mic-check").addEventListener("click", () => (line.running ? check() : open()), { signal });
  at("mic-tone").addEventListener("click", () => ring(), { signal });
  at("headphones").checked = worn.headset;
  at("headphones").addEventListener("change", () => (worn.headset = at("headphones").checked), { signal });
  open();
  return () => {
    clearTimeout(timer);
    abort.abort();
  };
}

/** Keep the answers on the station while they are typed, and hand them in. */
export function wireQuestions(act) {
  const form = at("questions");
  const fields = [...form.querySelectorAll(".answer")];
  const answers = () => fields.map((field) => field.value);
  let kept = JSON.stringify(answers());
  let timer = null;
  let draft = null; // the one that is on its way
  let isHandedIn = false;

  const say = (words) => {
    if (form.isConnected) at("draft-said").textContent = words;
  };
  const send = async () => {
    const now = JSON.stringify(answers());
    try {
      await ask("/act", "POST", { kind: "draft", answers: answers() }, { keepalive: false });
      kept = now;
      say("Saved.");
      return DRAFT_AFTER_MS;
    } catch {
      say("Not saved yet. It is tried again.");
      return DRAFT_AGAIN_MS;
    }
  };
  const isKept = () => JSON.stringify(answers()) === kept;
  const keepIn = (ms) => (timer ??= setTimeout(keep, ms));
  const keep = async () => {
    clearTimeout(timer);
    timer = null;
    if (draft !== null || isHandedIn || isKept() || !form.isConnected) return;
    draft = send();
    const nextMs = await draft;
    draft = null;
    if (!isHandedIn && !isKept()) keepIn(nextMs);
  };
  form.addEventListener("input", () => {
    say("");
    keepIn(DRAFT_AFTER_MS);
  });
  form.addEventListener("focusout", keep);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isHandedIn) return;
    isHandedIn = true;
    await draft;
    isHandedIn = await act({ kind: "hand in", answers: answers() }, at("hand-in"));
    if (!isHandedIn) keepIn(DRAFT_AGAIN_MS);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.ctrlKey) form.requestSubmit();
  });
  return () => clearTimeout(timer);
}
