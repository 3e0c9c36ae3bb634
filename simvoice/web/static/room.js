/* In the room: what helps while two people talk, and nothing else. */

import { clock } from "./api.js";
import { showLevel } from "./micheck.js";

const at = (id) => document.getElementById(id);
const CAPTIONS_SHOWN = 3;
const CALM_S = 60; // above a minute, whole minutes are enough; a running clock is a stare

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

  /** Show the room and listen to the line. */
  open() {
    const { signal } = this.abort;
    at("door").hidden = true;
    this.root.hidden = false;
    document.body.classList.add("in-room");
    document.title = `With ${this.patient} · simvoice`;
    scrollTo(0, 0);
    const listen = (name, act) => this.line.addEventListener(name, act, { signal });
    listen("level", (event) => showLevel(at("room-meter"), event.detail.dbfs));
    listen("message", (event) => this.hear(event.detail));
    listen("closed", () => this.lost("The connection to simvoice was lost; is it still running?"));
    listen("lost", (event) => this.drop(`${event.detail.reason} What was said up to then is kept.`));
    listen("muted", () => this.notice("The system has muted your microphone; switch it on again."));
    listen("unmuted", () => this.notice(""));
    listen("suspended", () => this.notice("The browser holds the sound back: press any key."));
    listen("running", () => this.notice(""));
    at("end").addEventListener("click", () => this.askToEnd(), { signal });
    at("captions-toggle").addEventListener("click", () => this.toggleCaptions(), { signal });
    this.dialog.addEventListener("close", () => this.answered(), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    document.addEventListener("pointerdown", () => this.line.resume(), { signal });
    addEventListener("beforeunload", (event) => event.preventDefault(), { signal });
    // said at once, before the browser takes the microphone away from a page that is gone
    addEventListener("pagehide", () => this.line.stop(), { signal });
    this.root.tabIndex = -1;
    this.root.focus();
    this.breathe();
  }

  /** Back to the door, when nothing had begun. */
  leave() {
    this.abort.abort();
    this.over = true;
    this.root.hidden = true;
    at("door").hidden = false;
    document.body.classList.remove("in-room");
    document.title = this.doorTitle;
  }

  hear(message) {
    if (message.type === "begun") {
      this.attempt = message.attempt;
      this.tellFloor("nobody");
    } else if (message.type === "status") this.status(message);
    else if (message.type === "caption") this.caption(message);
    else if (message.type === "finished") this.finished(message);
    else this.lost(message.message, message.attempt ?? this.attempt);
  }

  status({ floor, time_left_s: left }) {
    if (floor !== this.root.dataset.floor) this.tellFloor(floor);
    if (left === null) return;
    at("time-left").textContent =
      left > CALM_S ? `${Math.ceil(left / 60)} minutes left` : `${clock(left)} left`;
    if (left <= CALM_S && !this.saidMinute) {
      this.saidMinute = true;
      at("room-say").textContent = "One minute left.";
    }
  }

  tellFloor(floor) {
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
    at("end").disabled = true;
    at("floor-words").textContent = "Closing the record…";
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

  /** The microphone is gone: end here, keep what was said. */
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

  /** Her presence swells with her own voice; it shows sound, never a feeling. */
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
