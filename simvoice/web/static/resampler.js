/*
 * Resampling for the audio thread, where the browser refuses an AudioContext at 16 kHz.
 *
 * A windowed sinc in polyphase form, at any ratio of two whole rates. It passes up to 7/8 of the
 * half of the lower rate (7 kHz of 8 kHz) and damps everything from that half on by 70 dB, so
 * neither folded nor mirrored sound is audible.
 */
"use strict";

const STOPBAND_DB = 70; // 10 dB below what the test asks for
const PASS = 7 / 8; // speech recognition uses nothing above 7 kHz; a wider band costs longer filters

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}

/** The modified Bessel function of the first kind, order 0, which the Kaiser window needs. */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

export class Resampler {
  /** from, to: rates in hertz, whole numbers. */
  constructor(from, to) {
    const common = gcd(from, to);
    this.up = to / common; // phases of the filter
    this.down = from / common;
    const low = Math.min(from, to);
    // Kaiser 1974: the length for a stopband and a transition band, here in samples at `from`
    const transition = (2 * Math.PI * (low / 2) * (1 - PASS)) / from;
    this.half = Math.ceil((STOPBAND_DB - 8) / (2.285 * transition) / 2);
    this.taps = 2 * this.half;
    this.filters = this.design((low / 2) * (1 + PASS) / from);
    // The last `taps` samples, twice in a row, so that a filter never has to wrap around.
    this.history = new Float64Array(2 * this.taps);
    this.at = 0;
    this.phase = 0; // of the next output sample, in 1/up of an input sample
    this.delayS = this.half / from;
  }

  /** One filter for each phase. cutoff: the middle of the transition band, twice over `from`. */
  design(cutoff) {
    const beta = 0.1102 * (STOPBAND_DB - 8.7); // Kaiser's fit for more than 50 dB
    const filters = [];
    for (let phase = 0; phase < this.up; phase += 1) {
      const filter = new Float64Array(this.taps);
      let sum = 0;
      for (let k = 0; k < this.taps; k += 1) {
        const t = k - this.half + 1 - phase / this.up;
        const x = Math.PI * cutoff * t;
        const sinc = x === 0 ? 1 : Math.sin(x) / x;
        const edge = 1 - (t / this.half) ** 2;
        filter[k] = edge <= 0 ? 0 : (sinc * bessel0(beta * Math.sqrt(edge))) / bessel0(beta);
        sum += filter[k];
      }
      for (let k = 0; k < this.taps; k += 1) filter[k] /= sum; // a constant stays a constant
      filters.push(filter);
    }
    return filters;
  }

  /** Add one input sample and call `emit` with each output sample that is now known. */
  push(sample, emit) {
    this.history[this.at] = sample;
    this.history[this.at + this.taps] = sample;
    this.at = (this.at + 1) % this.taps;
    while (this.phase < this.up) {
      const filter = this.filters[this.phase];
      let sum = 0;
      for (let k = 0; k < this.taps; k += 1) sum += filter[k] * this.history[this.at + k];
      emit(sum);
      this.phase += this.down;
    }
    this.phase -= this.up;
  }
}
