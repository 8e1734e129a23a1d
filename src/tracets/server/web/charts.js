// Small multiples of a window, two windows over one another, a fan, the map: by plotly.js, in the colours of the page.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const QUIET = { displayModeBar: false, responsive: true };
const ROW = 140;
// Okabe and Ito's colours, told apart by the colour-blind too; past them the sign changes.
const HUES = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a900", "#8a8f98"];
const SIGNS = ["circle", "diamond", "square", "triangle-up", "cross"];

let loaded = null;

// plotly.js is large: it comes when something is to be drawn, or nothing else is to be done, so that hits do not wait for it.
export function plotly() {
  loaded ??= new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { src: "static/plotly.min.js" });
    script.addEventListener("load", () => done(window.Plotly));
    script.addEventListener("error", () => { loaded = null; failed(new Error("The drawing library did not load. Reload the page.")); });
    document.head.append(script);
  });
  return loaded;
}

async function plot(element, traces, drawn) {
  const { newPlot, react } = await plotly();
  if (element.data) return react(element, traces, drawn, QUIET);
  element.replaceChildren();
  return newPlot(element, traces, drawn, QUIET);
}

const STEPS = { h: 3600, H: 3600, min: 60, T: 60, D: 86400, W: 604800, s: 1 };

// Times of the steps in the zone of the window, or numbers where its step is not a fixed one.
function places(item, n) {
  const found = /^(\d*)([A-Za-z]+)(-[A-Z]+)?$/.exec(item.freq ?? "");
  const step = found && STEPS[found[2]] * Number(found[1] || 1);
  if (!item.start || !step) return [...Array(n).keys()];
  const begin = Date.parse(`${item.start.slice(0, 19)}Z`);
  return [...Array(n).keys()].map((i) => new Date(begin + i * step * 1000).toISOString().slice(0, 19));
}

function layout(n, columns, height) {
  return {
    grid: { rows: Math.ceil(n / columns), columns, pattern: "independent", ygap: 0.42, xgap: 0.17 },
    height, showlegend: false, margin: { l: 38, r: 8, t: 24, b: 34 },
    font: { size: 11, color: colour("--ink"), family: "system-ui, sans-serif" },
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", hovermode: "x",
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", annotations: [], shapes: [],
  };
}

const columnsOf = (element) => Math.max(1, Math.min(4, Math.floor(element.clientWidth / 200)));

// `marks` are stretches of channels: {channel, first, last, sign}, the last step included; x has a place for every step.
function panels(element, names, units, tracesOf, { best = "", marks = [], x = [] } = {}) {
  const columns = Math.min(columnsOf(element), names.length);
  const rows = Math.ceil(names.length / columns);
  const drawn = layout(names.length, columns, rows * ROW + 40);
  const traces = [];
  names.forEach((name, c) => {
    const axis = c ? String(c + 1) : "";
    for (const trace of tracesOf(name, c)) traces.push({ ...trace, xaxis: `x${axis}`, yaxis: `y${axis}` });
    drawn[`yaxis${axis}`] = { gridcolor: colour("--line"), zeroline: false, nticks: 4 };
    drawn[`xaxis${axis}`] = { gridcolor: colour("--line"), zeroline: false, nticks: columns > 2 ? 4 : 6, tickangle: 0 };
    const unit = units[c] ? `, ${safe(units[c])}` : "";
    drawn.annotations.push({
      text: name === best ? `<b>★ ${safe(name)}${unit}</b>` : `${safe(name)}${unit}`, showarrow: false,
      xref: `x${axis} domain`, yref: `y${axis} domain`, x: 0, y: 1.02, xanchor: "left", yanchor: "bottom",
      font: { size: 12 },
    });
    const own = marks.filter((mark) => mark.channel === name && mark.last < x.length);
    own.forEach((mark) => drawMark(drawn, axis, mark, x));
    if (own.length) drawn[`yaxis${axis}`].range = withRoom(traces.at(-1).y);
  });
  return plot(element, traces, drawn);
}

// The range of some values with room above for the signs of marks.
function withRoom(values) {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const spread = high - low || Math.abs(high) || 1;
  return [low - 0.06 * spread, high + 0.28 * spread];
}

function drawMark(drawn, axis, { first, last, sign }, x) {
  const shared = { xref: `x${axis}`, yref: `y${axis} domain`, y0: 0, y1: 1, layer: "below" };
  const [x0, x1] = [x[first], x[last]];
  drawn.shapes.push({ ...shared, type: "rect", x0, x1, fillcolor: colour("--span"), opacity: 0.28, line: { width: 0 } });
  if (first === last) drawn.shapes.push({ ...shared, type: "line", x0, x1, line: { color: colour("--span"), width: 2 } });
  drawn.annotations.push({
    text: `<b>${sign}</b>`, showarrow: false, xref: `x${axis}`, yref: `y${axis} domain`, x: x0, y: 1, xanchor: "left",
    yanchor: "top", font: { size: 11, color: "#1c1200" }, bgcolor: colour("--span"), borderpad: 1,
  });
}

