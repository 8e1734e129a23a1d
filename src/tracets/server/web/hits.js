// The list of hits: facts, bars, panels that are drawn when they come into view, and what can be done with each.

import * as api from "./api.js";
import { drawNext, drawWindow } from "./charts.js";
import { marksOf, numberList, numberSummary, plainTime, reasonTable, tellWords } from "./reasons.js";

const items = new Map();

export function itemOf(id) {
  if (!items.has(id)) items.set(id, api.item(id).catch((error) => { items.delete(id); throw error; }));
  return items.get(id);
}

const cards = new WeakMap();
let queue = Promise.resolve();

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    cards.get(entry.target)?.appear();
  }
}, { rootMargin: "200px" });

export function showHits(list, hits, question, act) {
  list.replaceChildren(...hits.map((hit) => new Card(hit, question, act).element));
}

// Draws what is in view once more, in the colours that the page has now.
export function drawAgain() {
  for (const element of document.querySelectorAll(".hit")) cards.get(element)?.draw();
}

class Card {
  constructor(hit, question, act) {
    Object.assign(this, { hit, question, marks: [], reasons: null, drawn: false });
    this.element = document.getElementById("hit").content.cloneNode(true).firstElementChild;
    this.element.dataset.id = hit.id;
    this.parts = Object.entries(hit.channels).sort((a, b) => b[1] - a[1]);
    this.best = this.parts.length && this.parts[0][1] > 0 ? this.parts[0][0] : "";
    this.fill();
    this.at(".actions").addEventListener("click", (event) => {
      const what = event.target.dataset?.do;
      if (what === "why") this.toggleWhy();
      else if (what === "next") this.toggleNext();
      else if (what) act(what, hit, event.target);
    });
    this.at(".facts").addEventListener("click", (event) => {
      if (event.target.dataset?.where) act("filter", hit, event.target);
    });
    cards.set(this.element, this);
    seen.observe(this.element);
  }

  at(selector) { return this.element.querySelector(selector); }

  fill() {
    const { hit } = this;
    this.at(".rank").textContent = hit.rank ? `${hit.rank}.` : "";
    this.at(".id").textContent = hit.id;
    if (hit.score !== null) {
      this.at(".score").textContent = hit.score.toFixed(3);
      this.at(".score").title = "score";
    }
    const facts = this.at(".facts");
    const tell = (said) => facts.append(Object.assign(document.createElement("span"), { textContent: said }));
    if (hit.start) tell(`${plainTime(hit.start)}${hit.end ? ` to ${plainTime(hit.end)}` : ""}`);
    const chip = (column, value, said) => Object.assign(document.createElement("button"), {
      type: "button", className: "chip", textContent: said, title: `Only those with this ${column}`,
    });
    const add = (column, value, said) => {
      const made = chip(column, value, said);
      made.dataset.where = `"${column.replaceAll('"', '""')}" = '${String(value).replaceAll("'", "''")}'`;
      facts.append(made);
    };
    if (hit.series !== undefined) tell(`in ${hit.series}, steps ${hit.first_step} to ${hit.first_step + hit.n_steps - 1}`);
    if (hit.label) add("label", hit.label, hit.label);
    for (const [name, value] of Object.entries(hit.metadata)) {
      if (typeof value === "string" && value.length < 60) add(name, value, `${name}: ${value}`);
      else if (value !== null && String(value).length < 60) tell(`${name}: ${value}`);
    }
    this.at(".words").textContent = hit.text ?? "";
    this.at(".words").hidden = !hit.text;
    this.fillBars();
    this.at("[data-do=why]").hidden = !this.question;
    this.describePlot();
  }

