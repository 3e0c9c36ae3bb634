/* Requests to this server. Requests that change something carry the token of this start. */

export const token = document.querySelector('meta[name="simvoice-token"]').content;

/** Send a request and return the JSON of the answer. body: a value to send as JSON. keepalive: it
 * still arrives when the page is closed; the browser then limits its size. headers: further ones.
 * Throws an Error with the server's message and, as `content`, the JSON of its answer; with its own
 * message when the server did not answer. */
export async function ask(path, method = "GET", body = undefined, options = {}) {
  const headers = { accept: "application/json", ...options.headers };
  if (method !== "GET") headers["x-simvoice-token"] = token;
  if (body !== undefined) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers,
      body: JSON.stringify(body),
      keepalive: options.keepalive ?? body !== undefined,
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
  if (!answer.ok) {
    throw Object.assign(new Error(content.message || `The server answered ${answer.status}.`), { content });
  }
  return content;
}
