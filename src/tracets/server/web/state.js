// What is asked, as the form has it, as a request, and as the part of the address behind "#": a link shows the same.

const NAMES = ["text", "channel", "channel-text", "where", "from", "to", "want", "k", "like", "find", "hybrid"];
const USUAL = { want: "series", k: "8" };

export function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(NAMES.map((name) => [name, given.get(name) ?? USUAL[name] ?? ""]));
}

export function toAddress(state) {
  const given = new URLSearchParams();
  for (const name of NAMES) {
    if (name === "channel" && !state["channel-text"]) continue;
    if (state[name] && state[name] !== USUAL[name]) given.set(name, state[name]);
  }
  if (`#${given}` !== location.hash) history.pushState(null, "", given.size ? `#${given}` : location.pathname);
}

export function fromForm(form) {
  const given = new FormData(form);
  return Object.fromEntries(NAMES.map((name) => [name, (given.get(name) ?? "").trim()]));
}

export function toForm(form, state) {
  for (const name of NAMES) {
    if (name === "want") form.querySelector(`[name=want][value="${state.want === "text" ? "text" : "series"}"]`).checked = true;
    else if (form.elements[name].type === "checkbox") form.elements[name].checked = state[name] === form.elements[name].value;
    else if (name !== "channel" || state.channel) form.elements[name].value = state[name];
  }
}

export function isEmpty(state, series) {
  return !(state.text || state.like || state["channel-text"] || series);
}

export const hasFilter = (state) => Boolean(state.where || state.from || state.to);

// What the hits are explained by: the words of the question.
export function questionOf(state) {
  return state.text || (state["channel-text"] && `${state.channel}: ${state["channel-text"]}`);
}

export function toRequest(state, series, zoned) {
  const zone = zoned ? "+00:00" : "";
  const filters = [];
  if (state.where) filters.push(state.from || state.to ? `(${state.where})` : state.where);
  if (state.from) filters.push(`"end" >= timestamp '${state.from}T00:00:00${zone}'`);
  if (state.to) filters.push(`"start" <= timestamp '${state.to}T23:59:59${zone}'`);
  const request = { k: Number(state.k) || 8 };
  if (!state.find) request.want = state.want || "series"; // places are in series, they are not ranked by texts
  if (state.hybrid && !state.find) request.hybrid = true;
  if (state.text) request.text = state.text;
  if (state.like) request.like = state.like;
  if (state["channel-text"]) request.channels = { [state.channel]: state["channel-text"] };
  if (series) request.series = series;
  if (filters.length) request.where = filters.join(" and ");
  return request;
}
