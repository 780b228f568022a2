// The list of the trace, moving about, pointer and keys, and how it all begins.

// ---- The list: only the rows in sight exist -----------------------------------------------------------------

function drawRows() {
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
  const last = Math.min(state.shown.length, first + Math.ceil(list.clientHeight / ROW) + 10);
  const fresh = [];
  for (let position = first; position < last; position++) {
    const index = state.shown[position], line = run.lines[index];
    const row = document.createElement("div");
    row.className = "row " + line[KIND] + (index === run.focus ? " focus" : "");
    row.style.top = position * ROW + "px";
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === state.selected));
    row.dataset.line = index;
    row.id = "line-" + index;
    const time = document.createElement("time");
    time.textContent = (line[AT] / 1e9).toFixed(6).padStart(10) + " " + String(line[STEP]).padStart(6);
    row.append(time, line[TEXT]);
    fresh.push(row);
  }
  if (state.shown.length === 0) {
    const none = document.createElement("div");
    none.className = "empty";
    none.textContent = "Nothing matches the filters and the search.";
    fresh.push(none);
  }
  rows.replaceChildren(...fresh);
}

// ---- Moving -------------------------------------------------------------------------------------------------

function look(start, end) {
  const least = 2000, whole = Math.max(run.end, 1) * 1.04 + least;
  const length = Math.min(Math.max(end - start, least), whole);
  const middle = (start + end) / 2;
  const low = -whole * 0.02, high = whole - length + low;
  state.start = Math.min(Math.max(middle - length / 2, low), Math.max(high, low));
  state.end = state.start + length;
  redraw();
}

function zoom(factor, at = (state.start + state.end) / 2) {
  look(at - (at - state.start) * factor, at + (state.end - at) * factor);
}

function pan(share) {
  const by = (state.end - state.start) * share;
  look(state.start + by, state.end + by);
}

// The trace and the picture go to a line; the picture keeps its zoom.
function select(index) {
  state.selected = index;
  list.setAttribute("aria-activedescendant", index === null ? "" : "line-" + index);
  if (index !== null) {
    const at = atLine(index), length = state.end - state.start;
    if (at < state.start + length * 0.03 || at > state.end - length * 0.03) look(at - length * 0.6, at + length * 0.4);
    const position = firstAt(state.shown.length, (i) => state.shown[i] >= index);
    const top = position * ROW;
    if (top < list.scrollTop + ROW || top > list.scrollTop + list.clientHeight - 2 * ROW) {
      list.scrollTop = top - list.clientHeight / 2;
    }
    const line = run.lines[index];
    byId("detail").textContent = `line ${index + 1} of ${run.lines.length} · ${clock(line[AT], 1)} · step ${line[STEP]} · ${line[TEXT]}`;
  } else {
    byId("detail").textContent = "";
  }
  drawRows();
  redraw();
}

function step(by) {
  if (state.shown.length === 0) return;
  const from = state.selected === null ? (by > 0 ? -1 : state.shown.length) :
    firstAt(state.shown.length, (i) => state.shown[i] >= state.selected);
  // A selected line that the filters hide lies just before the one that was found.
  const exact = state.shown[from] === state.selected || state.selected === null;
  const to = from + (by > 0 && !exact ? by - 1 : by);
  select(state.shown[Math.min(Math.max(to, 0), state.shown.length - 1)]);
}

// The last lines before the failure, wide enough to see what led to it.
function toFocus() {
  if (run.focus === null) return;
  const at = atLine(run.focus);
  const before = atLine(Math.max(0, run.focus - 160));
  const length = Math.max(at - before, 1e6);
  look(at - length, at + length * 0.12);
  select(run.focus);
}

// Without a failure: the first election.
function toBeginning() {
  const leader = run.bands.find((band) => band.role === "leader");
  if (!leader) return look(0, run.end);
  const length = Math.min(run.end, 400e6);
  look(leader.from - length * 0.5, leader.from + length * 0.5);
  select(leader.line);
}

// ---- Pointer and keys ---------------------------------------------------------------------------------------

// The nearest thing under the pointer: points and arrows before areas.
function under(x, y) {
  let best = null, least = 6;
  for (const shape of state.hits) {
    if (shape.w === undefined) {
      const distance = toSegment(x, y, shape);
      if (distance < least) [best, least] = [shape, distance];
    }
  }
  if (best) return best;
  for (let i = state.hits.length - 1; i >= 0; i--) {
    const s = state.hits[i];
    if (s.w !== undefined && x >= s.x - 1 && x <= s.x + s.w + 1 && y >= s.y - 2 && y <= s.y + s.h + 2) return s;
  }
  return null;
}

function toSegment(x, y, { x1, y1, x2, y2 }) {
  const dx = x2 - x1, dy = y2 - y1, length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length));
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}

