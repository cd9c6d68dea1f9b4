// Recomputes, in this browser, that the event on this page is in the log: from its bytes up to the root of the signed checkpoint.
"use strict";

const proof = document.getElementById("proof");
const said = document.getElementById("recomputed");

const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
const hexOf = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
}

async function rootOf(leaf, path, place, size) {
  // RFC 9162, section 2.1.3.2
  let node = leaf, last = size - 1n;
  for (const beside of path) {
    if (!last) throw new Error("the way is too long");
    if (place & 1n || place === last) {
      node = await sha256(Uint8Array.of(1), beside, node);
      while (!(place & 1n) && place) { place >>= 1n; last >>= 1n; }
    } else {
      node = await sha256(Uint8Array.of(1), node, beside);
    }
    place >>= 1n;
    last >>= 1n;
  }
  if (last) throw new Error("the way is too short");
  return node;
}

async function recompute() {
  const given = proof.dataset;
  const envelope = new TextEncoder().encode(document.getElementById("envelope").textContent);
  const answer = await fetch(given.event);
  if (!answer.ok) throw new Error(`the event cannot be read (${answer.status})`);
  const id = hexOf(await sha256(bytesOf(given.nonce), new Uint8Array(await answer.arrayBuffer())));
  if (JSON.parse(new TextDecoder().decode(envelope)).event_id !== id) throw new Error("the event is not the one that the entry names");
  const path = Array.from(document.querySelectorAll("#path code"), (code) => bytesOf(code.textContent));
  const root = hexOf(await rootOf(await sha256(Uint8Array.of(0), envelope), path, BigInt(given.place), BigInt(given.size)));
  if (root !== given.root) throw new Error(`the way leads to ${root}, and the checkpoint says ${given.root}`);
}

if (proof && globalThis.crypto && crypto.subtle) {
  recompute().then(
    () => { said.textContent = "✔ Recomputed in this browser: event, entry and way lead to the root of the checkpoint."; said.className = "pass"; },
    (error) => { said.textContent = `✘ Recomputed in this browser: ${error.message}.`; said.className = "fail"; },
  );
}
