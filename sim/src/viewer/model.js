"use strict";

// What the page knows: the run, which lines concern which lanes, and what of it is shown.
// model.js, draw.js and control.js are one script, in this order.

// The run, as picture.rs writes it. Nothing in it is ever taken for markup: text goes to textContent and to the canvas.
const run = JSON.parse(document.getElementById("run").textContent);
const byId = (id) => document.getElementById(id);
const canvas = byId("canvas"), overview = byId("overview"), list = byId("trace"), rows = byId("rows");

// Lines are [at, step, node, kind, text]; arrows are [from, to, sent, arrival, line, end line, fate, message kind].
const AT = 0, STEP = 1, NODE = 2, KIND = 3, TEXT = 4;
const FROM = 0, TO = 1, SENT = 2, ARRIVAL = 3, LINE = 4, END = 5, FATE = 6, SAID = 7;
const KINDS = ["message", "role", "timer", "log", "disk", "client", "fault", "repair"];
const KIND_WORDS = ["messages", "roles", "timers", "log", "disk", "clients", "faults", "repairs"];
const ROLE_HEIGHTS = { "follower": 0.16, "pre-candidate": 0.32, "candidate": 0.4, "leader": 0.5 };
const HUES = [212, 152, 36, 282, 186, 322, 92, 252];
const GUTTER = 148, AXIS = 22, NETWORK = 26, ROW = 20;
// Past so many arrows in sight none could be told from another.
const ARROWS_MOST = 1500, CALLS_MOST = 300;

// Lanes: the nodes from 0 on, then the clients.
const nodeLane = (node) => node - 1;
const clientLane = (client) => run.nodes + client - 1;
const laneNames = [];
for (let n = 1; n <= run.nodes; n++) laneNames.push("n" + n);
for (let c = 1; c <= run.clients; c++) laneNames.push("c" + c);

// ---- What each line concerns, and the other end of each message ----------------------------------------------

const concerns = run.lines.map((line) => (line[NODE] === null ? [] : [nodeLane(line[NODE])]));
const otherEnd = new Map();
const arrowOf = new Map();
run.arrows.forEach((arrow, index) => {
  const lanes = [nodeLane(arrow[FROM]), nodeLane(arrow[TO])];
  concerns[arrow[LINE]] = lanes;
  arrowOf.set(arrow[LINE], index);
  if (arrow[END] !== null) {
    concerns[arrow[END]] = lanes;
    arrowOf.set(arrow[END], index);
    otherEnd.set(arrow[LINE], arrow[END]);
    otherEnd.set(arrow[END], arrow[LINE]);
  }
});
for (const call of run.calls) concerns[call.line] = [clientLane(call.client), nodeLane(call.node)];
for (const operation of run.operations) {
  concerns[operation.line] = [clientLane(operation.client)];
  if (operation.end !== null) {
    concerns[operation.end] = concerns[operation.line];
    otherEnd.set(operation.line, operation.end);
    otherEnd.set(operation.end, operation.line);
  }
}

// What is drawn by itself at its line's instant; the rest has a shape of its own.
const marks = [];
run.lines.forEach((line, index) => {
  if (line[KIND] !== "message" && line[KIND] !== "client") marks.push(index);
});

// Things with a length, by their start. `reach[i]` is the latest end up to `i`: it only grows, so that the first
// thing that may still be visible is found by halving, however long some are.
function indexed(things, from, until) {
  const order = things.map((_, index) => index).sort((a, b) => from(things[a]) - from(things[b]) || a - b);
  let latest = 0;
  const reach = order.map((index) => (latest = Math.max(latest, until(things[index]))));
  return {
    each(start, end, visit) {
      for (let i = firstAt(reach.length, (i) => reach[i] >= start); i < order.length; i++) {
        const thing = things[order[i]];
        if (from(thing) > end) break;
        if (until(thing) >= start) visit(thing);
      }
    },
  };
}

// The first position in 0..length for which `holds`, which then holds for all after it.
function firstAt(length, holds) {
  let low = 0, high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle; else low = middle + 1;
  }
  return low;
}

const spans = (things) => indexed(things, (thing) => thing.from, (thing) => thing.until);
const bands = spans(run.bands), absences = spans(run.absences), walls = spans(run.walls);
const operations = spans(run.operations);
const arrows = indexed(run.arrows, (arrow) => arrow[SENT], (arrow) => arrow[ARRIVAL]);
const atLine = (index) => run.lines[index][AT];

// ---- State --------------------------------------------------------------------------------------------------

const state = {
  start: 0,
  end: Math.max(run.end, 1),
  selected: null,
  kinds: new Set(KINDS),
  lanes: new Set(laneNames.keys()),
  search: "",
  shown: [],
  hits: [],
};

const shows = (kind) => state.kinds.has(kind);
const isVisible = (index) => {
  const line = run.lines[index];
  if (!shows(line[KIND])) return false;
  const lanes = concerns[index];
  return lanes.length === 0 || lanes.some((lane) => state.lanes.has(lane));
};

function refilter() {
  const wanted = state.search.toLowerCase();
  state.shown = [];
  for (let index = 0; index < run.lines.length; index++) {
    if (isVisible(index) && (wanted === "" || run.lines[index][TEXT].toLowerCase().includes(wanted))) {
      state.shown.push(index);
    }
  }
  rows.style.height = state.shown.length * ROW + "px";
  drawRows();
  redraw();
}

