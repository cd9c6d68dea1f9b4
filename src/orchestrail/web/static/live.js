// Looks again at what runs, as often as the page says, and lays over it what changed: focus, scrolling and what is open stay.
// It does not look while nobody sees the page, and stops when the server says that nothing runs any more.
"use strict";

const part = () => document.getElementById("live");

function tell(text) {
  const stale = document.getElementById("stale");
  if (stale.textContent !== text) stale.textContent = text;
}

Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.tagName === "DETAILS");

document.addEventListener("visibilitychange", () => { if (!document.hidden) htmx.trigger(part(), "look"); });
document.addEventListener("htmx:beforeRequest", (event) => { if (document.hidden) event.preventDefault(); });
document.addEventListener("htmx:beforeSwap", (event) => {
  // Whoever is signed out, say, is led to another page: that is none to lay over this one.
  if (event.detail.shouldSwap && !event.detail.serverResponse.includes('id="live"')) event.detail.shouldSwap = false;
  if (!event.detail.shouldSwap) tell("The server gives this page no more: reload it.");
});
document.addEventListener("htmx:sendError", () => tell("The server does not answer: this is what it said last."));
