/* Requests to this server. Requests that change something carry the token of this start. */

export const token = document.querySelector('meta[name="simvoice-token"]').content;

/** Send a request and return the JSON of the answer. body: a value to send as JSON.
 * Throws an Error with the server's message, or with its own when the server did not answer. */
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
      keepalive: body !== undefined, // a request sent while the page closes still arrives
    });
  } catch {
    throw new Error("The server did not answer. Check that simvoice is still running.");
  }
  const text = await answer.text();
  let content = {};
  try {
    content = JSON.parse(text);
  } catch {
    content = { message: text };
  }
  if (!answer.ok) throw new Error(content.message || `The server answered ${answer.status}.`);
  return content;
}
