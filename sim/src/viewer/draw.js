// The picture: colours, places, shapes. What was drawn is remembered in `state.hits`, for the pointer.

// ---- Colours ------------------------------------------------------------------------------------------------

let ink = {};
let isDark = false;
function readColours() {
  const probe = document.createElement("i");
  document.body.append(probe);
  ink = {};
  for (const name of ["ground", "panel", "lane", "line", "ink", "faint", "accent", "select", "bad", "good", "unsure",
    "append", "reply", "vote", "wall"]) {
    probe.style.color = `var(--${name})`;
    ink[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  const theme = document.documentElement.dataset.theme;
  isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function termColour(term, role) {
  const hue = HUES[term % HUES.length];
  const strength = { "follower": 0.5, "pre-candidate": 0.4, "candidate": 0.75, "leader": 1 }[role];
  return `hsl(${hue} ${isDark ? 45 : 58}% ${isDark ? 44 : 40}% / ${strength})`;
}

const MESSAGE_INK = { AppendEntries: "append", AppendReply: "reply", Stale: "reply" };
const messageInk = (said) => ink[MESSAGE_INK[said] || "vote"];

// ---- Geometry -----------------------------------------------------------------------------------------------

function size(target) {
  const scale = window.devicePixelRatio || 1;
  const width = target.clientWidth, height = target.clientHeight;
  if (target.width !== Math.round(width * scale) || target.height !== Math.round(height * scale)) {
    target.width = Math.round(width * scale);
    target.height = Math.round(height * scale);
  }
  const context = target.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Where each visible lane lies. Nodes get twice the room of clients.
function layout(height) {
  const lanes = [...state.lanes].sort((a, b) => a - b);
  const weight = (lane) => (lane < run.nodes ? 2 : 1);
  const total = lanes.reduce((sum, lane) => sum + weight(lane), 0) || 1;
  const unit = Math.min(44, Math.max(14, (height - AXIS - NETWORK - 6) / total));
  const places = new Map();
  let y = AXIS + NETWORK;
  for (const lane of lanes) {
    const tall = weight(lane) * unit;
    places.set(lane, { top: y, height: tall, middle: y + tall / 2 });
    y += tall;
  }
  return { places, bottom: y };
}

const view = { width: 1, x: () => 0, places: new Map(), bottom: 0 };
const timeAt = (x) => state.start + ((x - GUTTER) / Math.max(1, view.width - GUTTER)) * (state.end - state.start);

// ---- Drawing ------------------------------------------------------------------------------------------------

let pending = false;
function redraw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    draw();
    drawOverview();
  });
}

function draw() {
  const { context: c, width, height } = size(canvas);
  const { places, bottom } = layout(height);
  const scale = (width - GUTTER) / (state.end - state.start);
  Object.assign(view, { width, places, bottom, x: (at) => GUTTER + (at - state.start) * scale });
  state.hits = [];
  c.font = "11px system-ui, sans-serif";
  c.textBaseline = "middle";
  for (const [lane, place] of places) {
    if (lane % 2 === 0) {
      c.fillStyle = ink.lane;
      c.fillRect(0, place.top, width, place.height);
    }
  }
  c.save();
  c.beginPath();
  c.rect(GUTTER, 0, width - GUTTER, height);
  c.clip();
  drawAxis(c, width, bottom);
  drawWalls(c, bottom);
  drawBands(c);
  if (shows("client")) drawOperations(c);
  if (shows("message")) drawArrows(c);
  if (shows("client")) drawCalls(c);
  drawMarks(c);
  drawCursor(c, bottom);
  c.restore();
  drawGutter(c, height);
}

// A round step of time that leaves at least 80 pixels between two labels.
function tickStep() {
  const least = ((state.end - state.start) / Math.max(1, view.width - GUTTER)) * 80;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= least);
}

// The instant with as many digits as `step` can tell apart.
function clock(at, step) {
  const digits = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(Math.max(step, 1)))));
  return (at / 1e9).toFixed(digits) + "s";
}

function drawAxis(c, width, bottom) {
  const step = tickStep();
  c.strokeStyle = ink.line;
  c.fillStyle = ink.faint;
  c.lineWidth = 1;
  for (let at = Math.max(0, Math.ceil(state.start / step)) * step; at <= state.end; at += step) {
    const x = Math.round(view.x(at)) + 0.5;
    c.globalAlpha = 0.6;
    c.beginPath();
    c.moveTo(x, AXIS - 4);
    c.lineTo(x, bottom);
    c.stroke();
    c.globalAlpha = 1;
    c.fillText(clock(at, step), x + 3, AXIS / 2);
  }
}

