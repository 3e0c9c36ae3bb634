/*
 * The workbench of one case. Cards are loaded when they are opened and saved as soon as a field
 * changes, one request after the other. Beside them the patient of the saved version is asked.
 */

import { ask as request } from "./api.js";

const at = (id) => document.getElementById(id);
const bench = at("bench");
const here = `/workbench/${bench.dataset.case}`;
const WAIT_MS = 900; // after the last key, before a text is saved
let revision = Number(bench.dataset.revision);
let state = JSON.parse(at("state").textContent);
let queue = Promise.resolve();
let waiting = 0;

const said = (text) => (at("saving").textContent = text);

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function button(words, press) {
  const made = element("button", words, "button quiet small");
  made.type = "button";
  made.addEventListener("click", press);
  return made;
}

/** Let a button wait for its end. It keeps the focus, which a disabled one would lose. */
const setBusy = (press, must) => press.setAttribute("aria-disabled", String(must));
const isBusy = (press) => press.getAttribute("aria-disabled") === "true";

// -- what is to do

function cardOf(part, card) {
  return at(card === "" ? `part-${part}` : `card-${part}-${card}`);
}

/** Open a card, and put the focus on one of its fields. */
async function open(part, card, path) {
  const outer = at(`part-${part}`);
  if (!outer) return at("files").focus();
  outer.open = true;
  const found = cardOf(part, card) ?? outer;
  found.open = true;
  const form = found.querySelector(":scope > .card-form");
  if (form) await load(form);
  const field = found.querySelector(`[data-path="${CSS.escape(path)}"]`);
  field?.closest("details.inline-group")?.setAttribute("open", "");
  const target = field?.querySelector("input, textarea, select") ?? found.querySelector("summary");
  target.focus();
  target.scrollIntoView({ block: "center" });
}

function problemsAt(part, card) {
  return state.problems.filter((each) => each.part === part && each.card === card);
}

function showProblemsIn(form) {
  const part = form.closest("[data-part]").dataset.part;
  for (const old of form.querySelectorAll(".field-problems, .card-problems")) old.replaceChildren();
  for (const each of problemsAt(part, form.dataset.card)) {
    const field = form.querySelector(`[data-path="${CSS.escape(each.path)}"] .field-problems`);
    const place = field ?? form.querySelector(".card-problems");
    place?.append(element("p", each.sentence, each.is_advice ? "advice" : ""));
  }
}

function showTodo() {
  const rows = state.problems.map((each) => {
    const row = element("li", "", each.is_advice ? "advice" : "");
    const link = element("a", each.label || at(`part-${each.part}`)?.querySelector("summary").firstChild.textContent.trim() || "The file");
    link.href = `#${each.card === "" ? `part-${each.part}` : `card-${each.part}-${each.card}`}`;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      open(each.part, each.card, each.path);
    });
    row.append(link, `: ${each.sentence}`);
    return row;
  });
  at("todo").replaceChildren(...rows);
  at("todo-none").hidden = rows.length > 0;
  for (const badge of document.querySelectorAll("[data-problems]")) {
    const card = badge.closest(".bench-card");
    const part = badge.closest("[data-part]").dataset.part;
    const faults = state.problems.filter(
      (each) => !each.is_advice && each.part === part && (!card || each.card === card.dataset.card),
    );
    badge.hidden = faults.length === 0;
    badge.textContent = `${faults.length} to do`;
  }
  for (const form of document.querySelectorAll(".card-form:has(.form)")) showProblemsIn(form);
}

// -- the whole check

const STATES = { waiting: "The check waits for another one.", running: "The check runs" };

function showCheck() {
  const check = state.check;
  const isGoing = check !== null && (check.state === "waiting" || check.state === "running");
  const isOld = check !== null && check.revision !== state.revision;
  let words = state.is_certified ? "This version has passed." : "";
  if (isGoing) {
    words = STATES[check.state];
    if (check.total) words += `: ${check.done} of ${check.total} conversations`;
    if (isOld) words += `. It is of version ${check.revision}`;
  } else if (check !== null) {
    words = isOld ? `Of version ${check.revision}: ${check.sentences[0]}` : check.sentences[0];
  }
  if (at("check-words").textContent !== words) at("check-words").textContent = words;
  const bar = at("check-progress");
  bar.hidden = !isGoing;
  if (isGoing && check.total) {
    bar.max = check.total;
    bar.value = check.done;
  } else {
    bar.removeAttribute("value");
  }
  const found = isGoing || check === null ? [] : check.sentences.slice(1);
  at("check-found").replaceChildren(...found.map((each) => element("li", each)));
  setBusy(at("check"), isGoing || !state.can_be_checked);
  at("offer").hidden = !state.is_certified || state.offered === state.revision;
  at("offer").elements.revision.value = state.revision;
  at("certified").hidden = !state.is_certified;
  return isGoing;
}

