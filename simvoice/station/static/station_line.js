/* The microphone and loudspeaker of the station, the bell, and what is said aloud. */

import { token } from "./api.js";
import { VoiceLine } from "./line.js";

/** What the learner ticked in the microphone check. It lasts as long as this page. */
export const worn = { headset: false };

/** The audio line of an encounter. The station knows the case and the learner. */
class StationLine extends VoiceLine {
  describe() {
    return { ...super.describe(), token, case: "", headphones: worn.headset };
  }
}

/** One line for the microphone check and the encounters, so that the sound does not start twice. */
export const line = new StationLine();

/** A line that leaves the sound as it is, for the loop-back test. */
export function bareLine() {
  return new StationLine({ echoCancellation: false, noiseSuppression: false, autoGainControl: false });
}

/** The address of a WebSocket of this server. */
export function socketAddress(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

/** Level of the microphone while it is open, dBFS; null while it is closed. */
export const level = { dbfs: null };
line.addEventListener("level", (event) => {
  level.dbfs = event.detail.dbfs;
});

/** Note that the microphone is closed. */
export function closeLine() {
  line.stop();
  level.dbfs = null;
}

const PARTIALS = [ // of a small bell: ratio to the strike note, loudness, seconds of decay
  [0.5, 0.25, 2.2],
  [1, 0.5, 1.8],
  [1.19, 0.2, 1.2],
  [2, 0.3, 0.9],
  [3, 0.12, 0.5],
];
const STRIKE_HZ = 659;

/** Ring a bell, or play its tone alone. */
export async function ring() {
  const context = new AudioContext();
  try {
    await context.resume();
    const now = context.currentTime;
    const out = context.createGain();
    out.gain.value = 0.25;
    out.connect(context.destination);
    for (const [ratio, loudness, decayS] of PARTIALS) {
      const partial = new OscillatorNode(context, { frequency: STRIKE_HZ * ratio });
      const fade = context.createGain();
      fade.gain.setValueAtTime(0, now);
      fade.gain.linearRampToValueAtTime(loudness, now + 0.008);
      fade.gain.exponentialRampToValueAtTime(0.0005, now + decayS);
      partial.connect(fade).connect(out);
      partial.start(now);
      partial.stop(now + decayS);
    }
    await new Promise((resolve) => setTimeout(resolve, 2400));
  } finally {
    context.close();
  }
}

/** Say an announcement. Without its sound nothing happens: it is written on the page. */
export async function say(number) {
  const sound = new Audio(`/announcements/${number}`);
  try {
    await sound.play();
  } catch {
    // not rendered yet, or the browser may not play
  }
}