// Text that is left out where it does not fit.
function label(c, text, x, y, room) {
  const left = Math.max(x, GUTTER + 2);
  room -= left - x;
  if (room < 12) return;
  let shown = text;
  if (c.measureText(shown).width > room) {
    while (shown.length > 1 && c.measureText(shown + "…").width > room) shown = shown.slice(0, -1 - (shown.length >> 3));
    if (shown.length < 2) return;
    shown += "…";
  }
  c.fillText(shown, left, y);
}

function hit(line, text, shape) {
  state.hits.push({ line, text, ...shape });
}

function drawWalls(c, bottom) {
  if (!shows("fault")) return;
  walls.each(state.start, state.end, (wall) => {
    const x = view.x(wall.from), w = Math.max(1.5, view.x(wall.until) - x);
    c.fillStyle = ink.wall;
    c.fillRect(x, AXIS, w, NETWORK);
    c.globalAlpha = 0.35;
    c.fillRect(x, AXIS + NETWORK, w, bottom - AXIS - NETWORK);
    c.globalAlpha = 1;
    c.fillStyle = ink.bad;
    c.fillRect(x, AXIS + NETWORK - 4, w, 2);
    label(c, "cut: " + wall.text, x + 4, AXIS + 11, w - 6);
    hit(wall.line, "cut: " + wall.text, { x, y: AXIS, w, h: NETWORK });
  });
}

function drawBands(c) {
  bands.each(state.start, state.end, (band) => {
    const place = view.places.get(nodeLane(band.node));
    if (!place) return;
    const x = view.x(band.from), w = Math.max(1, view.x(band.until) - x);
    const h = place.height * ROLE_HEIGHTS[band.role], y = place.middle - h / 2;
    c.fillStyle = termColour(band.term, band.role);
    c.fillRect(x, y, w, h);
    if (band.role === "pre-candidate" || band.role === "candidate") {
      c.strokeStyle = ink.vote;
      c.lineWidth = 1.5;
      c.setLineDash(band.role === "candidate" ? [] : [3, 2]);
      c.strokeRect(x, y, w, h);
      c.setLineDash([]);
    }
    if (place.height >= 26) {
      const inside = band.role === "leader";
      c.fillStyle = inside ? "#ffffff" : ink.faint;
      label(c, `${band.role} @${band.term}`, x + 4, inside ? place.middle : y - 7, w - 6);
    }
    hit(band.line, `n${band.node} ${band.role} in term ${band.term}`, { x, y, w, h });
  });
  absences.each(state.start, state.end, (absence) => {
    const place = view.places.get(nodeLane(absence.node));
    if (!place) return;
    const x = Math.max(view.x(absence.from), GUTTER), w = Math.max(2, Math.min(view.x(absence.until), view.width) - x);
    const h = place.height * 0.5, y = place.middle - h / 2;
    c.save();
    c.beginPath();
    c.rect(x, y, w, h);
    c.clip();
    c.strokeStyle = absence.paused ? ink.unsure : ink.bad;
    c.globalAlpha = 0.55;
    c.lineWidth = 1;
    c.beginPath();
    for (let offset = x - h - (x % 7); offset < x + w; offset += 7) {
      c.moveTo(offset, y + h);
      c.lineTo(offset + h, y);
    }
    c.stroke();
    c.restore();
    const word = absence.paused ? "paused" : "down";
    if (w > 40) {
      c.fillStyle = ink.ground;
      c.fillRect(x + 3, place.middle - 7, c.measureText(word).width + 6, 14);
      c.fillStyle = absence.paused ? ink.unsure : ink.bad;
      c.fillText(word, x + 6, place.middle);
    }
    hit(absence.line, `n${absence.node} ${word}`, { x, y, w, h });
  });
}

