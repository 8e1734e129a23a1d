// What keys do: from hit to hit, and what the buttons of a hit do.

const OF_HIT = { w: "why", l: "like", c: "compare", n: "next" };

export function listenToKeys({ toQuestion, map, help }) {
  window.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA|CANVAS)$/.test(document.activeElement?.tagName ?? "");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "/") { event.preventDefault(); toQuestion(); }
    if (event.key === "m") map();
    if (event.key === "?") help();
    const cards = [...document.querySelectorAll(".hit")];
    const at = cards.indexOf(document.activeElement?.closest?.(".hit"));
    if (event.key === "j" || event.key === "k") cards[at + (event.key === "j" ? 1 : -1)]?.focus();
    const what = OF_HIT[event.key];
    if (what && at >= 0) cards[at].querySelector(`[data-do=${what}]:not([hidden])`)?.click();
  });
}