let isWatching = false;

async function watch() {
  if (isWatching) return;
  isWatching = true;
  while (showCheck()) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    try {
      const found = await request(`${here}/state`);
      state.check = found.check;
      if (found.revision === state.revision) state = found;
    } catch (error) {
      at("check-words").textContent = error.message;
    }
  }
  isWatching = false;
}

at("check").addEventListener("click", async () => {
  if (isBusy(at("check"))) return;
  await settled();
  try {
    take(await request(`${here}/check`, "POST", {}));
  } catch (error) {
    at("check-words").textContent = error.message;
  }
  watch();
});

// -- saving

function take(found) {
  state = found;
  revision = found.revision;
  at("version").textContent = `Version ${revision}`;
  at("title").textContent = found.title;
  for (const each of document.querySelectorAll('input[name="revision"]')) each.value = revision;
  at("undo").querySelector("button").disabled = !found.can_undo;
  showTodo();
  showCheck();
}

/** Wait until all that was typed is saved. */
async function settled() {
  document.activeElement?.dispatchEvent(new Event("change", { bubbles: true }));
  for (const field of [...pending.keys()]) saveField(field);
  await queue;
}

/** Send a change when those before it are saved. Returns the answer; null after a fault.
 * form: whose card it changes; it shows the case as it was at the revision of the form. */
function send(change, form = null, onConflict = null) {
  waiting += 1;
  said("Saving …");
  const done = queue.then(async () => {
    const answer = await fetch(`${here}/card`, {
      method: "POST",
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        "x-simvoice-token": document.querySelector('meta[name="simvoice-token"]').content,
      },
      body: JSON.stringify({ revision: form ? Number(form.dataset.revision) : revision, ...change }),
    });
    const found = await answer.json();
    waiting -= 1;
    if (answer.status === 409) {
      said(found.message);
      onConflict?.(found);
      return null;
    }
    if (!answer.ok) {
      said(`Not saved: ${found.message}`);
      return null;
    }
    take(found.state);
    if (form) form.dataset.revision = found.state.revision;
    said(waiting ? "Saving …" : "All is saved.");
    return found;
  });
  queue = done.catch(() => {
    waiting -= 1;
    said("Not saved: the server did not answer. What you typed is still here; change it again to try once more.");
    return null;
  });
  return queue;
}

addEventListener("beforeunload", (event) => {
  if (waiting > 0 || pending.size > 0) event.preventDefault();
});

// -- the form of a card

