/*
 * Draws a conversation as a score. Each system covers a stretch of time, with the learner's lane
 * above the patient's and signs between and over them. No information depends on colour alone.
 */

import { clock } from "./format.js";

const NS = "http://www.w3.org/2000/svg";
const LANE = 34;
const BETWEEN = 22; // between the lanes: silences and gaps of both
const ABOVE = 16; // above the learner's lane: what the learner did to the patient
const AXIS = 18;
const LEFT = 62; // the names of the lanes
const SYSTEM = ABOVE + 2 * LANE + BETWEEN + AXIS;
const SPACE = 14;
const TOP = { learner: ABOVE, patient: ABOVE + LANE + BETWEEN };
const PX_PER_S = 14; // a pause of 0.2 s is then still three pixels
const STRETCHES_S = [15, 20, 30, 45, 60, 90, 120];
const TICKS_S = [5, 10, 15, 30];

/* Marks that point at their start. Other marks cover their whole time. */
const POINTS = new Set(["interruption", "backchannel"]);

const LEGEND = {
  pause: "pause within a turn",
  gap: "gap between you",
  overlap: "both at once",
  interruption: "interruption",
  backchannel: "acknowledgement",
  silence: "silence of 2 s or more",
  held: "silence let stand",
  filled: "silence filled",
  machine: "delay of the machine",
};

