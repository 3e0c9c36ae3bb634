/* The page during an encounter. It shows only what helps while two people talk. */

import { clock } from "./format.js";
import { blockedSentence, showLevel } from "./micheck.js";

const at = (id) => document.getElementById(id);
const CAPTIONS_SHOWN = 3;
const CALM_S = 60; // above a minute, show whole minutes; a running clock distracts
const TYPING_EVERY_MS = 1000; // how often the patient is told that the learner types

/** The address of an attempt's debrief. A hub has its own, for it keeps the record first. */
function debriefOf(attempt) {
  return `${at("door").dataset.debriefs ?? "/attempts/"}${encodeURIComponent(attempt)}`;
}

export class Room {
  constructor(line) {
    this.line = line;
    this.root = at("room");
    this.patient = at("door").dataset.patient;
    this.attempt = null;
    this.over = false;
    this.saidMinute = false;
    this.timeIsOver = false;
    this.said = "";
    this.dialog = at("end-dialog");
    this.doorTitle = document.title;
    this.abort = new AbortController();
  }

  /** Show the encounter and handle the events of the line. */
  open() {
    const { signal } = this.abort;
    at("door").hidden = true;
    this.root.hidden = false;
    document.body.classList.add("in-room");
    document.title = `With ${this.patient} · simvoice`;
    scrollTo(0, 0);
    const listen = (name, act) => this.line.addEventListener(name, act, { signal });
    listen("level", (event) => showLevel(at("room-meter"), event.detail.dbfs));
    listen("message", (event) => this.receive(event.detail));
    listen("closed", () => this.lost("The connection to simvoice was lost. Check that simvoice is still running."));
    listen("lost", (event) => this.drop(`${event.detail.reason} The recording up to then is saved.`));
    listen("muted", () => this.notice("The system has muted your microphone. Switch it on again."));
    listen("unmuted", () => this.notice(""));
    listen("suspended", () => this.notice("The browser blocks the sound. Press any key."));
    listen("blocked", () => this.offerStart());
    listen("running", () => {
      at("room-start").hidden = true;
      this.notice("");
    });
    at("room-start").addEventListener("click", () => this.startSound(), { signal });
    at("end").addEventListener("click", () => this.askToEnd(), { signal });
    at("captions-toggle").addEventListener("click", () => this.toggleCaptions(), { signal });
    this.dialog.addEventListener("close", () => this.answered(), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    document.addEventListener("pointerdown", () => this.line.resume(), { signal });
    addEventListener("beforeunload", (event) => event.preventDefault(), { signal });
    // stop first: the browser takes the microphone from a closing page, and that would look like a fault
    addEventListener("pagehide", () => this.line.stop(), { signal });
    this.root.tabIndex = -1;
    this.root.focus();
    if (at("typed") !== null) this.offerTyping(signal);
    this.breathe();
  }

  /** Return to the door note when no encounter started. */
  leave() {
    this.abort.abort();
    this.over = true;
    this.root.hidden = true;
    at("room-start").hidden = true;
    at("end").disabled = false;
    at("door").hidden = false;
    this.notice("");
    document.body.classList.remove("in-room");
    document.title = this.doorTitle;
  }

  receive(message) {
    if (message.type === "begun") {
      this.attempt = message.attempt;
      this.showTurn("nobody");
    } else if (message.type === "status") this.status(message);
    else if (message.type === "speaking") this.speaking(message);
    else if (message.type === "caption") this.caption(message);
    else if (message.type === "time_over") this.timeOver();
    else if (message.type === "refused") this.refused(message.message);
    else if (message.type === "finished") this.finished(message);
    else if (message.type === "notice") this.notice(message.message);
    else this.lost(message.message, message.attempt ?? this.attempt);
  }

  status({ floor, time_left_s: left, is_held: isHeld }) {
    if (floor !== this.root.dataset.floor) this.showTurn(floor);
    at("time-left").textContent = this.timeWords(left, isHeld);
    if (left !== null && left <= CALM_S && !this.saidMinute) {
      this.saidMinute = true;
      this.announce("One minute left.");
    }
  }

  timeWords(left, isHeld) {
    if (isHeld) return "The clock is stopped";
    if (this.timeIsOver) return "The time is over; come to an end";
    if (left === null) return "";
    return left > CALM_S ? `${Math.ceil(left / 60)} minutes left` : `${clock(left)} left`;
  }

  /** The time is over and the encounter goes on. */
  timeOver() {
    this.timeIsOver = true;
    this.announce("The time is over. Come to an end.");
  }

  announce(sentence) {
    at("room-say").textContent = sentence;
  }

  showTurn(floor) {
    this.root.dataset.floor = floor;
    const words = { patient: `${this.patient} is speaking`, learner: "You are speaking", nobody: "Quiet" };
    at("floor-words").textContent = words[floor];
  }

  /** The patient begins to say a line: it is written while it sounds. */
  speaking({ start_s: startS, text }) {
    if (text) this.write("patient", text).dataset.start = startS;
  }

  /** A turn is over. What the patient really said replaces what was planned. */
  caption({ who, start_s: startS, text }) {
    const planned = at("captions").querySelector(`[data-start="${startS}"]`);
    if (who === "patient" && planned !== null) {
      planned.removeAttribute("data-start");
      if (text) planned.lastChild.textContent = text;
      else planned.remove();
    } else if (text) this.write(who, text);
  }

  write(who, text) {
    const row = document.createElement("p");
    row.className = who;
    const name = document.createElement("span");
    name.className = "sr";
    name.textContent = who === "patient" ? `${this.patient}: ` : "You: ";
    row.append(name, text);
    at("captions").append(row);
    while (at("captions").children.length > CAPTIONS_SHOWN) at("captions").firstChild.remove();
    return row;
  }

  toggleCaptions() {
    if (this.root.dataset.captions === "never") return; // an exam has none
    const shown = at("captions").hidden;
    at("captions").hidden = !shown;
    at("captions-toggle").setAttribute("aria-pressed", String(shown));
  }

  key(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("textarea, input") && event.key !== "Escape") return;
    this.line.resume();
    if (this.dialog.open) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.askToEnd();
    } else if (event.key.toLowerCase() === "c") this.toggleCaptions();
  }

  // -- typed turns, where the learner may type instead of speaking

  offerTyping(signal) {
    const text = at("typed-text");
    at("typed").addEventListener("submit", (event) => {
      event.preventDefault();
      this.sayTyped();
    }, { signal });
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.sayTyped();
    }, { signal });
    let told = 0;
    text.addEventListener("input", () => {
      if (performance.now() - told < TYPING_EVERY_MS) return;
      told = performance.now();
      this.line.send({ type: "typing" });
    }, { signal });
    text.focus();
  }

  sayTyped() {
    const text = at("typed-text").value.trim();
    if (text === "") return;
    at("typed-fault").hidden = true;
    this.line.send({ type: "typed", text });
    this.said = text;
    at("typed-text").value = "";
  }

  /** A typed turn was not taken: it is in the field again. */
  refused(sentence) {
    at("typed-fault").textContent = sentence;
    at("typed-fault").hidden = false;
    if (at("typed-text").value === "") at("typed-text").value = this.said;
  }

  askToEnd() {
    if (this.over || this.dialog.open) return;
    this.dialog.returnValue = "stay";
    this.dialog.showModal();
  }

  answered() {
    if (this.dialog.returnValue !== "end" || this.over) return;
    if (this.line.socket === null) {
      this.line.stop(); // nothing has begun: connect() rejects, and the door note is shown again
      return;
    }
    at("end").disabled = true;
    at("floor-words").textContent = "Saving the recording…";
    this.line.send({ type: "end" });
  }

  finished({ attempt, message }) {
    if (message) {
      this.lost(message, attempt);
      return;
    }
    this.close();
    at("floor-words").textContent = "Opening the debrief…";
    location.assign(debriefOf(attempt));
  }

  /** The microphone is gone: end the encounter and keep its record. */
  drop(sentence) {
    this.lost(sentence);
    this.line.send({ type: "lost" });
    this.line.stop();
  }

  lost(sentence, attempt = this.attempt) {
    if (this.over) return;
    this.close();
    this.root.hidden = true;
    document.body.classList.remove("in-room");
    at("after").hidden = false;
    at("after-words").textContent = sentence;
    at("after-debrief").hidden = !attempt;
    if (attempt) at("after-debrief").href = debriefOf(attempt);
    at("after").focus();
  }

  close() {
    this.over = true;
    this.abort.abort();
    if (this.dialog.open) this.dialog.close("stay");
  }

  notice(sentence) {
    at("room-notice").textContent = sentence;
    at("room-notice").hidden = sentence === "";
  }

  offerStart() {
    this.notice(blockedSentence(!at("room-start").hidden));
    at("room-start").hidden = false;
    at("room-start").focus();
  }

  startSound() {
    this.line.resume(); // first: it reports "suspended", which has a notice of its own
    this.notice("Starting the sound…");
  }

  /** Scale the circle with the loudness of the patient's voice. It shows sound, never a feeling. */
  breathe() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const analyser = this.line.context.createAnalyser();
    analyser.fftSize = 512;
    this.line.node.connect(analyser);
    const sound = new Float32Array(analyser.fftSize);
    let swell = 0;
    const step = () => {
      if (this.over) return;
      analyser.getFloatTimeDomainData(sound);
      const power = sound.reduce((sum, x) => sum + x * x, 0) / sound.length;
      const loud = Math.min(1, Math.sqrt(power) * 6);
      swell += (loud - swell) * (loud > swell ? 0.35 : 0.08);
      this.root.style.setProperty("--voice-scale", (1 + 0.32 * swell).toFixed(3));
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}