async function load(form, isAnew = false) {
  if (form.querySelector(".form") && !isAnew) return;
  const part = form.closest("[data-part]").dataset.part;
  const query = new URLSearchParams({ part, card: form.dataset.card });
  try {
    const answer = await fetch(`${here}/card?${query}`, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    form.replaceChildren(...page.body.children);
    form.dataset.revision = form.querySelector(".form").dataset.revision;
    showProblemsIn(form);
  } catch {
    form.replaceChildren(element("p", "The card could not be loaded. Load the page again.", "fault"));
  }
}

/** Load a form that has other fields now. The focus stays where it is. */
async function loadAnew(form) {
  await settled();
  const active = document.activeElement;
  const isInside = form.contains(active);
  const path = isInside ? active.closest("[data-path]")?.dataset.path : undefined;
  const isOpen = form.querySelector("details.inline-group")?.open ?? false;
  await load(form, true);
  if (isOpen) form.querySelector("details.inline-group")?.setAttribute("open", "");
  if (!isInside) return;
  const field = path && form.querySelector(`[data-path="${CSS.escape(path)}"]`);
  const summary = form.closest("details").querySelector("summary");
  (field?.querySelector("input, textarea, select") ?? summary).focus();
}

function valueOf(field) {
  const kind = field.dataset.kind;
  if (kind === "names") return [...field.querySelectorAll("[data-value]")].map((each) => each.dataset.value);
  if (kind === "levels") {
    const levels = [...field.querySelectorAll("[data-level]")];
    return Object.fromEntries(levels.map((each) => [each.dataset.level, each.value]));
  }
  const control = field.querySelector("input, textarea, select");
  if (kind === "yes") return control.checked ? "yes" : "";
  return control.value;
}

const pending = new Map(); // field to the timer that saves it

function saveField(field) {
  clearTimeout(pending.get(field));
  pending.delete(field);
  const value = JSON.stringify(valueOf(field));
  if (field.dataset.saved === value) return;
  field.dataset.saved = value;
  const form = field.closest(".card-form");
  const change = {
    action: "save",
    part: form.closest("[data-part]").dataset.part,
    card: form.dataset.card,
    values: { [field.dataset.path]: valueOf(field) },
  };
  send(change, form, (found) => showBoth(field, form, found)).then((found) => {
    if (found === null) delete field.dataset.saved;
    else if (found.is_other_form) loadAnew(form);
    else relabel(form, field);
  });
}

/** Show what another educator wrote beside one's own text, which stays in the field. */
function showBoth(field, form, found) {
  const place = field.querySelector(".field-problems");
  const box = element("div", "", "theirs");
  const theirs = found.is_gone ? "It was removed." : found.theirs[field.dataset.path] || "(nothing)";
  box.append(element("p", found.message), element("pre", theirs));
  if (!found.is_gone) {
    box.append(
      button("Keep mine", () => {
        form.dataset.revision = found.revision;
        delete field.dataset.saved;
        saveField(field);
      }),
      " ",
      button("Take theirs", () => location.reload()),
    );
  }
  place.replaceChildren(box);
  box.querySelector("button")?.focus();
}

/** Let the words of a card be those of its first field. */
function relabel(form, field) {
  const label = form.closest(".bench-card")?.querySelector("summary .label");
  const isFirst = form.querySelector("[data-path]") === field;
  if (label && isFirst && ["text", "long"].includes(field.dataset.kind)) {
    label.textContent = valueOf(field).replace(/<[^>]*>/g, "");
  }
}

bench.addEventListener("focusin", (event) => {
  const field = event.target.closest("[data-path]");
  if (field && field.dataset.saved === undefined) field.dataset.saved = JSON.stringify(valueOf(field));
});

bench.addEventListener("input", (event) => {
  const field = event.target.closest("[data-path]");
  if (!field || event.target.matches("[data-choose]")) return;
  clearTimeout(pending.get(field));
  pending.set(field, setTimeout(() => saveField(field), WAIT_MS));
});

bench.addEventListener("change", (event) => {
  const field = event.target.closest("[data-path]");
  if (!field) return;
  if (event.target.matches("[data-choose]")) choose(field, event.target);
  else if (!decides(field) || !event.isTrusted) saveField(field);
});

/** Enter ends a field of one line, also where it is shown on several. */
bench.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches("textarea.one-line")) return;
  event.preventDefault();
  saveField(event.target.closest("[data-path]"));
});

/** Whether a field decides which others there are. Arrow keys pass over its values: it is saved
 * when it is left, or a moment later. */
function decides(field) {
  return field.dataset.path.endsWith(".kind");
}

bench.addEventListener("focusout", (event) => {
  const field = event.target.closest("[data-path]");
  if (field && pending.has(field)) saveField(field);
});

function choose(field, select) {
  const name = select.value;
  if (!name) return;
  const chosen = field.querySelector(".chosen");
  if (![...chosen.children].some((each) => each.dataset.value === name)) {
    const words = select.selectedOptions[0].textContent;
    const row = element("li");
    row.dataset.value = name;
    const drop = button("Take out", () => {});
    drop.className = "button plain small";
    drop.dataset.drop = "";
    drop.setAttribute("aria-label", `Take out ${words}`);
    row.append(element("span", words), " ", drop);
    chosen.append(row);
  }
  select.value = "";
  saveField(field);
}

/** Load the page again at a card, so that all names and orders are those of the server. */
function reloadAt(part, card) {
  sessionStorage.setItem(`${here} open`, JSON.stringify([part, card]));
  location.reload();
}

bench.addEventListener("click", async (event) => {
  const press = event.target.closest("button");
  if (!press) return;
  const form = press.closest(".card-form");
  if (press.dataset.drop !== undefined) {
    const field = press.closest("[data-path]");
    press.closest("li").remove();
    field.querySelector("[data-choose]").focus();
    saveField(field);
  } else if (press.dataset.hear !== undefined) {
    hear(press);
  } else if (form && (press.dataset.move || press.dataset.remove !== undefined)) {
    const part = form.closest("[data-part]").dataset.part;
    const action = press.dataset.move ? "move" : "remove";
    const by = Number(press.dataset.move ?? 1);
    const change = { action, part, card: form.dataset.card, by };
    if ((await send(change, form)) !== null) {
      reloadAt(part, action === "move" ? form.dataset.card : "");
    }
  }
});

bench.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-add]")) return;
  event.preventDefault();
  const part = form.closest("[data-part]").dataset.part;
  const text = form.querySelector("input, select").value;
  const found = await send({ action: "add", part, text });
  if (found !== null) reloadAt(part, found.made);
});

at("undo").addEventListener("submit", async (event) => {
  event.preventDefault();
  await settled();
  event.target.submit();
});