function el(name, attributes = {}, ...children) {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const n = (value) => value.toFixed(1);

export class Timeline {
  /** data: the JSON of /attempts/<id>/timeline. */
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.systems = [];
    this.width = 0;
    this.heads = [];
    this.now = 0;
  }

  /** Draw for the current width. Does nothing when the width has not changed. */
  draw() {
    const width = Math.floor(this.root.clientWidth);
    if (width === this.width || width < 100) return;
    this.width = width;
    const widest = STRETCHES_S.findLast((s) => s * PX_PER_S <= width - LEFT) ?? STRETCHES_S[0];
    const count = Math.max(1, Math.ceil(this.data.duration_s / widest - 0.01));
    // systems of equal length, so that the last one is not very short
    const even = 5 * Math.ceil(this.data.duration_s / count / 5 - 0.01);
    this.span = Math.min(widest, Math.max(STRETCHES_S[0], even));
    this.scale = (width - LEFT - 1) / this.span;
    const height = count * (SYSTEM + SPACE);
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
    svg.append(this.#patterns());
    this.heads = [];
    for (let i = 0; i < count; i += 1) svg.append(this.#system(i));
    this.root.replaceChildren(svg);
    this.svg = svg;
    this.seek(this.now);
  }

  /** Return the session seconds under the pointer; null outside the lanes. */
  at(event) {
    const box = this.svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.width - LEFT;
    const y = ((event.clientY - box.top) / box.width) * this.width;
    const second = Math.floor(y / (SYSTEM + SPACE)) * this.span + Math.max(0, x) / this.scale;
    return x < -4 || second > this.data.duration_s ? null : second;
  }

  /** Move the playhead. */
  seek(seconds) {
    this.now = seconds;
    const current = Math.min(this.heads.length - 1, Math.floor(seconds / this.span));
    this.heads.forEach((head, i) => {
      head.setAttribute("visibility", i === current ? "visible" : "hidden");
      if (i !== current) return;
      const x = n((seconds - i * this.span) * this.scale);
      head.setAttribute("transform", `translate(${x} 0)`);
    });
  }

  #patterns() {
    const hatch = el("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
    hatch.append(el("path", { d: "M0 0v5", class: "hatch" }));
    return el("defs", {}, hatch);
  }

  #system(index) {
    const from = index * this.span;
    const to = Math.min(this.data.duration_s, from + this.span);
    const y = index * (SYSTEM + SPACE);
    const group = el("g", { transform: `translate(${LEFT} ${y})` });
    const x = (seconds) => (Math.min(to, Math.max(from, seconds)) - from) * this.scale;
    const inside = (part) => part.end_s >= from && part.start_s < to;
    this.#axis(group, from, to, x);
    for (const lane of this.data.lanes) {
      const top = TOP[lane.who];
      const name = lane.label ?? (lane.who === "learner" ? "You" : lane.name.split(" ")[0]);
      group.append(el("text", { x: -LEFT, y: top + LANE / 2 + 4, class: `name ${lane.who}` }, name));
      group.append(el("path", { d: `M0 ${top + LANE / 2}H${n(x(to))}`, class: "rest" }));
      for (const part of lane.segments.filter(inside)) group.append(segment(part, lane.who, x));
      const outline = this.#outline(lane.who, from, to);
      if (outline) group.append(outline);
    }
    for (const mark of this.data.marks.filter(inside)) {
      // a mark that continues in the next system gets one sign, at its anchor
      const anchor = POINTS.has(mark.kind) ? mark.start_s : (mark.start_s + mark.end_s) / 2;
      const signed = anchor >= from && anchor < from + this.span;
      if (signed || !POINTS.has(mark.kind)) group.append(drawMark(mark, x, signed));
    }
    const head = el("path", { d: `M0 ${ABOVE - 4}V${ABOVE + 2 * LANE + BETWEEN + 4}`, class: "playhead", visibility: "hidden" });
    this.heads.push(head);
    group.append(head);
    return group;
  }

  #axis(group, from, to, x) {
    const every = TICKS_S.find((s) => s * this.scale >= 56) ?? 30;
    const y = ABOVE + 2 * LANE + BETWEEN;
    for (let second = from; second <= to; second += every) {
      if (second > from && second >= from + this.span) break;
      group.append(el("path", { d: `M${n(x(second))} ${y + 2}v4`, class: "tick" }));
      group.append(el("text", { x: n(x(second)), y: y + AXIS - 1, class: "time" }, clock(second)));
    }
  }

  /** Return the waveform: for each pixel, a column from the lowest to the highest sample. */
  #outline(who, from, to) {
    const peaks = this.data.peaks;
    if (!peaks) return null;
    const values = peaks[who];
    const middle = TOP[who] + LANE / 2;
    const columns = Math.floor((to - from) * this.scale);
    const path = [];
    for (let column = 0; column < columns; column += 1) {
      const first = Math.floor((from + column / this.scale) * peaks.per_s);
      const last = Math.max(first + 1, Math.floor((from + (column + 1) / this.scale) * peaks.per_s));
      let low = 0;
      let high = 0;
      for (let bin = first; bin < last && 2 * bin + 1 < values.length; bin += 1) {
        low = Math.min(low, values[2 * bin]);
        high = Math.max(high, values[2 * bin + 1]);
      }
      // square root, so that quiet speech is visible beside loud speech
      const up = Math.sqrt(high / 127) * (LANE / 2 - 2);
      const down = Math.sqrt(-low / 127) * (LANE / 2 - 2);
      if (up + down > 0.6) path.push(`M${column + 0.5} ${n(middle - up)}V${n(middle + down)}`);
    }
    return el("path", { d: path.join(""), class: `wave ${who}` });
  }
}

function titled(node, sentence) {
  node.append(el("title", {}, sentence));
  return node;
}

function segment(part, who, x) {
  const left = x(part.start_s);
  const width = Math.max(1.5, x(part.end_s) - left);
  const box = el("rect", { x: n(left), y: TOP[who] + 1, width: n(width), height: LANE - 2, rx: 2, class: `seg ${who} ${part.kind}` });
  return part.text ? titled(box, part.text) : box;
}

const MIDDLE = ABOVE + LANE + BETWEEN / 2;
const BOTTOM = ABOVE + 2 * LANE + BETWEEN;

function bracket(left, right, y, depth) {
  return `M${n(left)} ${n(y - depth)}V${n(y)}H${n(right)}V${n(y - depth)}`;
}

