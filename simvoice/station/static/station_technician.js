/*
 * The technician's panel at the station, beside the learner's page, which stays in sight and goes on:
 * whoever presses Ctrl+Alt+T covers no exam. The key is in this page's memory alone.
 */

import { ask } from "./api.js";
import { showLevel } from "./micheck.js";
import { bareLine, socketAddress } from "./station_line.js";

const at = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const PIN_WITHIN_MS = 30000; // a question for the PIN that nobody answers goes away

export class Technician {
  constructor({ lookNow, isTalking, line, changed }) {
    this.root = at("technician");
    this.lookNow = lookNow;
    this.isTalking = isTalking;
    this.line = line;
    this.changed = changed;
    this.key = null;
    this.timer = null;
    this.ownLine = null;
    this.loopBack = null; // the number of the last test that was asked for
    this.line.addEventListener("level", ({ detail }) => this.showLevel(detail.dbfs));
    // keys pressed here are not those of the room behind
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
      event.stopPropagation();
    });
  }

  get isOpen() {
    return !this.root.hidden;
  }

  open() {
    if (this.isOpen) {
      at("pin")?.focus();
      return;
    }
    this.before = document.activeElement;
    this.root.innerHTML = `<form class="form panel" id="pin-form" autocomplete="off">
<h2>Technician</h2>
<div class="field"><label for="pin">PIN</label>
<input id="pin" type="password" inputmode="numeric" maxlength="100" autocomplete="off"></div>
<p id="pin-fault" class="fault" role="alert" hidden></p>
<div class="actions"><button class="button">Open</button><button id="pin-back" class="button quiet" type="button">Back</button></div>
</form>`;
    this.root.hidden = false;
    at("pin").focus();
    this.waitForPin();
    at("pin").addEventListener("input", () => this.waitForPin());
    at("pin-back").addEventListener("click", () => this.close());
    at("pin-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.unlock();
    });
  }

  waitForPin() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.close(), PIN_WITHIN_MS);
  }

  /** The PIN was right. */
  get isWorking() {
    return this.key !== null;
  }

  async unlock() {
    const pin = at("pin").value;
    at("pin").value = "";
    try {
      this.key = (await ask("/technician/unlock", "POST", { pin })).key;
      await this.load();
    } catch (error) {
      this.key = null;
      if (at("pin-fault") === null) return; // closed meanwhile
      this.waitForPin();
      at("pin-fault").textContent = error.message;
      at("pin-fault").hidden = false;
      at("pin")?.focus();
    }
  }

  send(path, body) {
    const headers = { "x-simvoice-technician": this.key ?? "" };
    return ask(path, body === undefined ? "GET" : "POST", body, { headers });
  }

  async part(path) {
    const answer = await fetch(path, { headers: { "x-simvoice-technician": this.key ?? "", accept: "application/json" } });
    if (!answer.ok) throw new Error((await answer.json()).message);
    return answer.text();
  }

  async load() {
    clearTimeout(this.timer);
    this.root.innerHTML = await this.part("/technician/panel");
    document.body.classList.add("attended");
    this.changed();
    at("technician-title").focus();
    at("technician-close").addEventListener("click", () => this.close());
    at("technician-listen").addEventListener("click", () => this.listen());
    for (const button of this.root.querySelectorAll("[data-verb]")) {
      button.addEventListener("click", () => this.press(button));
    }
    at("sure-no").addEventListener("click", () => (at("sure").hidden = true));
    at("accommodate").addEventListener("submit", (event) => {
      event.preventDefault();
      this.accommodate();
    });
    at("find-drives").addEventListener("click", () => this.findDrives());
    this.wirePairing("pair-again");
    this.timer = setInterval(() => this.refresh(), EVERY_MS);
  }

  async refresh() {
    try {
      at("technician-now").innerHTML = await this.part("/technician/now");
    } catch (error) {
      if (error instanceof TypeError) return; // the station starts again; the cover says so
      this.close();
    }
  }

  say(words, isFault = false) {
    for (const [id, shown] of [["technician-said", !isFault], ["technician-fault", isFault]]) {
      if (at(id) === null) continue;
      at(id).textContent = shown ? words : "";
      at(id).hidden = !shown || words === "";
    }
  }

  async press(button) {
    const { verb, sure } = button.dataset;
    if (sure === undefined) {
      await this.command({ verb });
      return;
    }
    at("sure-words").textContent = sure;
    at("sure-yes").textContent = `Yes, ${button.firstChild.textContent.trim().toLowerCase()}`;
    at("sure").hidden = false;
    at("sure-yes").onclick = async () => {
      at("sure").hidden = true;
      await this.command({ verb });
      button.focus();
    };
    at("sure-yes").focus();
  }

  async command(body) {
    this.say("");
    try {
      const { done, sentence } = await this.send("/technician/command", body);
      this.say(sentence || "Done.", !done);
      if (done && body.verb === "test") this.close();
    } catch (error) {
      this.say(error.message, true);
    }
    this.lookNow();
  }

  accommodate() {
    return this.command({
      verb: "sign in",
      accommodations: {
        time_factor: Number(at("time-factor").value),
        patience_factor: Number(at("patience-factor").value),
        captions: at("a-captions").checked,
        large_type: at("a-large").checked,
        typed: at("a-typed").checked,
      },
    });
  }

  async findDrives() {
    try {
      const { drives } = await this.send("/technician/drives");
      at("drives").replaceChildren(...drives.map((drive) => this.driveRow(drive)));
      this.say(drives.length ? "" : "There is no USB stick. Connect one, wait until it is mounted, and look again.");
    } catch (error) {
      this.say(error.message, true);
    }
  }

  driveRow({ path, words }) {
    const row = document.createElement("li");
    row.className = "row";
    const button = document.createElement("button");
    button.className = "button quiet small";
    button.type = "button";
    button.textContent = "Copy records";
    button.setAttribute("aria-label", `Copy records to ${words}`);
    button.addEventListener("click", async () => {
      button.disabled = true;
      this.say("Copying…");
      try {
        this.say((await this.send("/technician/copy", { drive: path })).sentence);
      } catch (error) {
        this.say(error.message, true);
      }
      button.disabled = false;
    });
    row.append(words, button);
    return row;
  }

  // -- microphone

  showLevel(dbfs) {
    if (at("technician-meter") !== null) showLevel(at("technician-meter"), dbfs);
  }

  /** Show the level of the microphone. During an encounter its own line shows it. */
  async listen() {
    const button = at("technician-listen");
    if (this.ownLine !== null) {
      this.stopListening();
      return;
    }
    this.ownLine = bareLine();
    this.ownLine.addEventListener("level", ({ detail }) => this.showLevel(detail.dbfs));
    this.ownLine.addEventListener("lost", ({ detail }) => {
      this.say(detail.reason, true);
      this.stopListening();
    });
    button.setAttribute("aria-pressed", "true");
    try {
      await this.ownLine.open();
    } catch (error) {
      this.say(error.message, true);
      this.stopListening();
    }
  }

  stopListening() {
    this.ownLine?.stop();
    this.ownLine = null;
    at("technician-listen")?.setAttribute("aria-pressed", "false");
    this.showLevel(-96);
  }

  /** Look whether a loop-back test was asked for, here or on the hub, and do it. */
  show({ loop_back: number }) {
    const isFirst = this.loopBack === null;
    if (number === this.loopBack) return;
    this.loopBack = number;
    if (!isFirst) this.testLoopBack();
  }

  async testLoopBack() {
    if (this.isTalking()) {
      this.say("A conversation runs. Test the room when it is over.", true);
      return;
    }
    this.stopListening();
    const test = bareLine();
    this.say("Listening for the tones…");
    test.addEventListener("message", ({ detail }) => {
      if (detail.type === "finished") this.say(detail.message);
      else if (detail.type === "fault" || detail.type === "busy") this.say(detail.message, true);
    });
    test.addEventListener("lost", ({ detail }) => this.say(detail.reason, true));
    try {
      await test.connect(socketAddress("/loop-back"));
    } catch (error) {
      this.say(error.message, true);
      test.stop();
    }
  }

  // -- pairing

  async wireWelcome() {
    try {
      at("pairing").hidden = !(await ask("/technician/unpaired")).is_unpaired;
    } catch {
      return;
    }
    if (!at("pairing").hidden) this.wirePairing("pairing");
  }

  /** id: of the form; its field and its answer are named after it. */
  wirePairing(id) {
    const [form, said, field] = [at(id), at(`${id}-said`), at(`${id}-line`)];
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      said.textContent = "Asking the hub…";
      try {
        said.textContent = (await this.send("/technician/pair", { line: field.value.trim() })).sentence;
        field.value = "";
      } catch (error) {
        said.textContent = error.message;
      }
      this.lookNow();
    });
  }

  close() {
    if (!this.isOpen) return;
    clearTimeout(this.timer); // an interval, too
    this.stopListening();
    if (this.key !== null) ask("/technician/lock", "POST", {}).catch(() => {});
    this.key = null;
    this.root.replaceChildren();
    this.root.hidden = true;
    document.body.classList.remove("attended");
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
    this.changed();
    this.lookNow();
  }
}
