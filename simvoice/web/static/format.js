/* Times and counts as text. */

/** Return a moment as "3:07", or "1:03:07" from one hour on; empty for null.
 * Seconds are rounded down. `clock` in simvoice/display.py gives the same. */
export function clock(seconds) {
  if (seconds === null) return "";
  const whole = Math.max(0, Math.floor(seconds + 1e-6));
  const two = (number) => String(number).padStart(2, "0");
  const minutes = Math.floor(whole / 60) % 60;
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Return a count with its noun: "1 word", "3 words". */
export function countNoun(count, noun) {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
