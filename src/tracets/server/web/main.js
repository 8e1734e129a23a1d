// The page: a question goes to the service, hits come back. What is shown can be linked to.

import * as api from "./api.js";
import { drawMap, drawTwo, plotly } from "./charts.js";
import { Drawing } from "./drawing.js";
import { drawAgain, itemOf, showHits } from "./hits.js";
import { listenToKeys } from "./keys.js";
import * as asked from "./state.js";

const byId = (id) => document.getElementById(id);
const made = (tag, given = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
};
const form = byId("query");
const drawing = new Drawing(byId("canvas"));
const compared = [];
let series = null;
let zoned = false;
let turn = 0;
let points = null;

function say(text, wrong = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("wrong", wrong);
}

function busy(is) {
  document.body.classList.toggle("busy", is);
  byId("results").setAttribute("aria-busy", String(is));
}

function setSeries(found) {
  series = found;
  byId("clear-series").hidden = !found;
  byId("choose").hidden = Boolean(found);
  byId("series-said").textContent = found
    ? `Searching by ${found.id}: ${found.channel_names.join(", ")}, ${found.values[0].length} steps.`
    : "or drop one here, to search by a series.";
}

async function search(remember = true) {
  const state = asked.fromForm(form);
  byId("clear-filters").hidden = !asked.hasFilter(state);
  turn += 1;
  const mine = turn;
  const given = await drawnSeries(state) ?? series;
  if (mine !== turn) return;
  if (remember) asked.toAddress(state);
  byId("examples").hidden = !asked.isEmpty(state, given);
  if (asked.isEmpty(state, given)) {
    say("Ask in words, choose a CSV, or name a stored window.");
    byId("results").replaceChildren();
    return;
  }
  if (state.from && state.to && state.from > state.to) {
    say(`From ${state.from} is after To ${state.to}: no window is in between. Swap them.`, true);
    byId("results").replaceChildren();
    return;
  }
  say("Searching …");
  busy(true);
  try {
    const began = performance.now();
    const { hits } = await (state.find ? api.spans : api.search)(asked.toRequest(state, given, zoned));
    if (mine !== turn) return;
    byId("opened").replaceChildren();
    showHits(byId("results"), hits, asked.questionOf(state), act);
    say(told(hits.length, state, Math.round(performance.now() - began)));
    if (!byId("map").hidden) showMap();
  } catch (error) {
    if (mine !== turn) return;
    byId("results").replaceChildren();
    say(error.message, true);
  } finally {
    if (mine === turn) busy(false);
  }
}

function told(n, state, milliseconds) {
  if (!n) return asked.hasFilter(state) ? "No window passes the filter. Loosen it, or clear it." : "The index has no window to show.";
  const few = n < Number(state.k) ? " That is all that the filter leaves." : "";
  return `${n} hit${n === 1 ? "" : "s"} in ${milliseconds} ms.${few}`;
}

// The drawn curve on the scale and length that the channel has in a window of the index.
async function drawnSeries(state) {
  if (byId("drawing").hidden || !state.channel || drawing.empty) return null;
  const { hits } = await api.search({ channels: { [state.channel]: state.channel }, k: 1 }).catch(() => ({ hits: [] }));
  if (!hits.length) return null;
  const item = await itemOf(hits[0].id);
  const c = item.channel_names.indexOf(state.channel);
  const known = item.values[c].filter((value) => value !== null);
  const shape = drawing.values(item.values[c].length);
  if (!shape || !known.length) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const values = [shape.map((y) => (y === null ? null : low + y * (high - low)))];
  return { id: "drawing", values, channel_names: [state.channel], units: [item.units[c]], freq: item.freq };
}

async function act(what, hit, button) {
  if (what === "like") {
    form.elements.like.value = hit.id;
    form.elements.text.value = "";
    form.elements["channel-text"].value = "";
    await search();
    byId("results").focus();
  }
  if (what === "filter") {
    const { where } = form.elements;
    where.value = where.value.trim() ? `(${where.value.trim()}) and ${button.dataset.where}` : button.dataset.where;
    await search();
  }
  if (what === "compare") {
    const at = compared.indexOf(hit.id);
    if (at >= 0) compared.splice(at, 1);
    else compared.push(hit.id);
    if (compared.length > 2) compared.shift();
    await compare();
  }
}

async function compare() {
  for (const button of document.querySelectorAll("[data-do=compare]")) {
    button.setAttribute("aria-pressed", String(compared.includes(button.closest(".hit").dataset.id)));
  }
  const place = byId("comparison");
  place.hidden = compared.length < 2;
  if (compared.length === 1) say(`Choose another window to lay over ${compared[0]}.`);
  if (place.hidden) return;
  try {
    const [one, other] = await Promise.all(compared.map(itemOf));
    const name = (item, which) => made("span", { className: which }, made("span", { className: "swatch" }), item.id);
    const close = made("button", { type: "button", textContent: "Close", onclick: () => { compared.length = 0; compare(); } });
    const plot = made("div", { className: "plot" });
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `The channels that ${one.id} and ${other.id} share, by steps from their beginning`);
    place.replaceChildren(made("h2", { className: "head" }, name(one, "one"), name(other, "two"), close), plot);
    await drawTwo(plot, one, other);
    place.scrollIntoView({ block: "nearest" });
  } catch (error) {
    say(error.message, true);
  }
}

