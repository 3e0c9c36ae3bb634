/* Objections: a learner says that an item is wrong, and may withdraw it. */

import { ask } from "./api.js";

const LONGEST = 600; // characters, the same limit as the server's
const scores = document.querySelector(".scores[data-attempt]");
const path = `/attempts/${encodeURIComponent(scores?.dataset.attempt ?? "")}/objections`;

const status = el("p", { class: "sr", role: "status" });
let count = 0;

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function button(words, kind, name = words) {
  return el("button", { type: "button", class: `button ${kind} small`, "aria-label": name }, words);
}

/** Add a "Withdraw" button to an objection. */
function withdrawable(said, item) {
  const back = button("Withdraw", "plain", `Withdraw your objection: ${said.lastElementChild.textContent}`);
  said.append(" ", back);
  back.addEventListener("click", async () => {
    back.disabled = true;
    try {
      await ask(`${path}/${said.dataset.objection}`, "DELETE");
      said.remove();
      status.textContent = "Withdrawn.";
      item.querySelector(".object > .button").focus();
    } catch (error) {
      back.disabled = false;
      status.textContent = error.message;
      said.append(el("span", { class: "fault" }, error.message));
    }
  });
}

function wire(item) {
  const text = item.querySelector(".verdict p").textContent.trim();
  count += 1;
  const id = `objection-${count}`;
  const open = button("This is wrong", "plain", `This is wrong: ${text}`);
  open.setAttribute("aria-expanded", "false");
  open.setAttribute("aria-controls", id);
  const words = el("textarea", { id: `${id}-why`, rows: "3", maxlength: String(LONGEST) });
  const fault = el("p", { class: "fault", role: "alert" });
  fault.hidden = true;
  const cancel = button("Cancel", "plain");
  const submit = el("button", { class: "button small" }, "Send");
  const form = el(
    "form",
    { id },
    el("label", { for: `${id}-why` }, "What is wrong? Your words are saved with this attempt. They count when machine and raters are compared."),
    words,
    fault,
    el("p", { class: "actions" }, submit, cancel),
  );
  form.hidden = true;
  item.append(el("div", { class: "object" }, open, form));
  const show = (shown) => {
    form.hidden = !shown;
    open.setAttribute("aria-expanded", String(shown));
    (shown ? words : open).focus();
  };
  open.addEventListener("click", () => show(form.hidden));
  cancel.addEventListener("click", () => show(false));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(false);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    fault.hidden = true;
    submit.disabled = true; // a double press sends one objection
    try {
      if (words.value.trim() === "") throw new Error("Write in your own words what is wrong, then send it.");
      const saved = await ask(path, "POST", { item: item.dataset.item, why: words.value });
      const said = el(
        "p",
        { class: "objected", "data-objection": String(saved.number) },
        el("span", { class: "speaker" }, "You objected:"),
        " ",
        el("span", {}, saved.why),
      );
      item.querySelector(".object").before(said);
      withdrawable(said, item);
      words.value = "";
      show(false);
      status.textContent = "Saved with this attempt.";
    } catch (error) {
      fault.textContent = error.message;
      fault.hidden = false;
      words.focus();
    } finally {
      submit.disabled = false;
    }
  });
  for (const said of item.querySelectorAll("[data-objection]")) withdrawable(said, item);
}

if (scores !== null) {
  scores.append(status);
  for (const item of scores.querySelectorAll(".item[data-item]")) {
    // items for humans hold no judgement that could be wrong
    if (item.dataset.human === undefined || item.querySelector("[data-objection]")) wire(item);
  }
}