// plotly reads a little markup in texts: what comes from data must not be taken for it.
const safe = (text) => text.replace(/[<>&]/g, (sign) => ({ "<": "‹", ">": "›", "&": "＆" })[sign]);

const line = (colourName, width = 1.4) => ({ width, color: colour(colourName) });

export function drawWindow(element, item, { best = "", marks = [] } = {}) {
  const x = places(item, item.values[0].length);
  const told = new Set([best, ...marks.map((mark) => mark.channel)]);
  return panels(element, item.channel_names, item.units, (name, c) => [
    { x, y: item.values[c], mode: "lines", line: line(told.has(name) ? "--strong" : "--other"), hoverinfo: "x+y" },
  ], { best, marks, x });
}

export function drawTwo(element, one, other) {
  const names = one.channel_names.filter((name) => other.channel_names.includes(name));
  const units = names.map((name) => one.units[one.channel_names.indexOf(name)]);
  return panels(element, names, units, (name) => [one, other].map((item, i) => ({
    y: item.values[item.channel_names.indexOf(name)], mode: "lines", name: safe(item.id),
    line: line(i ? "--accent" : "--strong"),
  })));
}

const FEWEST = 4; // windows of which quantiles say something; of fewer each is drawn

// The end of a window and what came after windows like it: 10 to 90 %, 25 to 75 % and the middle of them, at each step.
export function drawNext(element, item, following) {
  const n = item.values[0].length;
  const steps = following[0]?.values[0].length ?? 0;
  const begin = Math.max(0, n - 3 * steps);
  const x = places(item, n + steps);
  const after = x.slice(n);
  return panels(element, item.channel_names, item.units, (name, c) => {
    const past = { x: x.slice(begin, n), y: item.values[c].slice(begin), mode: "lines", line: line("--other"), name: "it" };
    const rows = following.map((one) => one.values[c]);
    const seen = rows.filter((row) => row.some((value) => value !== null));
    if (seen.length < FEWEST) {
      return [past, ...seen.map((y) => ({ x: after, y, mode: "lines", line: line("--accent", 1), name: "after one like it" }))];
    }
    const at = (share) => after.map((_, i) => quantile(seen.map((row) => row[i]).filter((value) => value !== null), share));
    const edge = { x: after, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
    const band = (low, high, opacity) => [
      { ...edge, y: at(low) },
      { ...edge, y: at(high), fill: "tonexty", fillcolor: faded("--accent", opacity) },
    ];
    return [past, ...band(0.1, 0.9, 0.18), ...band(0.25, 0.75, 0.32),
      { x: after, y: at(0.5), mode: "lines", line: line("--accent", 2), name: "middle" }];
  });
}

// A colour of the page, #rrggbb, let through: plotly knows no newer way to say that.
function faded(name, opacity) {
  const [red, green, blue] = colour(name).match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  return `rgba(${red},${green},${blue},${opacity})`;
}

function quantile(values, share) {
  if (!values.length) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  return sorted[below] + (at - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

// A point a window, by label; `hits` get a ring.
export function drawMap(element, points, hits, choose) {
  const labels = [...new Set(points.map((point) => point.label ?? "no label"))].sort();
  const traces = labels.map((label, i) => {
    const some = points.filter((point) => (point.label ?? "no label") === label);
    return {
      x: some.map((p) => p.x), y: some.map((p) => p.y), text: some.map((p) => safe(p.id)), customdata: some.map((p) => p.id),
      mode: "markers", type: "scatter", name: `${safe(label)} (${some.length})`,
      marker: { size: 9, opacity: 0.85, color: HUES[i % HUES.length], symbol: SIGNS[Math.floor(i / HUES.length) % SIGNS.length],
        line: { width: 0.5, color: colour("--card") } },
      hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
    };
  });
  const found = points.filter((point) => hits.includes(point.id));
  traces.push({
    x: found.map((p) => p.x), y: found.map((p) => p.y), mode: "markers", hoverinfo: "skip", name: "hits",
    marker: { size: 16, symbol: "circle-open", color: colour("--ink"), line: { width: 2 } }, showlegend: found.length > 0,
  });
  const axis = { showticklabels: false, gridcolor: colour("--line"), zeroline: false };
  const wide = element.clientWidth > 600;
  const drawn = {
    ...layout(1, 1, wide ? 460 : 520), showlegend: labels.length > 1 || found.length > 0, xaxis: axis, yaxis: axis,
    hovermode: "closest", margin: { l: 8, r: 8, t: 8, b: 8 },
    legend: wide ? { x: 1, xanchor: "left" } : { orientation: "h", y: -0.02, yanchor: "top" },
  };
  delete drawn.grid;
  return plot(element, traces, drawn).then(() => {
    element.on("plotly_click", (event) => event.points[0].customdata && choose(event.points[0].customdata));
  });
}