async function readFile(file) {
  try {
    say(`Reading ${file.name} …`);
    const found = await api.read(await file.text());
    setSeries({ ...found.series[0], id: file.name.slice(0, 200) });
    await search();
  } catch (error) {
    say(error.message, true);
  }
  byId("file").value = "";
}

const allPoints = () => (points ??= api.map().then((found) => found.points).catch((error) => { points = null; throw error; }));

async function toggleMap() {
  const [button, place] = [byId("show-map"), byId("map")];
  place.hidden = !place.hidden;
  button.setAttribute("aria-expanded", String(!place.hidden));
  if (!place.hidden) await showMap();
}

async function showMap() {
  const place = byId("map");
  if (!place.childElementCount) place.textContent = "Laying out the windows …";
  try {
    const found = await allPoints();
    const shown = [...document.querySelectorAll("#results .hit")].map((card) => card.dataset.id);
    const plot = made("div");
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${found.length} windows as points, near where they are alike, coloured by label. Any of them can be named in "Like a stored window".`);
    const said = made("p", { className: "quiet", textContent: "Near where they are alike. Choose a point to open its window; the hits have a ring." });
    place.replaceChildren(said, plot);
    await drawMap(plot, found, shown, open);
  } catch (error) {
    place.textContent = error.message;
  }
}

// A stored window as a card of its own, above the hits.
async function open(id) {
  try {
    const item = await itemOf(id);
    const { start, text, label, metadata } = item;
    showHits(byId("opened"), [{ rank: null, id, score: null, start, end: null, channels: {}, text, label, metadata }], "", act);
    byId("opened").firstElementChild.focus();
  } catch (error) {
    say(error.message, true);
  }
}

async function fillStored() {
  if (byId("stored").childElementCount) return;
  const found = await allPoints().catch(() => []);
  byId("stored").replaceChildren(...found.map((point) => new Option(point.label ?? "", point.id)));
}

async function share() {
  const kept = series || (!byId("drawing").hidden && !drawing.empty) ? " It holds the words and filters, not the series." : "";
  try {
    await navigator.clipboard.writeText(location.href);
    say(`The link to this view is copied.${kept}`);
  } catch {
    say(`The address of this page is the link: ${location.href}${kept}`);
  }
}

// What only some services and indexes have: places in long series, and ranking by words.
async function showAbilities(columns) {
  const able = await api.abilities().catch(() => ({}));
  byId("find-label").hidden = !(able.spans && columns.includes("first_step"));
  byId("hybrid-label").hidden = !able.hybrid;
}

function showExamples(channels) {
  const [first, second = first, third = second] = channels;
  const questions = [`${first} rises steadily`, `a sudden drop in ${second}`, `${third} peaks near the end`];
  byId("examples").replaceChildren(made("span", { className: "quiet", textContent: "For instance:" }), ...questions.map((text) => made("button", {
    type: "button", className: "chip", textContent: text, onclick: () => { form.elements.text.value = text; search(); },
  })));
}

function listen() {
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  byId("clear-series").addEventListener("click", () => { setSeries(null); search(); });
  byId("clear-filters").addEventListener("click", () => {
    for (const name of ["where", "from", "to"]) form.elements[name].value = "";
    search();
  });
  byId("clear-drawing").addEventListener("click", () => drawing.clear());
  byId("show-map").addEventListener("click", toggleMap);
  byId("share").addEventListener("click", share);
  byId("show-keys").addEventListener("click", () => byId("keys").showModal());
  byId("like").addEventListener("focus", fillStored);
  for (const name of ["from", "to", "like"]) byId(name).addEventListener("change", () => search());
  byId("draw").addEventListener("click", () => {
    byId("drawing").hidden = !byId("drawing").hidden;
    byId("draw").setAttribute("aria-expanded", String(!byId("drawing").hidden));
  });
  const drop = byId("series");
  byId("choose").addEventListener("click", () => byId("file").click());
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) readFile(event.dataTransfer.files[0]);
  });
  byId("file").addEventListener("change", (event) => event.target.files[0] && readFile(event.target.files[0]));
  window.addEventListener("popstate", restore);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawAgain();
    drawing.show();
    if (!byId("map").hidden) showMap();
    if (compared.length === 2) compare();
  });
  listenToKeys({ toQuestion: () => form.elements.text.focus(), map: toggleMap, help: () => byId("keys").showModal() });
}

async function restore() {
  const state = asked.fromAddress();
  asked.toForm(form, state);
  if (state["channel-text"] || state.want === "text" || state.find || state.hybrid) byId("more").open = true;
  await search(false);
}

async function begin() {
  let columns = [];
  listen();
  try {
    const about = await api.info();
    byId("about").textContent = `${about.windows} windows, ${about.texts} with text, by model ${about.model}.`;
    byId("channel").append(...about.channels.map((name) => new Option(name)));
    byId("columns").textContent = `Columns of the filter: ${about.columns.join(", ")}.`;
    zoned = about.zone !== null;
    if (about.channels.length) showExamples(about.channels);
    columns = about.columns;
  } catch (error) {
    say(error.message, true);
    return;
  }
  await restore();
  // Safari has no requestIdleCallback; what could not be loaded is said when something is drawn
  (window.requestIdleCallback ?? setTimeout)(() => { plotly().catch(() => {}); showAbilities(columns); });
}

begin();
