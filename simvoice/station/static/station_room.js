/* An encounter at a station: the room of web/static/room.js, whose clock the station keeps. */

import { Room } from "./room.js";
import { line, socketAddress } from "./station_line.js";

const at = (id) => document.getElementById(id);
const TRY_AGAIN_MS = 3000;

class StationRoom extends Room {
  constructor(page) {
    super(line);
    this.page = page;
    this.words = "";
  }

  receive(message) {
    if (message.type === "begun") this.page.hasBegun = true;
    super.receive(message);
  }

  /** The station announces the time itself, with what it says in other phases. */
  announce() {}

  /** Show what the station says, without hiding what the line says. */
  tell(words) {
    if (words !== this.words) this.notice(words);
    this.words = words;
  }

  answered() {
    if (this.dialog.returnValue === "leave" && !this.over) {
      at("end").disabled = true;
      this.page.leave();
    } else super.answered();
  }

  finished({ message }) {
    this.lost(message ?? "");
  }

  /** Nothing more comes over the line. The station says what follows. */
  lost(sentence) {
    if (this.over) return;
    this.close();
    this.root.hidden = true;
    document.body.classList.remove("in-room");
    document.title = this.doorTitle;
    this.page.ended(sentence);
  }
}

/** The phase of an encounter: open the line as soon as the station allows it, and again if need be. */
export class EncounterPage {
  constructor(node, { lookNow, leave }) {
    this.node = node;
    this.lookNow = lookNow;
    this.leave = leave;
    this.room = null;
    this.hasBegun = false;
    this.isOpening = false;
    this.timer = null;
    this.notBefore = 0;
    at("again")?.addEventListener("click", () => {
      this.notBefore = 0;
      this.begin();
    });
    this.onChange = () => this.lookNow();
    navigator.mediaDevices?.addEventListener("devicechange", this.onChange);
  }

  get isTalking() {
    return this.room !== null && !this.room.over;
  }

  /** attended: says that a technician is here; empty without one. */
  show(state, attended) {
    if (this.isTalking) this.room.tell(state.fault || state.notice || attended);
  }

  /** Called after each look at the state, while this phase is shown. */
  goOn(state) {
    if (state.is_interrupted || state.is_running || this.isTalking || this.isOpening) return;
    if (!state.is_ready) {
      at("before-title").textContent = "One moment"; // the page shows how far the patient is
      at("before-words").textContent = "";
      at("again").hidden = true;
      this.notBefore = 0;
      return;
    }
    if (state.notice) this.waits(state.notice); // something went wrong before: the learner presses
    else if (performance.now() >= this.notBefore) this.begin();
  }

  async begin() {
    if (this.isOpening || this.isTalking) return;
    at("before-title").textContent = "Opening the door…";
    this.isOpening = true;
    this.hasBegun = false;
    const room = new StationRoom(this);
    try {
      await line.open();
      if (!this.node.isConnected) return;
      this.room = room;
      at("before-room").hidden = true;
      room.open();
      await line.connect(socketAddress("/line"));
    } catch (error) {
      room.leave();
      this.room = null;
      if (this.node.isConnected) this.waits(error.message);
    } finally {
      this.isOpening = false;
    }
  }

  /** The line is closed. What comes next is in the state. */
  ended(sentence) {
    this.room = null;
    line.stop();
    if (this.node.isConnected) this.waits(sentence, this.hasBegun);
    this.lookNow();
  }

  waits(sentence, isOver = false) {
    this.notBefore = performance.now() + TRY_AGAIN_MS;
    at("before-room").hidden = false;
    const title = at("before-title");
    if (title === null) return;
    title.textContent = isOver ? "One moment" : "The conversation cannot begin yet";
    at("before-words").textContent = sentence || (isOver ? "The recording is being closed." : "");
    at("again").hidden = isOver;
  }

  close() {
    navigator.mediaDevices?.removeEventListener("devicechange", this.onChange);
    if (this.isTalking) {
      this.room.close();
      document.body.classList.remove("in-room");
      document.title = this.room.doorTitle;
    }
    this.room = null;
    line.stop();
  }
}
