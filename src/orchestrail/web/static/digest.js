// Takes the SHA-256 of a file that is dropped or chosen, in this browser, and looks it up. The file is sent nowhere.
"use strict";

const area = document.getElementById("drop");
const chooser = document.getElementById("file");
const said = document.getElementById("said");
const target = document.getElementById("target");
const largest = 2 ** 31 - 1; // WebCrypto takes a whole file at a time, and browsers hold no larger one

async function lookUp(file) {
  if (!file) return;
  if (file.size > largest) {
    said.textContent = `${file.name} is larger than a browser can hash (2 GB). Run sha256sum on it, and put the digest into the field.`;
    return;
  }
  said.textContent = `Hashing ${file.name} …`;
  try {
    const hash = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    const digits = Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
    target.value = `sha256:${digits}`;
    said.textContent = `sha256:${digits} – looking it up …`;
    target.form.submit();
  } catch (error) {
    said.textContent = `${file.name} cannot be read (${error.message}). Run sha256sum on it, and put the digest into the field.`;
  }
}

if (globalThis.crypto && crypto.subtle) {
  area.hidden = false;
  chooser.addEventListener("change", () => lookUp(chooser.files[0]));
  for (const kind of ["dragenter", "dragover"]) {
    area.addEventListener(kind, (event) => { event.preventDefault(); area.classList.add("over"); });
  }
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    lookUp(event.dataTransfer.files[0]);
  });
}