  fillBars() {
    const bars = this.at(".bars");
    const [some, none] = [this.parts.filter(([, value]) => Math.abs(value) >= 0.0005), this.parts.filter(([, value]) => Math.abs(value) < 0.0005)];
    this.at("h3").hidden = !this.parts.length;
    const most = Math.max(...some.map(([, value]) => value), 1e-9);
    for (const [name, value] of some) {
      const line = document.createElement("li");
      const bar = Object.assign(document.createElement("span"), { className: "bar" });
      bar.style.width = `${Math.max(0, value / most) * 100}%`;
      line.className = name === this.best ? "best" : "";
      line.append(
        Object.assign(document.createElement("span"), { textContent: name }), bar,
        Object.assign(document.createElement("span"), { className: "value", textContent: value.toFixed(3) }),
      );
      bars.append(line);
    }
    if (none.length) {
      bars.append(Object.assign(document.createElement("li"), { className: "rest", textContent: `nothing by ${none.map(([name]) => name).join(", ")}` }));
    }
  }

  describePlot() {
    const places = (this.reasons?.sentences ?? []).filter((one) => one.place)
      .map((one) => `"${one.sentence}" by ${one.channel}, ${one.place.start ? `${plainTime(one.place.start)} to ${plainTime(one.place.end)}` : `from step ${one.place.first_step}`}`);
    const best = this.best ? `; ${this.best} counts most` : "";
    this.at(".plot").setAttribute("aria-label", `The channels of ${this.hit.id} over time${best}${places.length ? `; marked: ${places.join("; ")}` : ""}`);
  }

  async appear() {
    this.drawn = true;
    await this.draw();
    if (this.question) {
      queue = queue.then(() => (this.element.isConnected ? this.explain().catch(() => {}) : null)); // Why says what was wrong
    }
  }

  async draw(mark = null) {
    if (!this.drawn) return;
    try {
      const item = await itemOf(this.hit.id);
      await drawWindow(this.at(".plot"), item, { best: this.best, marks: mark ? [...this.marks, mark] : this.marks });
    } catch (error) {
      this.at(".plot").textContent = error.message;
    }
  }

  explain() {
    this.explained ??= api.explain(this.hit.id, this.question).then(async (found) => {
      this.reasons = found;
      this.marks = marksOf(found);
      this.describePlot();
      if (this.hit.text) tellWords(this.at(".words"), this.hit.text, found, (mark) => this.draw(mark));
      this.at(".checked").textContent = numberSummary(found.numbers);
      this.at(".checked").hidden = !found.numbers.length;
      await this.draw();
      return found;
    }).catch((error) => { this.explained = null; throw error; });
    return this.explained;
  }

  async toggleWhy() {
    const place = this.at(".reasons");
    place.hidden = !place.hidden;
    this.at("[data-do=why]").setAttribute("aria-expanded", String(!place.hidden));
    if (place.hidden || place.dataset.done) return;
    place.textContent = "Taking the score apart …";
    try {
      const found = await this.explain();
      place.replaceChildren(reasonTable(found));
      if (found.numbers.length) place.append(numberList(found.numbers, (mark) => this.draw(mark)));
      place.dataset.done = "yes";
    } catch (error) {
      place.textContent = error.message;
    }
  }

  async toggleNext() {
    const [button, place] = [this.at("[data-do=next]"), this.at(".next")];
    place.hidden = !place.hidden;
    button.setAttribute("aria-expanded", String(!place.hidden));
    if (place.hidden || place.dataset.done) return;
    place.textContent = "Looking for windows like it that were over before …";
    try {
      const [item, { windows }] = await Promise.all([itemOf(this.hit.id), api.following(this.hit.id)]);
      const title = Object.assign(document.createElement("h3"), { textContent: `What came after ${windows.length} windows like it` });
      const said = Object.assign(document.createElement("p"), {
        className: "quiet", textContent: `In its own units: 10 to 90 %, 25 to 75 % and the middle of what followed ${windows.map((one) => one.id).join(", ")}.`,
      });
      const plot = Object.assign(document.createElement("div"), { className: "plot" });
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", `The end of ${this.hit.id} and a fan of what came after windows like it`);
      place.replaceChildren(title, said, plot);
      await drawNext(plot, item, windows);
      place.dataset.done = "yes";
    } catch (error) {
      place.textContent = error.message;
    }
  }
}