function drawOperations(c) {
  const colours = { ok: ink.good, fail: ink.faint, info: ink.unsure };
  operations.each(state.start, state.end, (operation) => {
    const place = view.places.get(clientLane(operation.client));
    if (!place) return;
    const x = view.x(operation.from), w = Math.max(2, view.x(operation.until) - x);
    const h = Math.min(16, place.height - 4), y = place.middle - h / 2;
    const colour = colours[operation.outcome] || ink.reply;
    c.globalAlpha = 0.25;
    c.fillStyle = colour;
    c.fillRect(x, y, w, h);
    c.globalAlpha = 1;
    c.fillRect(x, y, 2, h);
    if (operation.end !== null) c.fillRect(x + w - 2, y, 2, h);
    c.fillStyle = ink.ink;
    const ends = { ok: operation.answer, fail: "refused", info: "unknown" };
    const text = `${operation.command} ⇨ ${operation.outcome === null ? "…" : ends[operation.outcome]}`;
    if (h >= 10) label(c, text, x + 5, place.middle, w - 9);
    hit(operation.line, `c${operation.client} ${text}`, { x, y, w, h });
  });
}

function drawArrows(c) {
  const visible = [];
  arrows.each(state.start, state.end, (arrow) => {
    if (view.places.has(nodeLane(arrow[FROM])) && view.places.has(nodeLane(arrow[TO]))) visible.push(arrow);
  });
  if (visible.length > ARROWS_MOST) {
    c.fillStyle = ink.faint;
    const text = `${visible.length.toLocaleString("en")} messages here: zoom in to see them`;
    c.fillText(text, view.width - c.measureText(text).width - 8, AXIS + NETWORK / 2);
    return;
  }
  const crowded = visible.length > 600;
  for (const arrow of visible) drawArrow(c, arrow, crowded);
}

function drawArrow(c, arrow, crowded) {
  const from = view.places.get(nodeLane(arrow[FROM])).middle, to = view.places.get(nodeLane(arrow[TO])).middle;
  const x = view.x(arrow[SENT]);
  // What was lost on its way goes a third of it, so far to the right as looks like an arrow.
  const lost = arrow[FATE] === "lost";
  const endX = lost ? x + Math.min(14, Math.abs(to - from) / 5) : view.x(arrow[ARRIVAL]);
  const endY = lost ? from + (to - from) / 3 : to;
  const selected = state.selected !== null && arrowOf.get(state.selected) === arrowOf.get(arrow[LINE]);
  const dead = lost || arrow[FATE] === "missed";
  c.strokeStyle = c.fillStyle = dead ? ink.bad : messageInk(arrow[SAID]);
  c.globalAlpha = selected ? 1 : dead ? 0.8 : crowded ? 0.35 : 0.75;
  c.lineWidth = selected ? 3 : 1;
  c.setLineDash(dead || arrow[FATE] === "flying" ? [4, 3] : []);
  c.beginPath();
  c.moveTo(x, from);
  c.lineTo(endX, endY);
  c.stroke();
  c.setLineDash([]);
  if (dead) cross(c, endX, endY, 3.5);
  else if (arrow[FATE] === "arrived" && !crowded) head(c, x, from, endX, endY);
  c.globalAlpha = 1;
  hit(arrow[LINE], messageText(arrow), { x1: x, y1: from, x2: endX, y2: endY });
}

function messageText(arrow) {
  const took = ((arrow[ARRIVAL] - arrow[SENT]) / 1e6).toFixed(2);
  const fates = { arrived: `arrived after ${took}ms`, flying: "under way at the end", lost: "lost on its way",
    missed: `lost where it arrived, after ${took}ms` };
  return `${run.lines[arrow[LINE]][TEXT]}\n${fates[arrow[FATE]]}`;
}

function head(c, x1, y1, x2, y2) {
  const angle = Math.atan2(y2 - y1, x2 - x1);
  c.beginPath();
  c.moveTo(x2, y2);
  c.lineTo(x2 - 7 * Math.cos(angle - 0.35), y2 - 7 * Math.sin(angle - 0.35));
  c.lineTo(x2 - 7 * Math.cos(angle + 0.35), y2 - 7 * Math.sin(angle + 0.35));
  c.fill();
}

function cross(c, x, y, r) {
  c.lineWidth = Math.max(c.lineWidth, 1.5);
  c.beginPath();
  c.moveTo(x - r, y - r);
  c.lineTo(x + r, y + r);
  c.moveTo(x + r, y - r);
  c.lineTo(x - r, y + r);
  c.stroke();
}

