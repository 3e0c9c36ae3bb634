/*
 * Is this microphone fit for a conversation? Pure: levels in, a verdict out.
 * Time is counted in level events of 20 ms, so nothing here looks at a clock.
 */

const EVENTS_PER_S = 50;
const DEAD_DBFS = -90; // one step of 16-bit sound; a real microphone never stays below it
const DEAD_AFTER_S = 2;
const PATIENCE_S = 9;
const VOICE_OVER_FLOOR_DB = 12; // what a voice has over the room, even from half a metre
const VOICE_DBFS = -58; // below this it would be noise to the recogniser whatever the room
const ENOUGH_VOICE_S = 1.2;
const QUIET_DBFS = -42;
const NOISY_DB = 15;
const LOUD_PEAK = 0.985;
const LOUD_EVENTS = 4;

const WORDS = {
  listening: "Listening: say a sentence, for instance what you had for breakfast.",
  good: "You can be heard well.",
  dead:
    "The microphone is connected, but nothing at all comes from it: is it switched off, or " +
    "muted in the system's settings?",
  unheard:
    "No voice was heard. Speak a little louder, or choose another microphone in the browser's " +
    "site settings, and check again.",
  quiet: "Your voice is very quiet: move closer to the microphone or raise its level, and check again.",
  loud: "Your voice is so loud that it distorts: move away a little or lower the level, and check again.",
  noisy: "There is much noise around you; the patient may mishear. A headset or a quieter room helps.",
};

function quantile(sorted, q) {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

/**
 * levels: [{ dbfs, peak }], one every 20 ms since the check began.
 * Returns { kind, sentence, done, fit }; fit says that one may go in without regret.
 */
export function verdict(levels) {
  const say = (kind, done, fit) => ({ kind, sentence: WORDS[kind], done, fit });
  const seconds = levels.length / EVENTS_PER_S;
  const dead = levels.every((level) => level.dbfs <= DEAD_DBFS);
  if (dead) return seconds >= DEAD_AFTER_S ? say("dead", true, false) : say("listening", false, false);
  const sorted = levels.map((level) => level.dbfs).sort((a, b) => a - b);
  const floor = quantile(sorted, 0.1);
  const bar = Math.max(floor + VOICE_OVER_FLOOR_DB, VOICE_DBFS);
  const voiced = sorted.filter((dbfs) => dbfs >= bar);
  if (voiced.length / EVENTS_PER_S < ENOUGH_VOICE_S) {
    return seconds < PATIENCE_S ? say("listening", false, false) : say("unheard", true, false);
  }
  const voice = quantile(voiced, 0.5);
  const clipped = levels.filter((level) => level.peak >= LOUD_PEAK).length;
  if (clipped >= LOUD_EVENTS) return say("loud", true, false);
  if (voice < QUIET_DBFS) return say("quiet", true, false);
  if (voice - floor < NOISY_DB) return say("noisy", true, true);
  return say("good", true, true);
}

/** Show a level on a meter from -60 to 0 dB. */
export function showLevel(meter, dbfs) {
  const share = Math.max(0, Math.min(1, (dbfs + 60) / 60));
  meter.firstElementChild.style.transform = `scaleX(${share.toFixed(3)})`;
  meter.setAttribute("aria-valuenow", String(Math.round(Math.max(-60, dbfs))));
}
