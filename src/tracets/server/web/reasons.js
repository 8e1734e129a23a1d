// Why a hit was found: sentences with their channels and time spans, and the numbers of its text recomputed.

const made = (tag, given = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
};

export const plainTime = (time) => time.slice(0, 16).replace("T", " ");

// "2013-12-14 19:00 to 2013-12-15 04:00", or steps where times are not known.
export function placeOf({ first_step: first, n_steps: n, start, end }) {
  if (!start) return n === 1 ? `step ${first}` : `steps ${first} to ${first + n - 1}`;
  return n === 1 ? plainTime(start) : `${plainTime(start)} to ${plainTime(end)}`;
}

const markOf = (channel, place, sign) => ({ channel, first: place.first_step, last: place.first_step + place.n_steps - 1, sign });

// The stretches that the sentences match, numbered as the sentences are.
export const marksOf = (found) => found.sentences.flatMap((one, i) => (one.place && one.channel ? [markOf(one.channel, one.place, i + 1)] : []));

export function reasonTable(found) {
  const table = made("table");
  const head = table.createTHead().insertRow();
  for (const [name, figure] of [["sentence"], ["channel"], ["most in"], ["without it", 1], ["cosine", 1], ["adds", 1]]) {
    head.append(made("th", { scope: "col", textContent: name, className: figure ? "figure" : "" }));
  }
  const body = table.createTBody();
  const figure = (row, value) => Object.assign(row.insertCell(), { className: "figure", textContent: value });
  found.sentences.forEach((one, i) => {
    const row = body.insertRow();
    row.insertCell().append(made("span", { className: "badge", textContent: i + 1 }), one.sentence);
    row.insertCell().textContent = one.channel ?? "nothing observed";
    row.insertCell().textContent = one.place ? placeOf(one.place) : "no part more than others";
    figure(row, one.place ? `−${one.place.drop.toFixed(3)}` : "");
    figure(row, one.cosine.toFixed(3));
    figure(row, one.part.toFixed(3));
  });
  const whole = body.insertRow();
  Object.assign(whole.insertCell(), { colSpan: 4, textContent: "the window as a whole" });
  figure(whole, found.sample_cosine.toFixed(3));
  figure(whole, found.sample_part.toFixed(3));
  const sum = body.insertRow();
  sum.className = "sum";
  Object.assign(sum.insertCell(), { colSpan: 5, textContent: "score, the sum" });
  figure(sum, found.score.toFixed(3));
  return table;
}

const SIGNS = { agrees: "✓", differs: "✗", "not checked": "?" };

function told(number) {
  if (!number.says) return "not checked: no form that captions have";
  const what = `${number.says}${number.channel ? ` of ${number.channel}` : ""}`;
  if (number.result === "not checked") return `${what}, not checked`;
  if (number.result === "differs") return `${what}, ${number.recomputed ? `by the values ${number.recomputed}` : "not so by the values"}`;
  return `${what}, agrees${number.first_step === null ? "" : `: ${placeOf(number)}`}`;
}

export function numberSummary(numbers) {
  const count = (result) => numbers.filter((one) => one.result === result).length;
  const parts = [["agrees", "agree with the values"], ["differs", "differ"], ["not checked", "not checked"]]
    .filter(([result]) => count(result)).map(([result, words]) => `${count(result)} ${words}`);
  return parts.length ? `Numbers of this text: ${parts.join(", ")}.` : "";
}

// A list of the numbers; `show` is given the stretch of the one that is chosen.
export function numberList(numbers, show) {
  return made("ul", { className: "numbers" }, ...numbers.map((one) => {
    const sign = made("span", { className: `${one.result.split(" ")[0]}-sign`, textContent: `${SIGNS[one.result]} ` });
    const place = placeable(one);
    const name = place
      ? made("button", { type: "button", className: "plain", textContent: one.number, title: "Mark it", onclick: () => show(place) })
      : made("b", { textContent: one.number });
    return made("li", {}, sign, name, ` ${told(one)}`);
  }));
}

const placeable = (number) => (number.channel && number.first_step !== null ? markOf(number.channel, number, "#") : null);

// The text of a hit with the closest sentence marked and every number underlined by what became of it.
export function tellWords(place, text, found, show) {
  const from = found.stored ? text.indexOf(found.stored.sentence) : -1;
  const until = from < 0 ? -1 : from + found.stored.sentence.length;
  // offsets are in characters; a character past U+FFFF takes two places of a JavaScript string
  const characters = [...text];
  const offset = (at) => characters.slice(0, at).join("").length;
  const numbers = found.numbers.map((one) => ({ ...one, from: offset(one.at), until: offset(one.at) + one.number.length }));
  const pieces = (begin, end) => {
    const out = [];
    let at = begin;
    for (const one of numbers.filter((number) => number.from >= begin && number.until <= end)) {
      if (one.from < at) continue;
      const mark = placeable(one);
      const span = made("span", { className: `number ${one.result.replace(" ", "-")}`, title: told(one), textContent: one.number });
      if (mark) span.addEventListener("click", () => show(mark));
      out.push(text.slice(at, one.from), span);
      at = one.until;
    }
    return [...out, text.slice(at, end)];
  };
  if (from < 0) place.replaceChildren(...pieces(0, text.length));
  else place.replaceChildren(...pieces(0, from), made("mark", {}, ...pieces(from, until)), ...pieces(until, text.length));
}