// What clients and nodes say to each other: only the arrival is known, so the arrow is upright.
function drawCalls(c) {
  const first = firstAt(run.calls.length, (i) => atLine(run.calls[i].line) >= state.start);
  const last = firstAt(run.calls.length, (i) => atLine(run.calls[i].line) > state.end);
  if (last - first > CALLS_MOST) return;
  for (const call of run.calls.slice(first, last)) {
    const client = view.places.get(clientLane(call.client)), node = view.places.get(nodeLane(call.node));
    if (!client || !node) continue;
    const x = view.x(atLine(call.line));
    const [from, to] = call.what === "answered" ? [node.middle, client.middle] : [client.middle, node.middle];
    c.strokeStyle = c.fillStyle = call.what === "lost" ? ink.bad : ink.unsure;
    c.globalAlpha = state.selected === call.line ? 1 : 0.65;
    c.lineWidth = state.selected === call.line ? 3 : 1;
    c.setLineDash([2, 2]);
    c.beginPath();
    c.moveTo(x, from);
    c.lineTo(x, to);
    c.stroke();
    c.setLineDash([]);
    if (call.what === "lost") cross(c, x, (from + to) / 2, 3.5); else head(c, x, from, x, to);
    c.globalAlpha = 1;
    hit(call.line, run.lines[call.line][TEXT], { x1: x, y1: from, x2: x, y2: to });
  }
}

// Everything else is a mark at its instant. Of equal marks on one pixel one is drawn.
function drawMarks(c) {
  const first = firstAt(marks.length, (i) => atLine(marks[i]) >= state.start);
  const last = firstAt(marks.length, (i) => atLine(marks[i]) > state.end);
  const drawn = new Set();
  const crowded = last - first > 1000;
  for (let i = first; i < last; i++) {
    const index = marks[i], line = run.lines[index], kind = line[KIND];
    if (!shows(kind)) continue;
    const place = line[NODE] === null ? { middle: AXIS + NETWORK - 9, height: 0 } : view.places.get(nodeLane(line[NODE]));
    if (!place) continue;
    const x = view.x(line[AT]);
    const pixel = `${kind} ${line[NODE]} ${Math.round(x)}`;
    if (drawn.has(pixel)) continue;
    drawn.add(pixel);
    drawMark(c, kind, x, place, crowded);
    hit(index, line[TEXT], { x1: x, y1: place.middle + markOffset(kind, place), x2: x, y2: place.middle + markOffset(kind, place) });
  }
}

function markOffset(kind, place) {
  return { role: 0, timer: -0.32, log: 0.34, disk: 0.44, fault: 0, repair: -0.4 }[kind] * place.height;
}

function drawMark(c, kind, x, place, crowded) {
  const y = place.middle + markOffset(kind, place);
  c.lineWidth = 1.5;
  if (crowded && (kind === "timer" || kind === "log")) {
    c.fillStyle = kind === "timer" ? ink.vote : ink.accent;
    c.fillRect(x - 0.5, y - 2, 1, 4);
    return;
  }
  switch (kind) {
    case "role":
      c.fillStyle = ink.ink;
      c.fillRect(x - 0.75, place.middle - place.height * 0.36, 1.5, place.height * 0.72);
      break;
    case "timer":
      c.strokeStyle = ink.vote;
      c.beginPath();
      c.arc(x, y, 3, 0, 2 * Math.PI);
      c.stroke();
      break;
    case "log":
      c.fillStyle = ink.accent;
      c.beginPath();
      c.moveTo(x, y - 3);
      c.lineTo(x + 3, y + 3);
      c.lineTo(x - 3, y + 3);
      c.fill();
      break;
    case "disk":
      c.fillStyle = ink.reply;
      c.fillRect(x - 1, y - 1, 2, 3);
      break;
    case "repair":
      c.fillStyle = ink.good;
      c.fillRect(x - 1, y - 4, 2, 8);
      c.fillRect(x - 4, y - 1, 8, 2);
      break;
    default:
      c.strokeStyle = ink.bad;
      cross(c, x, y, 4);
  }
}

function drawCursor(c, bottom) {
  const upright = (at, colour, dash) => {
    const x = Math.round(view.x(at)) + 0.5;
    c.strokeStyle = colour;
    c.lineWidth = 1.5;
    c.setLineDash(dash);
    c.beginPath();
    c.moveTo(x, AXIS - 6);
    c.lineTo(x, bottom);
    c.stroke();
    c.setLineDash([]);
    return x;
  };
  if (run.focus !== null) {
    const x = upright(atLine(run.focus), ink.bad, []);
    const words = run.headline.split(" ", 2).join(" ").replace(/:$/, "");
    const word = run.verdict === "ok" ? "violated, as demanded" : words;
    const wide = c.measureText(word).width + 10;
    const left = Math.min(x, view.width - wide);
    c.fillStyle = ink.bad;
    c.fillRect(left, 1, wide, AXIS - 5);
    c.fillStyle = ink.ground;
    c.fillText(word, left + 5, AXIS / 2 - 1);
  }
  if (state.selected !== null) upright(atLine(state.selected), ink.accent, [5, 3]);
}

