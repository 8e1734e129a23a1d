// The list of hits: facts, bars, panels that are drawn when they come into view, and what can be done with each.

import * as api from "./api.js";
import { drawNext, drawWindow } from "./charts.js";

const items = new Map();

export function itemOf(id) {
  if (!items.has(id)) items.set(id, api.item(id));
  return items.get(id);
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    const { id, best } = entry.target.dataset;
    itemOf(id).then((item) => drawWindow(entry.target, item, best), (error) => { entry.target.textContent = error.message; });
  }
}, { rootMargin: "300px" });

export function showHits(list, hits, question, act) {
  list.replaceChildren(...hits.map((hit) => card(hit, question, act)));
}

function card(hit, question, act) {
  const made = document.getElementById("hit").content.cloneNode(true).firstElementChild;
  const parts = Object.entries(hit.channels).sort((a, b) => b[1] - a[1]);
  const best = parts.length && parts[0][1] > 0 ? parts[0][0] : "";
  made.dataset.id = hit.id;
  made.querySelector("h2").textContent = `${hit.rank}. ${hit.id}`;
  const facts = made.querySelector(".facts");
  const score = Object.assign(document.createElement("span"), { className: "score", textContent: hit.score.toFixed(3) });
  facts.append("score ", score);
  if (hit.start) facts.append(` · ${plainTime(hit.start)}${hit.end ? ` to ${plainTime(hit.end)}` : ""}`);
  if (hit.label) facts.append(` · ${hit.label}`);
  for (const [name, value] of Object.entries(hit.metadata)) if (value !== null && String(value).length < 60) facts.append(` · ${name}: ${value}`);
  made.querySelector(".words").textContent = hit.text ?? "";
  const most = Math.max(...parts.map(([, value]) => value), 1e-9);
  made.querySelector(".bars").append(...parts.map(([name, value]) => {
    const line = document.createElement("li");
    const bar = Object.assign(document.createElement("span"), { className: "bar" });
    bar.style.width = `${Math.max(0, value / most) * 100}%`;
    line.className = name === best ? "best" : "";
    line.append(`${name} ${value.toFixed(3)}`, bar);
    return line;
  }));
  const plot = made.querySelector(".plot");
  Object.assign(plot.dataset, { id: hit.id, best });
  plot.setAttribute("aria-label", `The channels of ${hit.id} over time${best ? `; ${best} counts most` : ""}`);
  seen.observe(plot);
  const why = made.querySelector("[data-do=why]");
  why.hidden = !question;
  made.querySelector(".actions").addEventListener("click", (event) => {
    const what = event.target.dataset?.do;
    if (what === "why") showWhy(made, hit, question);
    else if (what === "next") showNext(made, hit);
    else if (what) act(what, hit, event.target);
  });
  return made;
}

const plainTime = (time) => time.slice(0, 16).replace("T", " ");

async function showWhy(made, hit, question) {
  const place = made.querySelector(".reasons");
  const button = made.querySelector("[data-do=why]");
  place.hidden = !place.hidden;
  button.setAttribute("aria-expanded", String(!place.hidden));
  if (place.hidden || place.childElementCount) return;
  try {
    const found = await api.explain(hit.id, question);
    const table = document.createElement("table");
    table.innerHTML = "<thead><tr><th>sentence</th><th>channel</th><th>cosine</th><th>adds</th></tr></thead>";
    const body = table.createTBody();
    for (const one of [...found.sentences, { sentence: "the window as a whole", channel: "", cosine: found.sample_cosine, part: found.sample_part }]) {
      const row = body.insertRow();
      row.insertCell().textContent = one.sentence;
      row.insertCell().textContent = one.channel ?? "nothing observed";
      for (const number of [one.cosine, one.part]) Object.assign(row.insertCell(), { className: "number", textContent: number.toFixed(3) });
    }
    const sum = body.insertRow();
    Object.assign(sum.insertCell(), { colSpan: 3, textContent: "score" });
    Object.assign(sum.insertCell(), { className: "number", textContent: found.score.toFixed(3) });
    place.append(table);
    if (found.stored) markSentence(made.querySelector(".words"), hit.text, found.stored.sentence);
  } catch (error) {
    place.textContent = error.message;
  }
}

function markSentence(place, text, sentence) {
  const at = text.indexOf(sentence);
  if (at < 0) return;
  const mark = Object.assign(document.createElement("mark"), { textContent: sentence });
  place.replaceChildren(text.slice(0, at), mark, text.slice(at + sentence.length));
}

async function showNext(made, hit) {
  const button = made.querySelector("[data-do=next]");
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  const plot = made.querySelector(".plot");
  try {
    const item = await itemOf(hit.id);
    if (open) await drawWindow(plot, item, plot.dataset.best);
    else await drawNext(plot, item, (await api.following(hit.id)).windows);
  } catch (error) {
    button.setAttribute("aria-expanded", "false");
    made.querySelector(".reasons").hidden = false;
    made.querySelector(".reasons").textContent = error.message;
  }
}
