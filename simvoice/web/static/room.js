/* The page during an encounter. It shows only what helps while two people talk. */

import { clock } from "./format.js";
import { blockedSentence, showLevel } from "./micheck.js";

const at = (id) => document.getElementById(id);
const CAPTIONS_SHOWN = 3;
const CALM_S = 60; // above a minute, show whole minutes; a running clock distracts

export class Room {
  constructor(line) {
    this.line = line;
    this.root = at("room");
    this.patient = at("door").dataset.patient;
    this.attempt = null;
    this.over = false;
    this.saidMinute = false;
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
    else if (message.type === "caption") this.caption(message);
    else if (message.type === "finished") this.finished(message);
    else if (message.type === "notice") this.notice(message.message);
    else this.lost(message.message, message.attempt ?? this.attempt);
  }

  status({ floor, time_left_s: left }) {
    if (floor !== this.root.dataset.floor) this.showTurn(floor);
    if (left === null) return;
    at("time-left").textContent =
      left > CALM_S ? `${Math.ceil(left / 60)} minutes left` : `${clock(left)} left`;
    if (left <= CALM_S && !this.saidMinute) {
      this.saidMinute = true;
      at("room-say").textContent = "One minute left.";
    }
  }

  showTurn(floor) {
    this.root.dataset.floor = floor;
    const words = { patient: `${this.patient} is speaking`, learner: "You are speaking", nobody: "Quiet" };
    at("floor-words").textContent = words[floor];
  }

  caption({ who, text }) {
    if (!text) return;
    const row = document.createElement("p");
    row.className = who;
    const name = document.createElement("span");
    name.className = "sr";
    name.textContent = who === "patient" ? `${this.patient}: ` : "You: ";
    row.append(name, text);
    at("captions").append(row);
    while (at("captions").children.length > CAPTIONS_SHOWN) at("captions").firstChild.remove();
  }

  toggleCaptions() {
    const shown = at("captions").hidden;
    at("captions").hidden = !shown;
    at("captions-toggle").setAttribute("aria-pressed", String(shown));
  }

  key(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    this.line.resume();
    if (this.dialog.open) return;
    if (event.key === "Escape") {
      event.preventDefault();
      this.askToEnd();
    } else if (event.key.toLowerCase() === "c") this.toggleCaptions();
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
    location.assign(`/attempts/${encodeURIComponent(attempt)}`);
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
    if (attempt) at("after-debrief").href = `/attempts/${encodeURIComponent(attempt)}`;
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
