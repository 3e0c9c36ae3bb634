/*
 * The audio thread of the learner's page: captures the microphone in frames of 320 samples and
 * plays the patient from a ring. Runs in an AudioContext at 16 kHz; the bytes of a message are
 * those of simvoice/devices/browser.py. Everything else is in line.js.
 */
"use strict";

const VERSION = 1;
const HEAD_BYTES = 24;
const FRAME = 320;
const PREFILL = 3 * FRAME; // jitter of a page's main thread; less breaks up, more is only delay
const SLACK = 2 * FRAME; // surplus that is left alone, else the ring would be trimmed all the time
const CAPACITY = 4 * 16000; // the server holds back after 2 s, so this is never reached
const SILENT = 33; // int16, about -60 dBFS: nobody hears it go
const QUIET_RUN = 10 * FRAME; // 200 ms: a pause inside a sentence keeps its length

class Ring {
  constructor() {
    this.data = new Int16Array(CAPACITY);
    this.start = 0;
    this.fill = 0;
    this.quiet = 0; // samples of silence at the end of what came in
    this.primed = false;
    this.begun = false;
    this.missing = 0; // samples of silence played for want of sound
  }

  push(frame) {
    const room = Math.min(frame.length, CAPACITY - this.fill);
    let silent = true;
    for (let i = 0; i < room; i += 1) {
      this.data[(this.start + this.fill + i) % CAPACITY] = frame[i];
      if (frame[i] > SILENT || frame[i] < -SILENT) silent = false;
    }
    this.fill += room;
    this.quiet = silent ? this.quiet + room : 0;
    this.trim();
    if (this.fill >= PREFILL) this.primed = true;
  }

  // A stall fills the ring, and it would stay late for ever: give the surplus back in silence.
  trim() {
    const surplus = this.fill - PREFILL;
    const spare = Math.min(this.quiet, this.fill) - QUIET_RUN;
    if (surplus <= SLACK || spare <= 0) return;
    const cut = Math.min(surplus, spare);
    this.fill -= cut;
    this.quiet -= cut;
  }

  pull(out) {
    let n = 0;
    if (this.primed) {
      this.begun = true;
      n = Math.min(out.length, this.fill);
      for (let i = 0; i < n; i += 1) {
        out[i] = this.data[(this.start + i) % CAPACITY] / 32768;
      }
      this.start = (this.start + n) % CAPACITY;
      this.fill -= n;
      if (n < out.length) this.primed = false;
    }
    out.fill(0, n);
    if (this.begun) this.missing += out.length - n;
  }

  // Samples that a frame arriving now waits for; while priming it waits for its successors too.
  ahead() {
    return this.primed ? this.fill : Math.max(this.fill, PREFILL - FRAME);
  }
}

class LineProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Ring();
    this.received = 0;
    this.index = 0;
    this.alive = true;
    this.fresh();
    this.port.onmessage = (event) => this.heed(event.data);
  }

  heed(message) {
    if (message instanceof ArrayBuffer) {
      const sound = new Int16Array(message, 4);
      for (let at = 0; at + FRAME <= sound.length; at += FRAME) {
        this.ring.push(sound.subarray(at, at + FRAME));
        this.received += 1;
      }
    } else if (message.type === "connected") {
      // What was captured before belongs to the microphone check, not to the encounter.
      // The counters run on: the server takes the first ones it sees as its zero.
      this.ring = new Ring();
    } else if (message.type === "stop") {
      this.alive = false;
    }
  }

  fresh() {
    this.buffer = new ArrayBuffer(HEAD_BYTES + 2 * FRAME);
    this.pcm = new Int16Array(this.buffer, HEAD_BYTES);
    this.used = 0;
  }

  post() {
    const head = new DataView(this.buffer, 0, HEAD_BYTES);
    head.setUint8(0, VERSION);
    head.setUint16(2, 1, true);
    head.setUint32(4, this.index, true);
    head.setUint32(8, this.ring.ahead(), true);
    head.setUint32(12, Math.floor(this.ring.missing / FRAME), true);
    head.setUint32(16, this.received, true);
    // Offset 20, the latency, is known to the main thread and filled in there.
    this.index = (this.index + 1) >>> 0;
    this.port.postMessage(this.buffer, [this.buffer]);
    this.fresh();
  }

  process(inputs, outputs) {
    const out = outputs[0][0];
    const heard = inputs[0][0]; // absent while nothing is connected
    this.ring.pull(out);
    for (let i = 0; i < out.length; i += 1) {
      const x = heard ? Math.max(-1, Math.min(1, heard[i])) : 0;
      this.pcm[this.used] = Math.min(32767, Math.round(x * 32768));
      this.used += 1;
      if (this.used === FRAME) this.post();
    }
    return this.alive;
  }
}

registerProcessor("simvoice-line", LineProcessor);