let drag = null;
canvas.addEventListener("pointerdown", (event) => {
  drag = { x: event.offsetX, start: state.start, end: state.end, moved: false };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (drag) {
    const by = ((drag.x - event.offsetX) / Math.max(1, view.width - GUTTER)) * (drag.end - drag.start);
    if (Math.abs(event.offsetX - drag.x) > 3) drag.moved = true;
    canvas.classList.toggle("dragging", drag.moved);
    if (drag.moved) look(drag.start + by, drag.end + by);
    hideTip();
    return;
  }
  const shape = event.offsetX < GUTTER ? null : under(event.offsetX, event.offsetY);
  canvas.classList.toggle("pointing", shape !== null);
  if (shape) showTip(shape.text, event.offsetX, event.offsetY); else hideTip();
});
canvas.addEventListener("pointerup", (event) => {
  const clicked = drag && !drag.moved && event.offsetX >= GUTTER ? under(event.offsetX, event.offsetY) : null;
  drag = null;
  canvas.classList.remove("dragging");
  if (clicked) select(clicked.line);
});
canvas.addEventListener("pointercancel", () => { drag = null; });
canvas.addEventListener("pointerleave", hideTip);
canvas.addEventListener("dblclick", (event) => zoom(0.4, timeAt(event.offsetX)));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX + event.deltaY) / 1500);
  else zoom(1.0015 ** event.deltaY, timeAt(event.offsetX));
}, { passive: false });

function showTip(text, x, y) {
  const tip = byId("tip");
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.max(0, Math.min(x + 14, canvas.clientWidth - tip.offsetWidth - 6)) + "px";
  tip.style.top = Math.max(0, Math.min(y + 16, canvas.clientHeight - tip.offsetHeight - 6)) + "px";
}

function hideTip() {
  byId("tip").style.display = "none";
}

let dragsOverview = false;
const overviewTo = (event) => {
  const at = (event.offsetX / Math.max(1, overview.clientWidth)) * run.end, half = (state.end - state.start) / 2;
  look(at - half, at + half);
};
overview.addEventListener("pointerdown", (event) => {
  dragsOverview = true;
  overview.setPointerCapture(event.pointerId);
  overviewTo(event);
});
overview.addEventListener("pointermove", (event) => { if (dragsOverview) overviewTo(event); });
overview.addEventListener("pointerup", () => { dragsOverview = false; });
overview.addEventListener("pointercancel", () => { dragsOverview = false; });

list.addEventListener("scroll", drawRows);
list.addEventListener("click", (event) => {
  const row = event.target.closest(".row");
  if (row) select(Number(row.dataset.line));
});

const search = byId("search");
search.addEventListener("input", () => {
  state.search = search.value;
  refilter();
  list.scrollTop = 0;
});

const keys = {
  ArrowDown: () => step(1), j: () => step(1),
  ArrowUp: () => step(-1), k: () => step(-1),
  PageDown: () => step(20), PageUp: () => step(-20),
  Home: () => step(-run.lines.length), End: () => step(run.lines.length),
  ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2),
  "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6),
  "0": () => look(0, run.end), v: toFocus, d: turnTheme,
  m: () => { if (otherEnd.has(state.selected)) select(otherEnd.get(state.selected)); },
  "/": () => search.focus(),
  Escape: () => select(null),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === search) {
    if (event.key === "Escape" || event.key === "Enter") {
      if (event.key === "Escape") search.value = state.search = "";
      refilter();
      list.focus();
      event.preventDefault();
    }
    return;
  }
  const kind = KINDS[Number(event.key) - 1];
  if (kind) byId("kinds").children[Number(event.key) - 1].click();
  else if (Object.hasOwn(keys, event.key)) keys[event.key]();
  else return;
  event.preventDefault();
});

// ---- Setting up ---------------------------------------------------------------------------------------------

function chip(parent, word, title, set, member) {
  const button = document.createElement("button");
  button.textContent = word;
  button.title = title;
  button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => {
    if (!set.delete(member)) set.add(member);
    button.setAttribute("aria-pressed", String(set.has(member)));
    refilter();
  });
  parent.append(button);
}

function turnTheme() {
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  readColours();
  redraw();
}

document.title = `${run.scenario} · seed ${run.seed}`;
byId("name").textContent = run.scenario;
byId("identity").textContent = `seed ${run.seed} · fingerprint ${run.fingerprint} · seaworthy ${run.version}`;
byId("claim").textContent = run.claim;
byId("verdict").textContent = run.headline;
byId("verdict").className = run.verdict;
KINDS.forEach((kind, index) => chip(byId("kinds"), KIND_WORDS[index], `Show or hide (${index + 1})`, state.kinds, kind));
laneNames.forEach((name, lane) => chip(byId("lanes"), name, "Show or hide this lane", state.lanes, lane));
byId("to-focus").disabled = run.focus === null;
byId("to-focus").addEventListener("click", toFocus);
byId("to-all").addEventListener("click", () => look(0, run.end));
byId("in").addEventListener("click", () => zoom(0.6));
byId("out").addEventListener("click", () => zoom(1 / 0.6));
byId("theme").addEventListener("click", turnTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); redraw(); });
new ResizeObserver(() => { drawRows(); redraw(); }).observe(canvas);
new ResizeObserver(drawRows).observe(list);
readColours();
refilter();
if (run.focus === null) toBeginning(); else toFocus();
