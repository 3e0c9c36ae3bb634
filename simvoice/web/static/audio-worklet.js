/*
 * The audio thread of the learner's page. It captures the microphone in frames of 320 samples and
 * plays the patient from a ring buffer, both at 16 kHz; in an AudioContext at another rate it resamples
 * them. The format of its messages is defined in simvoice/devices/browser.py. Everything else is in
 * line.js.
 */
"use strict";

import { Resampler } from "./resampler.js";

const VERSION = 1;
const HEAD_BYTES = 24;
const RATE = 16000;
const FRAME = 320;
const PREFILL = 3 * FRAME; // covers the jitter of the page's main thread; less gives gaps, more only adds delay
const SLACK = 2 * FRAME; // surplus that stays; without it the ring would be trimmed all the time
const CAPACITY = 4 * 16000; // never reached: the server stops sending after 2 s
const SILENT = 33; // int16, about -60 dBFS: removing such samples is not audible
const QUIET_RUN = 10 * FRAME; // 200 ms: pauses inside a sentence keep their length

class Ring {
  constructor() {
    this.data = new Int16Array(CAPACITY);
    this.start = 0;
    this.fill = 0;
    this.quiet = 0; // samples of silence at the end of the received sound
    this.primed = false;
    this.begun = false;
    this.missing = 0; // samples of silence played because no sound was there
  }

  push(frame) {
    const space = Math.min(frame.length, CAPACITY - this.fill);
    let silent = true;
    for (let i = 0; i < space; i += 1) {
      this.data[(this.start + this.fill + i) % CAPACITY] = frame[i];
      if (frame[i] > SILENT || frame[i] < -SILENT) silent = false;
    }
    this.fill += space;
    this.quiet = silent ? this.quiet + space : 0;
    this.trim();
    if (this.fill >= PREFILL) this.primed = true;
  }

  // A stall fills the ring, and the sound would stay late. Cut the surplus in a silence.
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

  // Samples that play before a frame that arrives now. While priming, it also waits for later frames.
  ahead() {
    return this.primed ? this.fill : Math.max(this.fill, PREFILL - FRAME);
  }
}

/** Plays a ring of 16 kHz at the rate of the context. */
class Upsampled {
  constructor(rate) {
    this.resampler = new Resampler(RATE, rate);
    this.piece = new Float32Array(16); // 1 ms: what is made beyond a block is no delay to speak of
    this.made = []; // samples at the context's rate that belong to the next block
    this.keep = (sample) => this.made.push(sample);
  }

  pull(ring, out) {
    while (this.made.length < out.length) {
      ring.pull(this.piece);
      for (const sample of this.piece) this.resampler.push(sample, this.keep);
    }
    out.set(this.made.slice(0, out.length));
    this.made.splice(0, out.length);
  }
}

class LineProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Ring();
    this.captured = null; // resamples the microphone; null at our own rate
    this.played = null;
    this.lag = 0; // samples of 16 kHz by which both resamplers are late
    if (sampleRate !== RATE) {
      const rate = Math.round(sampleRate);
      this.captured = new Resampler(rate, RATE);
      this.played = new Upsampled(rate);
      this.lag = Math.round(RATE * (this.captured.delayS + this.played.resampler.delayS));
    }
    this.keep = (sample) => this.capture(sample);
    this.received = 0;
    this.index = 0;
    this.alive = true;
    this.startFrame();
    this.port.onmessage = (event) => this.receive(event.data);
  }

  receive(message) {
    if (message instanceof ArrayBuffer) {
      const sound = new Int16Array(message, 4);
      for (let at = 0; at + FRAME <= sound.length; at += FRAME) {
        this.ring.push(sound.subarray(at, at + FRAME));
        this.received += 1;
      }
    } else if (message.type === "connected") {
      // Sound captured before belongs to the microphone check, not to the encounter.
      // The counters continue: the server starts from the first values that it receives.
      this.ring = new Ring();
    } else if (message.type === "stop") {
      this.alive = false;
    }
  }

  startFrame() {
    this.buffer = new ArrayBuffer(HEAD_BYTES + 2 * FRAME);
    this.pcm = new Int16Array(this.buffer, HEAD_BYTES);
    this.used = 0;
  }

  post() {
    const head = new DataView(this.buffer, 0, HEAD_BYTES);
    head.setUint8(0, VERSION);
    head.setUint16(2, 1, true);
    head.setUint32(4, this.index, true);
    head.setUint32(8, this.ring.ahead() + this.lag, true);
    head.setUint32(12, Math.floor(this.ring.missing / FRAME), true);
    head.setUint32(16, this.received, true);
    // The main thread knows the latency and writes it at offset 20.
    this.index = (this.index + 1) >>> 0;
    this.port.postMessage(this.buffer, [this.buffer]);
    this.startFrame();
  }

  /** Add one sample of 16 kHz to the frame. */
  capture(sample) {
    const x = Math.max(-1, Math.min(1, sample));
    this.pcm[this.used] = Math.min(32767, Math.round(x * 32768));
    this.used += 1;
    if (this.used === FRAME) this.post();
  }

  process(inputs, outputs) {
    const out = outputs[0][0];
    const input = inputs[0][0]; // undefined while nothing is connected
    if (this.played === null) this.ring.pull(out);
    else this.played.pull(this.ring, out);
    for (let i = 0; i < out.length; i += 1) {
      const sample = input ? input[i] : 0;
      if (this.captured === null) this.capture(sample);
      else this.captured.push(sample, this.keep);
    }
    return this.alive;
  }
}

registerProcessor("simvoice-line", LineProcessor);
