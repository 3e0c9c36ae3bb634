/* The panel of a debrief that releases it: what would be sent, a confirmation, progress, an end. */

import { ask } from "./api.js";

const at = (id) => document.getElementById(id);
const panel = at("release-panel");
const fault = at("release-fault");
const address = `/api/attempts/${encodeURIComponent(panel.dataset.attempt)}/release`;
const EACH_MS = 700; // how often progress is asked while something is under way
let known = null; // what can be released, as the server said

function say(error) {
  fault.textContent = error ? error.message : "";
  fault.hidden = !error;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function option(name, kind, value, title, details, checked) {
  const label = document.createElement("label");
  label.className = "option";
  const input = document.createElement("input");
  Object.assign(input, { type: kind, name, value, checked });
  const strong = document.createElement("strong");
  strong.textContent = title;
  label.append(input, strong);
  if (details.length) {
    const list = document.createElement("ul");
    for (const [text, style] of details) {
      const item = document.createElement("li");
      item.textContent = text;
      if (style) item.className = style;
      list.append(item);
    }
    label.append(list);
  }
  return label;
}

function draw() {
  at("release-to").textContent = known.person
    ? `You are ${known.person} on ${known.server}.`
    : `This machine is connected to ${known.server}.`;
  const courses = known.courses.map((course) =>
    option(
      "course",
      "checkbox",
      course.id,
      course.title,
      [[`${course.educators.join(", ") || "No educator now"} can then open it.`, ""]],
      known.entry ? known.entry.courses.includes(course.id) : known.courses.length === 1,
    ),
  );
  at("release-courses").replaceChildren(...courses);
  if (!courses.length) {
    at("release-courses").textContent =
      "You are in no course on the hub. An educator adds you to one.";
  }
  at("release-contents").replaceChildren(
    ...known.contents.map((each) =>
      option(
        "contents",
        "radio",
        each.value,
        `${each.label} (${size(each.bytes)})`,
        each.withheld.map((part) => [`not ${part}`, "not"]),
        known.entry?.contents === each.value,
      ),
    ),
  );
  choose();
}

const chosen = () => ({
  courses: [...panel.querySelectorAll("[name=course]:checked")].map((each) => each.value),
  contents: panel.querySelector("[name=contents]:checked")?.value ?? "",
});

/** Show the files of the chosen level, and whether there is enough to release. */
function choose() {
  const { courses, contents } = chosen();
  at("release-send").disabled = !courses.length || !contents;
  const found = known.contents.find((each) => each.value === contents);
  at("release-files").hidden = !found;
  const rows = (found?.files ?? []).map((file) => {
    const row = document.createElement("tr");
    const cells = [[file.name, ""], [file.holds, "What it holds"], [size(file.bytes), "Size"]];
    for (const [text, label] of cells) {
      const cell = document.createElement(label ? "td" : "th");
      cell.textContent = text;
      if (label) cell.dataset.label = label;
      else cell.scope = "row";
      row.append(cell);
    }
    row.lastChild.className = "number";
    return row;
  });
  at("release-files").querySelector("tbody").replaceChildren(...rows);
}

function open(isOpen) {
  panel.hidden = !isOpen;
  at("release-open").setAttribute("aria-expanded", String(isOpen));
}

/** Show how far a release is, and ask again while it is under way. */
function show(entry) {
  at("release-now").textContent = entry
    ? entry.trouble
      ? `${entry.words} The last try failed: ${entry.trouble}`
      : entry.words
    : "Only you, on this machine. What you have withdrawn, nobody can open any more.";
  at("release-withdraw").hidden = !entry || entry.state === "withdrawing";
  const bar = at("release-bar");
  bar.hidden = !entry || entry.state !== "waiting" || !entry.total;
  if (!bar.hidden) bar.firstElementChild.style.width = `${(100 * entry.sent) / entry.total}%`;
  if (entry?.pending) setTimeout(follow, EACH_MS);
}

async function follow() {
  try {
    show((await ask(`${address}/state`)).entry);
  } catch (error) {
    say(error);
  }
}

at("release-open").addEventListener("click", async (event) => {
  if (!panel.hidden) return open(false);
  const button = event.currentTarget;
  button.disabled = true;
  say(null);
  try {
    known = await ask(address);
    draw();
    open(true);
    panel.querySelector("input")?.focus();
  } catch (error) {
    say(error);
  } finally {
    button.disabled = false;
  }
});

panel.addEventListener("change", choose);
at("release-close").addEventListener("click", () => {
  open(false);
  at("release-open").focus();
});

panel.addEventListener("submit", async (event) => {
  event.preventDefault();
  at("release-send").disabled = true;
  say(null);
  try {
    show((await ask(address, "POST", chosen())).entry);
    open(false);
    at("release-withdraw").focus();
  } catch (error) {
    say(error);
    at("release-send").disabled = false;
  }
});

at("release-withdraw").addEventListener("click", async () => {
  say(null);
  try {
    show((await ask(address, "DELETE")).entry);
    at("release-open").focus();
  } catch (error) {
    say(error);
  }
});

if ("released" in at("release-now").dataset) follow();
