// Checks, in this browser, the signatures of checkpoints (C2SP signed-note and tlog-checkpoint, Ed25519): under the key that its
// reader brings, or else under the one that the server names, and says which.
"use strict";

const form = document.getElementById("own-key");
const field = document.getElementById("key");
const answer = document.getElementById("key-said");
const forget = document.getElementById("forget");
const stated = document.getElementById("stated-key").textContent;
const kept = `key of ${stated.split("+", 1)[0]}`;

const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
const inHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

class Refused extends Error {}

async function readKey(text) {
  // A name has no plus sign; base64 may have some.
  const [, name, id, encoded] = text.trim().match(/^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/) || [];
  const bytes = encoded ? fromBase64(encoded) : new Uint8Array();
  if (bytes.length !== 33 || bytes[0] !== 1) throw new Refused("that is no Ed25519 key in the form name+id+base64");
  const named = new Uint8Array([...new TextEncoder().encode(`${name}\n`), ...bytes]);
  const computed = inHex(new Uint8Array(await crypto.subtle.digest("SHA-256", named)).slice(0, 4));
  if (computed !== id) throw new Refused("name, id and key do not belong together: a sign of it was changed");
  return { name, id, key: await crypto.subtle.importKey("raw", bytes.slice(1), "Ed25519", false, ["verify"]) };
}

async function check(note, key, shown) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  if (end < 0 || origin !== key.name) throw new Refused(`it is a checkpoint of ${origin}, and the key is that of ${key.name}`);
  if (shown && (shown.size !== size || shown.root !== inHex(fromBase64(root)))) throw new Refused("it signs another size or root than the proof leads to");
  for (const line of note.slice(end + 2).split("\n")) {
    const [dash, name, encoded] = line.split(" ");
    if (dash !== "\u2014" || name !== key.name) continue;
    const bytes = fromBase64(encoded);
    if (inHex(bytes.slice(0, 4)) !== key.id) continue;
    if (await crypto.subtle.verify("Ed25519", key.key, bytes.slice(4), new TextEncoder().encode(text))) return;
    throw new Refused(`the signature of the key ${key.id} does not hold`);
  }
  throw new Refused(`the key ${key.id} did not sign it`);
}

function say(place, kind, text) {
  place.className = `signature ${kind}`;
  place.textContent = text;
}

async function checkAll() {
  const own = localStorage.getItem(kept);
  forget.hidden = own === null;
  const proof = document.getElementById("proof");
  const shown = proof && proof.dataset.root ? proof.dataset : null;
  let key, why = "";
  try {
    key = await readKey(own ?? stated);
  } catch (error) {
    why = error instanceof Refused ? error.message : "this browser has no Ed25519";
  }
  const places = Array.from(document.querySelectorAll("[data-note]"));
  for (const place of places) {
    if (!key) {
      say(place, "soft", `not checked here: ${why}; orchestrail verify checks it`);
      continue;
    }
    try {
      await check(place.dataset.note, key, shown);
      if (own === null) say(place, "unknown", `holds under ${key.id}, the key that this server names; bring your own (below) for it to show something`);
      else say(place, "pass", `\u2714 holds under ${key.id}, the key that you brought`);
    } catch (error) {
      say(place, "fail", `\u2718 ${error instanceof Refused ? error.message : "it is no signed note"}`);
    }
  }
  const holding = places.filter((place) => place.matches(".pass")).length;
  answer.textContent = own === null
    ? "No key of yours is here: the one that the server names is taken."
    : `${holding} of ${places.length} signed here hold under your key, ${own}.`;
}

async function bring(text) {
  try {
    const key = await readKey(text);
    if (key.name !== stated.split("+", 1)[0]) throw new Refused(`that is the key of ${key.name}, another log`);
  } catch (error) {
    answer.textContent = `It is not taken: ${error instanceof Refused ? error.message : "this browser has no Ed25519"}.`;
    return;
  }
  localStorage.setItem(kept, text.trim());
  field.value = "";
  await checkAll();
}

if (globalThis.crypto && crypto.subtle) {
  form.hidden = false;
  form.addEventListener("submit", (event) => { event.preventDefault(); bring(field.value); });
  forget.addEventListener("click", () => { localStorage.removeItem(kept); field.focus(); checkAll(); });
  document.getElementById("key-file").addEventListener("change", async (event) => { if (event.target.files[0]) bring(await event.target.files[0].text()); });
  form.addEventListener("dragover", (event) => event.preventDefault());
  form.addEventListener("drop", async (event) => {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    bring(file ? await file.text() : event.dataTransfer.getData("text"));
  });
  checkAll();
}