// The names of the lanes, and what each node was at the selected instant.
function drawGutter(c, height) {
  c.fillStyle = ink.panel;
  c.globalAlpha = 0.9;
  c.fillRect(0, 0, GUTTER, height);
  c.globalAlpha = 1;
  c.strokeStyle = ink.line;
  c.beginPath();
  c.moveTo(GUTTER - 0.5, 0);
  c.lineTo(GUTTER - 0.5, height);
  c.stroke();
  const now = state.selected === null ? state.end : atLine(state.selected);
  c.fillStyle = ink.faint;
  c.fillText("at " + clock(now, 1000), 8, AXIS / 2);
  c.fillText("network", 8, AXIS + NETWORK / 2);
  for (const [lane, place] of view.places) {
    c.font = "600 12px system-ui, sans-serif";
    c.fillStyle = ink.ink;
    c.fillText(laneNames[lane], 8, place.middle);
    c.font = "11px system-ui, sans-serif";
    if (lane >= run.nodes) continue;
    const [role, commit] = stateOf(lane + 1, now);
    c.fillStyle = ink.faint;
    if (place.height >= 28) {
      c.fillText(role, 34, place.middle - 7);
      c.fillText(commit, 34, place.middle + 7);
    } else {
      c.fillText(role, 34, place.middle);
    }
  }
}

const perNode = (things, at) => {
  const nodes = Array.from({ length: run.nodes + 1 }, () => []);
  for (const thing of things) nodes[thing.node].push(thing);
  return (node, now) => {
    const own = nodes[node];
    // What a selected line brings about counts: the latest that began at or before it.
    return own[firstAt(own.length, (i) => at(own[i]) > now || (state.selected !== null && own[i].line > state.selected)) - 1];
  };
};
const bandOf = perNode(run.bands, (band) => band.from);
const commitOf = perNode(run.commits, (commit) => commit.at);
const absenceOf = perNode(run.absences, (absence) => absence.from);

function stateOf(node, now) {
  const absence = absenceOf(node, now), band = bandOf(node, now), commit = commitOf(node, now);
  // An absence that lasts to the end has no instant of return.
  const away = absence !== undefined && (now < absence.until || absence.until === run.end);
  if (away && !absence.paused) return ["down", ""];
  if (band === undefined) return ["", ""];
  return [`${away ? "paused " : ""}${band.role} @${band.term}`, commit === undefined ? "" : `commit ${commit.index}`];
}

// The whole run in a strip, with what the picture shows of it.
function drawOverview() {
  const { context: c, width, height } = size(overview);
  const x = (at) => (at / Math.max(run.end, 1)) * width;
  const tall = (height - 8) / run.nodes;
  for (const band of run.bands) {
    const lead = band.role === "leader";
    c.fillStyle = termColour(band.term, band.role);
    const h = lead ? tall * 0.9 : tall * 0.3;
    c.fillRect(x(band.from), 4 + tall * (band.node - 0.5) - h / 2, Math.max(0.5, x(band.until) - x(band.from)), h);
  }
  for (const absence of run.absences) {
    c.fillStyle = absence.paused ? ink.unsure : ink.bad;
    c.fillRect(x(absence.from), 4 + tall * (absence.node - 0.5) - 1, Math.max(1, x(absence.until) - x(absence.from)), 2);
  }
  c.fillStyle = ink.wall;
  for (const wall of run.walls) c.fillRect(x(wall.from), 0, Math.max(1, x(wall.until) - x(wall.from)), height);
  if (run.focus !== null) {
    c.fillStyle = ink.bad;
    c.fillRect(x(atLine(run.focus)) - 1, 0, 2, height);
  }
  const left = x(state.start), wide = Math.max(3, x(state.end) - left);
  c.fillStyle = ink.accent;
  c.globalAlpha = 0.14;
  c.fillRect(left, 0, wide, height);
  c.globalAlpha = 1;
  c.strokeStyle = ink.accent;
  c.lineWidth = 1.5;
  c.strokeRect(left + 0.75, 0.75, wide - 1.5, height - 1.5);
}

