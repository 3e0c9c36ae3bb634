/*
 * Microphone check: decide from levels whether the microphone is good enough for an encounter.
 * Time is counted in level events of 20 ms, so no clock is needed.
 */

const EVENTS_PER_S = 50;
const DEAD_DBFS = -90; // one step of 16-bit sound; a real microphone never stays below it
const DEAD_AFTER_S = 2;
const LONGEST_S = 9;
const VOICE_OVER_NOISE_DB = 12; // a voice is this much above the noise floor, even from half a metre
const VOICE_DBFS = -58; // below this, speech recognition cannot use it
const ENOUGH_VOICE_S = 1.2;
const QUIET_DBFS = -42;
const NOISY_DB = 15;
const LOUD_PEAK = 0.985;
const LOUD_EVENTS = 4;

const SENTENCES = {
  listening: "Listening. Say a sentence, for example what you had for breakfast.",
  good: "Your microphone works well.",
  dead:
    "The microphone is connected but gives no sound. Check that it is switched on and not muted " +
    "in the system's settings.",
  unheard:
    "No voice was heard. Speak louder, or choose another microphone in the browser's site " +
    "settings. Then check again.",
  quiet: "Your voice is very quiet. Move closer to the microphone or raise its level. Then check again.",
  loud: "Your voice is too loud and distorted. Move away a little or lower the level. Then check again.",
  noisy: "There is much noise around you. The patient may misunderstand you. A headset or a quieter room helps.",
};

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/**
 * levels: [{ dbfs, peak }], one every 20 ms since the check began.
 * Returns { kind, sentence, done, fit }. fit: the microphone is good enough for an encounter.
 */
export function verdict(levels) {
  const result = (kind, done, fit) => ({ kind, sentence: SENTENCES[kind], done, fit });
  const seconds = levels.length / EVENTS_PER_S;
  const dead = levels.every((level) => level.dbfs <= DEAD_DBFS);
  if (dead) return seconds >= DEAD_AFTER_S ? result("dead", true, false) : result("listening", false, false);
  const sorted = levels.map((level) => level.dbfs).sort((a, b) => a - b);
  const noise = quantile(sorted, 0.1);
  const threshold = Math.max(noise + VOICE_OVER_NOISE_DB, VOICE_DBFS);
  const voiced = sorted.filter((dbfs) => dbfs >= threshold);
  if (voiced.length / EVENTS_PER_S < ENOUGH_VOICE_S) {
    return seconds < LONGEST_S ? result("listening", false, false) : result("unheard", true, false);
  }
  const voice = quantile(voiced, 0.5);
  const clipped = levels.filter((level) => level.peak >= LOUD_PEAK).length;
  if (clipped >= LOUD_EVENTS) return result("loud", true, false);
  if (voice < QUIET_DBFS) return result("quiet", true, false);
  if (voice - noise < NOISY_DB) return result("noisy", true, true);
  return result("good", true, true);
}

/** What to say while the browser holds the sound back. again: it was asked before, in vain. */
export function blockedSentence(again) {
  return again
    ? "The sound still does not start. Reload the page, or restart the browser."
    : "The browser has not started the sound. Press “Start the sound”.";
}

export const STALLED =
  "The browser delivers no sound from this microphone. Choose another microphone in the browser's " +
  "site settings, or restart the browser. Then check again.";

/** Show a level on a meter from -60 to 0 dB. */
export function showLevel(meter, dbfs) {
  const share = Math.max(0, Math.min(1, (dbfs + 60) / 60));
  meter.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
  meter.setAttribute("aria-valuenow", String(Math.round(Math.max(-60, dbfs))));
}
