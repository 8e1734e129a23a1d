// The HTTP API of the service that this page came from, and nothing else.

const KEY = "tracets-key";

export class Problem extends Error {
  constructor(told, status) {
    super(told);
    this.status = status;
  }
}

async function call(method, path, body, type = "application/json") {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = type;
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  let response;
  try {
    response = await fetch(path, { method, headers, body });
  } catch {
    throw new Problem("The service does not answer. Is it running?", 0);
  }
  if (response.ok) return response.json();
  if (response.status === 401) {
    const given = window.prompt("This service asks for a key.");
    if (given) {
      sessionStorage.setItem(KEY, given.trim());
      return call(method, path, body, type);
    }
  }
  const told = await response.json().catch(() => ({}));
  throw new Problem(told.detail ?? `The service answered ${response.status}.`, response.status);
}

const post = (path, body) => call("POST", path, JSON.stringify(body));

export const info = () => call("GET", "v1/info");
export const search = (request) => post("v1/search", request);
// Places in long series, in the shape of hits.
export const spans = (request) => post("v1/spans", request).then((found) => ({ hits: found.spans }));
// What this service can do beside searching: a page may be newer than it.
export const abilities = () => call("GET", "openapi.json").then((told) => ({
  spans: "/v1/spans" in told.paths, hybrid: "hybrid" in (told.components.schemas.SearchRequest?.properties ?? {}),
}));
export const explain = (id, query) => post("v1/explain", { id, query });
export const item = (id) => call("GET", `v1/items/${encodeURIComponent(id)}`);
export const map = () => call("GET", "v1/map");
export const following = (id) => call("GET", `v1/following/${encodeURIComponent(id)}`);
export const read = (text) => call("POST", "v1/series/read", text, "text/csv");
