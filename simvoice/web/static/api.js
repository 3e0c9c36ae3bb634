/* Requests to this server. What changes something carries the token of this start. */

export const token = document.querySelector('meta[name="simvoice-token"]').content;

/** JSON of an answer; throws an Error with the server's sentence, or one of its own. body: what
 * is sent as JSON. */
export async function ask(path, method = "GET", body = undefined) {
  const headers = { accept: "application/json" };
  if (method !== "GET") headers["x-simvoice-token"] = token;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: JSON.stringify(body),
      keepalive: body !== undefined, // what is sent while the page goes away still arrives
    });
  } catch {
    throw new Error("The server did not answer; is simvoice still running?");
  }
  const text = await answer.text();
  let said = {};
  try {
    said = JSON.parse(text);
  } catch {
    said = { message: text };
  }
  if (!answer.ok) throw new Error(said.message || `The server answered ${answer.status}.`);
  return said;
}

/** 65 to "1:05". */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
