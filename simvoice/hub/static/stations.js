/*
 * Keeps the tiles of the stations up to date, once a second, without loading the page again. It
 * writes into the elements of station_macros.html; hub/stations/tiles.py says what the words are.
 */

import { ask, token } from "./api.js";

const EVERY_MS = 1000;
const at = (id) => document.getElementById(id);
const list = at("stations"); // null on the page of one station
const TITLE = document.title;
const reds = new Map(); // by station: the fault that a screen reader was told
let isFirst = true;

/** Write a text where it differs, so that a selection or a pointer on it is not disturbed. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function writeList(element, texts, make) {
  const key = JSON.stringify(texts);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...texts.map(make));
}

function item(text) {
  const made = document.createElement("li");
  made.textContent = text;
  return made;
}

function row([name, value]) {
  const made = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const cell = document.createElement("td");
  head.textContent = name;
  cell.textContent = value;
  made.append(head, cell);
  return made;
}

function showLevel(meter, level) {
  meter.toggleAttribute("data-off", level === null);
  meter.firstElementChild.style.transform = `scaleX(${level ?? 0})`;
  meter.setAttribute("aria-valuenow", String(Math.round(100 * (level ?? 0))));
}

function showVerb(form, station) {
  const verb = form.dataset.verb;
  const can = station.verbs.includes(verb);
  // a button that is in use stays where it is until the focus has moved on
  if (can || !form.contains(document.activeElement)) form.hidden = !can;
  form.querySelector("button").disabled = !can;
}

function show(tile, station) {
  tile.dataset.light = station.light;
  const isShown = {
    is_held: station.is_held,
    is_away: station.light === "away",
    has_no_facts: station.facts.length === 0,
    has_no_errors: station.errors.length === 0,
  };
  for (const part of tile.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    if (name === "level") showLevel(part, station.level);
    else write(part, station[name]);
    if (name === "reason") part.hidden = station.reason === "";
  }
  for (const part of tile.querySelectorAll("[data-show]")) part.hidden = !isShown[part.dataset.show];
  for (const part of tile.querySelectorAll("[data-list]")) {
    writeList(part, station[part.dataset.list], item);
    part.hidden = station[part.dataset.list].length === 0;
  }
  for (const part of tile.querySelectorAll("[data-facts]")) writeList(part, station.facts, row);
  for (const form of tile.querySelectorAll("form.verb")) showVerb(form, station);
}

/** Make the tile of a station that was paired since the page was loaded. */
function makeTile(station) {
  const made = at("station").content.firstElementChild.cloneNode(true);
  made.dataset.station = station.id;
  made.querySelector("h2 a").href = `/stations/${station.id}`;
  for (const form of made.querySelectorAll("form.verb")) {
    form.setAttribute("action", `/stations/${station.id}/command`);
  }
  return made;
}

function arrange(stations) {
  if (!list) return;
  const known = new Map([...list.children].map((each) => [each.dataset.station, each]));
  stations.forEach((station, index) => {
    const tile = known.get(station.id) ?? makeTile(station);
    known.delete(station.id);
    if (list.children[index] !== tile) list.insertBefore(tile, list.children[index] ?? null);
  });
  for (const gone of known.values()) gone.remove();
  at("none").hidden = stations.length > 0;
}

/** Say a new fault once. The page itself changes every second, and is not read out. */
function announce(stations) {
  const said = [];
  for (const { id, name, light, reason } of stations) {
    const fault = light === "red" || light === "away" ? reason : "";
    if (fault !== (reds.get(id) ?? "")) said.push(fault ? `${name}: ${fault}` : `${name} is in order again.`);
    reds.set(id, fault);
  }
  if (!isFirst && said.length) at("news").textContent = said.join(" ");
  isFirst = false;
  const red = stations.filter((each) => each.light === "red").length;
  document.title = red && list ? `${red} red · ${TITLE}` : TITLE;
}

async function look() {
  try {
    const { stations } = await ask("/stations/state");
    arrange(stations);
    for (const station of stations) {
      const tile = document.querySelector(`[data-station="${station.id}"]`);
      if (tile) show(tile, station);
    }
    announce(stations);
    at("lost").hidden = true;
  } catch (error) {
    at("lost").textContent = `What you see is old. ${error.message}`;
    at("lost").hidden = false;
  }
  setTimeout(look, EVERY_MS);
}

/** Send a command without leaving the page; to one that asks first, there is a page. */
async function press(event) {
  const form = event.target.closest("form.verb");
  if (!form) return;
  event.preventDefault();
  const tile = form.closest("[data-station]");
  const said = tile.querySelector('[data-part="command"]') ?? at("news");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { accept: "application/json", "x-simvoice-token": token },
      body: new URLSearchParams(new FormData(form)),
    });
    const { sentence, message, ask_at: there } = await answer.json();
    if (there) location.assign(there);
    said.textContent = sentence ?? message ?? "";
  } catch {
    said.textContent = "The server did not answer; nothing was sent.";
  }
}

document.addEventListener("submit", press);
look();
