// The API as Swagger UI shows it. A service with keys asks for one, and requests that are tried out send it along.

const KEY = "tracets-key";

function signed(headers) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...headers, Authorization: `Bearer ${key}` } : headers;
}

async function described() {
  const response = await fetch("openapi.json", { headers: signed({}) });
  if (response.status === 401) {
    const given = window.prompt("This service asks for a key.");
    if (!given) throw new Error("The API is shown to those who have a key.");
    sessionStorage.setItem(KEY, given.trim());
    return described();
  }
  if (!response.ok) throw new Error(`The service answered ${response.status}.`);
  return response.json();
}

const place = document.getElementById("docs");
try {
  window.SwaggerUIBundle({
    spec: await described(),
    domNode: place,
    deepLinking: true,
    requestInterceptor: (request) => ({ ...request, headers: signed(request.headers) }),
  });
} catch (error) {
  place.textContent = error.message;
}
