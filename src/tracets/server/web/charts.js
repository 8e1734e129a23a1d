// Small multiples of a window, two windows over one another, the map: by plotly.js, in the colours of the page.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const QUIET = { displayModeBar: false, responsive: true };
const ROW = 130;

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
  const text = colour("--ink");
  return {
    grid: { rows: Math.ceil(n / columns), columns, pattern: "independent", ygap: 0.45, xgap: 0.12 },
    height, showlegend: false, margin: { l: 42, r: 8, t: 24, b: 30 }, font: { size: 11, color: text },
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", annotations: [], shapes: [],
  };
}

const columnsOf = (element) => Math.max(1, Math.min(4, Math.floor(element.clientWidth / 240)));

function panels(element, names, units, tracesOf, best = "") {
  const columns = Math.min(columnsOf(element), names.length);
  const rows = Math.ceil(names.length / columns);
  const drawn = layout(names.length, columns, rows * ROW + 40);
  const traces = [];
  names.forEach((name, c) => {
    const axis = c ? String(c + 1) : "";
    for (const trace of tracesOf(name, c)) traces.push({ ...trace, xaxis: `x${axis}`, yaxis: `y${axis}` });
    drawn[`yaxis${axis}`] = { gridcolor: colour("--line"), zeroline: false, title: { text: units[c] ?? "", standoff: 2 } };
    drawn[`xaxis${axis}`] = { gridcolor: colour("--line"), nticks: 4 };
    drawn.annotations.push({
      text: name === best ? `<b>★ ${safe(name)}</b>` : safe(name), showarrow: false, xref: `x${axis} domain`,
      yref: `y${axis} domain`, x: 0, y: 1.02, xanchor: "left", yanchor: "bottom", font: { size: 12 },
    });
  });
  return Plotly.react(element, traces, drawn, QUIET);
}

// plotly reads a little markup in texts: what comes from data must not be taken for it.
const safe = (text) => text.replace(/[<>&]/g, (sign) => ({ "<": "‹", ">": "›", "&": "＆" })[sign]);

export function drawWindow(element, item, best) {
  const x = places(item, item.values[0].length);
  return panels(element, item.channel_names, item.units, (name, c) => [
    { x, y: item.values[c], mode: "lines", line: { width: 1.4, color: colour(name === best ? "--strong" : "--other") } },
  ], best);
}

export function drawTwo(element, one, other) {
  const names = one.channel_names.filter((name) => other.channel_names.includes(name));
  const units = names.map((name) => one.units[one.channel_names.indexOf(name)]);
  return panels(element, names, units, (name) => [one, other].map((item, i) => ({
    y: item.values[item.channel_names.indexOf(name)], mode: "lines", name: safe(item.id),
    line: { width: 1.4, color: colour(i ? "--accent" : "--strong") },
  })));
}

export function drawNext(element, item, following) {
  const n = item.values[0].length;
  return panels(element, item.channel_names, item.units, (name, c) => [
    { x: [...Array(n).keys()], y: item.values[c], mode: "lines", line: { width: 1.4, color: colour("--other") } },
    ...following.map((one) => ({
      x: one.values[c].map((_, i) => n + i), y: one.values[c], mode: "lines", name: safe(one.id), opacity: 0.5,
      line: { width: 1, color: colour("--accent") },
    })),
  ]);
}

export function drawMap(element, points, choose) {
  const labels = [...new Set(points.map((point) => point.label ?? "no label"))].sort();
  const traces = labels.map((label) => {
    const some = points.filter((point) => (point.label ?? "no label") === label);
    return {
      x: some.map((p) => p.x), y: some.map((p) => p.y), text: some.map((p) => safe(p.id)), customdata: some.map((p) => p.id),
      mode: "markers", type: "scatter", name: safe(label), marker: { size: 6, opacity: 0.75 },
      hovertemplate: "%{text}<extra>%{fullData.name}</extra>",
    };
  });
  const axis = { showticklabels: false, gridcolor: colour("--line"), zeroline: false };
  const drawn = { ...layout(1, 1, 420), showlegend: labels.length > 1, xaxis: axis, yaxis: axis };
  delete drawn.grid;
  return Plotly.react(element, traces, drawn, QUIET).then(() => {
    element.removeAllListeners?.("plotly_click");
    element.on("plotly_click", (event) => choose(event.points[0].customdata));
  });
}