/** Draw one mark, with its sentence as a tooltip. */
function drawMark(mark, x, signed) {
  const left = x(mark.start_s);
  const right = Math.max(left + 1.5, x(mark.end_s));
  const group = el("g", { class: `sign ${mark.kind} ${mark.outcome ?? ""}` });
  group.append(...sign(mark.kind, left, right, mark, signed));
  return titled(group, mark.label);
}

function sign(kind, left, right, mark, signed = true) {
  const centre = (left + right) / 2;
  switch (kind) {
    case "pause": {
      const top = TOP[mark.owner ?? "learner"];
      return [el("path", { d: bracket(left, right, top + LANE - 3, 4), class: "thin" })];
    }
    case "gap":
      return [el("path", { d: `M${n(left)} ${MIDDLE}H${n(right)}`, class: "dots" })];
    case "overlap":
      return [el("rect", { x: n(left), y: ABOVE + 1, width: n(right - left), height: BOTTOM - ABOVE - 2, fill: "url(#hatch)" })];
    case "interruption":
      return [
        el("path", { d: `M${n(left - 5)} 3h10l-5 9z`, class: "solid" }),
        el("path", { d: `M${n(left)} 12V${BOTTOM}`, class: "thin" }),
      ];
    case "backchannel":
      return [el("circle", { cx: n(left + 3), cy: 9, r: 3.5, class: "open" })];
    case "silence":
      return [el("path", { d: bracket(left, right, MIDDLE + 4, 8), class: "thick" }), ...(signed ? lengthLabel(left, right, mark) : [])];
    case "hold": {
      const dot = mark.outcome === "held"
        ? [el("circle", { cx: n(centre), cy: MIDDLE, r: 5.5, class: "solid" })]
        : [
            el("circle", { cx: n(centre), cy: MIDDLE, r: 5.5, class: "open" }),
            el("path", { d: `M${n(centre - 4)} ${MIDDLE + 4}l8 -8`, class: "thin" }),
          ];
      const bar = el("path", { d: `M${n(left)} ${MIDDLE - 7}v14M${n(left)} ${MIDDLE}H${n(right)}M${n(right)} ${MIDDLE - 7}v14`, class: "thick" });
      return signed ? [bar, ...dot] : [bar];
    }
    case "machine":
      return [el("path", { d: `M${n(left)} ${MIDDLE + 8}H${n(right)}`, class: "machine-line" })];
    default:
      return [];
  }
}

function lengthLabel(left, right, mark) {
  if (!mark.length_s || right - left < 40) return [];
  const text = el("text", { x: n((left + right) / 2), y: MIDDLE + 1, class: "length" }, mark.length);
  return [text];
}

/** Fill a list with the signs that occur in `marks`, drawn as on the timeline. */
export function legend(list, marks) {
  const present = new Set(marks.map((mark) => (mark.kind === "hold" ? mark.outcome : mark.kind)));
  for (const [key, words] of Object.entries(LEGEND)) {
    if (!present.has(key)) continue;
    const isHold = key === "held" || key === "filled";
    const kind = isHold ? "hold" : key;
    const high = kind === "interruption" || kind === "backchannel";
    const top = high ? 0 : kind === "pause" ? ABOVE + LANE - 14 : kind === "machine" ? MIDDLE - 2 : MIDDLE - 10;
    const signs = sign(kind, kind === "backchannel" || kind === "interruption" ? 10 : 3, 25, {
      outcome: isHold ? key : null,
    });
    const svg = el("svg", { viewBox: `0 ${top} 28 20`, width: 28, height: 20, "aria-hidden": "true" });
    svg.append(el("g", { class: `sign ${kind} ${isHold ? key : ""}` }, ...signs));
    const item = document.createElement("li");
    item.append(svg, words);
    list.append(item);
  }
}