bench.addEventListener("toggle", (event) => {
  const shown = event.target;
  if (!shown.open) return;
  const form = shown.querySelector(":scope > .card-form");
  if (form) load(form);
}, true);

// -- the voice

async function hear(press) {
  if (isBusy(press)) return;
  setBusy(press, true);
  await settled();
  const words = press.textContent;
  const player = at("sound");
  press.textContent = "Preparing …";
  const query = new URLSearchParams({ line: press.dataset.hear, version: revision });
  player.src = `${here}/line.wav?${query}`;
  try {
    await player.play();
    press.textContent = words;
  } catch {
    press.textContent = "It cannot be heard now";
  }
  setBusy(press, false);
}

// -- ask the patient

const kept = `${here} said`;
let talk = JSON.parse(sessionStorage.getItem(kept) ?? "[]");

function turn(each) {
  const row = element("li");
  if (!each.said.startsWith("(comes in")) row.append(element("p", each.said, "said"));
  row.append(element("p", each.answer || "(says nothing)", "answer"));
  const why = element("p", `${each.reason[0].toUpperCase()}${each.reason.slice(1)}.`, "why");
  row.append(why);
  if (each.silent_s) why.append(` Then the patient is silent for ${each.silent_s} s.`);
  if (each.ending) why.append(` The encounter ends: ${each.ending}.`);
  if (each.has_no_answer) why.append(" It is kept among the questions without an answer.");
  const more = element("ul", "", "why");
  for (const alike of each.alike) {
    more.append(element("li", `likeness ${alike.likeness.toFixed(2)}: “${alike.text}” ${alike.closed}`));
  }
  for (const change of each.changes) more.append(element("li", change));
  if (each.codes.length) more.append(element("li", `heard as: ${each.codes.join(", ")}`));
  if (more.children.length) {
    const details = element("details", "", "inline-group");
    details.append(element("summary", "Why"), more);
    row.append(details);
  }
  if (each.line) {
    const show = button("Open the line", () => open("lines", each.line, "text"));
    show.className = "button plain small";
    row.append(show);
  }
  return row;
}

async function converse() {
  await settled();
  sessionStorage.setItem(kept, JSON.stringify(talk));
  try {
    const { turns } = await request(`${here}/ask`, "POST", { said: talk });
    talk = talk.slice(0, turns.length - 1); // the rest came after the end
    at("talk").replaceChildren(...turns.map(turn));
    at("talk").scrollTop = at("talk").scrollHeight;
    // a longer talk moves the field down, out of a small window
    if (at("ask").contains(document.activeElement)) at("ask").scrollIntoView({ block: "nearest" });
  } catch (error) {
    talk = talk.slice(0, -1);
    at("talk").append(element("li", error.message, "fault"));
  }
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  talk = [...talk, at("said").value];
  at("said").value = "";
  converse();
});
at("silence").addEventListener("click", () => {
  talk = [...talk, "(silence)"];
  converse();
});
at("again").addEventListener("click", () => {
  talk = [];
  converse();
});

// -- questions without an answer

async function look() {
  if (isBusy(at("look"))) return;
  setBusy(at("look"), true);
  await settled();
  try {
    const answer = await fetch(`${here}/questions`, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error("They could not be loaded. Load the page again.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    at("questions").replaceChildren(...page.body.children);
  } catch (error) {
    at("questions").replaceChildren(element("p", error.message, "fault"));
  }
  setBusy(at("look"), false);
}

at("look").addEventListener("click", look);

/** Take a question off the list. The focus goes to the next one. */
function takeOff(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  const isInside = row.contains(document.activeElement);
  row.remove();
  if (isInside) (next?.querySelector("textarea, input, select, button") ?? at("look")).focus();
}

at("questions").addEventListener("click", async (event) => {
  const press = event.target.closest("button");
  const row = press?.closest("[data-keys]");
  if (!row) return;
  const { words, keys } = row.dataset;
  if (press.dataset.settle !== undefined) {
    await request(`${here}/questions`, "POST", { keys: keys.split(" ") });
    takeOff(row);
  } else if (press.dataset.make !== undefined) {
    const text = row.querySelector("[data-answer]").value;
    const found = await send({ action: "answer", part: "lines", text, words });
    if (found !== null) reloadAt("lines", found.made);
  } else if (press.dataset.take !== undefined) {
    const card = row.querySelector("[data-line]").value;
    const found = await send({ action: "exemplar", part: "lines", card, text: words });
    if (found !== null) takeOff(row);
  }
});

// -- begin

showTodo();
watch();
if (talk.length) converse();
const opened = sessionStorage.getItem(`${here} open`);
sessionStorage.removeItem(`${here} open`);
if (opened) open(...JSON.parse(opened), "");
