// The page: a question goes to the service, hits come back. What is shown can be linked to.

import * as api from "./api.js";
import { drawMap, drawTwo } from "./charts.js";
import { Drawing } from "./drawing.js";
import { itemOf, showHits } from "./hits.js";
import * as asked from "./state.js";

const byId = (id) => document.getElementById(id);
const form = byId("query");
const drawing = new Drawing(byId("canvas"));
const compared = [];
let like = "";
let series = null;
let zoned = false;
let turn = 0;

function say(text, wrong = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("wrong", wrong);
}

function setLike(id) {
  like = id;
  byId("like-said").hidden = !id;
  byId("like-id").textContent = id;
}

function setSeries(found) {
  series = found;
  byId("clear-series").hidden = !found;
  byId("series-said").textContent = found
    ? `Searching by ${found.id}: ${found.channel_names.join(", ")}, ${found.values[0].length} steps.`
    : "Drop a CSV here, or choose one, to search by a series.";
}

async function search(remember = true) {
  const state = asked.fromForm(form, like);
  const given = await drawnSeries(state) ?? series;
  if (asked.isEmpty(state, given)) {
    say("Type a question, drop a series, or pick a window to begin.");
    byId("results").replaceChildren();
    return;
  }
  if (remember) asked.toAddress(state);
  turn += 1;
  const mine = turn;
  say("Searching …");
  try {
    const began = performance.now();
    const { hits } = await api.search(asked.toRequest(state, given, zoned));
    if (mine !== turn) return;
    showHits(byId("results"), hits, state.text || state["channel-text"], act);
    const few = hits.length < Number(state.k) ? " That is all that the filter leaves." : "";
    say(`${hits.length} hit${hits.length === 1 ? "" : "s"} in ${Math.round(performance.now() - began)} ms.${few}`);
  } catch (error) {
    if (mine === turn) say(error.message, true);
  }
}

// The drawn curve on the scale and length that the channel has in a window of the index.
async function drawnSeries(state) {
  if (byId("drawing").hidden || !state.channel) return null;
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
    setLike(hit.id);
    form.elements.text.value = "";
    await search();
    byId("results").focus();
  }
  if (what === "compare") {
    const at = compared.indexOf(hit.id);
    if (at >= 0) compared.splice(at, 1);
    else compared.push(hit.id);
    if (compared.length > 2) compared.shift();
    for (const other of document.querySelectorAll("[data-do=compare]")) {
      other.setAttribute("aria-pressed", String(compared.includes(other.closest(".hit").dataset.id)));
    }
    await compare(button);
  }
}

async function compare() {
  const place = byId("comparison");
  place.hidden = compared.length < 2;
  if (place.hidden) return;
  const [one, other] = await Promise.all(compared.map(itemOf));
  const title = Object.assign(document.createElement("h2"), { textContent: `${one.id} (red) and ${other.id} (blue)` });
  const plot = document.createElement("div");
  place.replaceChildren(title, plot);
  await drawTwo(plot, one, other);
  place.scrollIntoView({ block: "nearest" });
}

async function readFile(file) {
  try {
    const found = await api.read(await file.text());
    setSeries({ ...found.series[0], id: file.name.slice(0, 200) });
    await search();
  } catch (error) {
    say(error.message, true);
  }
}

async function toggleMap() {
  const [button, place] = [byId("show-map"), byId("map")];
  place.hidden = !place.hidden;
  button.setAttribute("aria-expanded", String(!place.hidden));
  if (place.hidden || place.childElementCount) return;
  try {
    const { points } = await api.map();
    const plot = document.createElement("div");
    place.replaceChildren(plot);
    await drawMap(plot, points, (id) => { setLike(id); search(); });
  } catch (error) {
    place.textContent = error.message;
  }
}

function listen() {
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  byId("clear-like").addEventListener("click", () => { setLike(""); search(); });
  byId("clear-series").addEventListener("click", (event) => { event.stopPropagation(); setSeries(null); search(); });
  byId("clear-drawing").addEventListener("click", () => drawing.clear());
  byId("show-map").addEventListener("click", toggleMap);
  byId("draw").addEventListener("click", () => {
    byId("drawing").hidden = !byId("drawing").hidden;
    byId("draw").setAttribute("aria-expanded", String(!byId("drawing").hidden));
  });
  const drop = byId("series");
  const choose = () => byId("file").click();
  drop.addEventListener("click", choose);
  drop.addEventListener("keydown", (event) => { if (event.target === drop && event.key === "Enter") choose(); });
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) readFile(event.dataTransfer.files[0]);
  });
  byId("file").addEventListener("change", (event) => event.target.files[0] && readFile(event.target.files[0]));
  window.addEventListener("popstate", restore);
  window.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing) { event.preventDefault(); form.elements.text.focus(); }
    const cards = [...document.querySelectorAll(".hit")];
    const at = cards.indexOf(document.activeElement?.closest?.(".hit"));
    if (!typing && (event.key === "j" || event.key === "k")) cards[at + (event.key === "j" ? 1 : -1)]?.focus();
  });
}

async function restore() {
  const state = asked.fromAddress();
  asked.toForm(form, state);
  setLike(state.like);
  if (state.where || state.from || state.to || state["channel-text"]) byId("more").open = true;
  await search(false);
}

async function begin() {
  listen();
  try {
    const about = await api.info();
    byId("about").textContent = `${about.windows} windows, ${about.texts} with text, by model ${about.model}.`;
    byId("channel").append(...about.channels.map((name) => new Option(name)));
    byId("columns").textContent = `Columns: ${about.columns.join(", ")}.`;
    zoned = about.zone !== null;
  } catch (error) {
    say(error.message, true);
    return;
  }
  await restore();
}

begin();
