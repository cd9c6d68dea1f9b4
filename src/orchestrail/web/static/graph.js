// Opens and shuts boxes of a graph without a new page, keeping the box where it is and the keyboard on it; and moves the picture
// with the pointer. Without this, every handle is a link to the same.
"use strict";

const whole = () => document.getElementById("lineage");
const picture = () => whole().querySelector(".picture");

async function show(address, handle) {
  const before = handle && document.getElementById(handle).getBoundingClientRect();
  const answer = await fetch(address);
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("lineage");
  if (!found) { location.assign(address); return; }
  const [left, top] = [picture().scrollLeft, picture().scrollTop];
  whole().replaceWith(document.adoptNode(found));
  picture().scrollTo(left, top);
  picture().classList.add("drawn");
  const again = handle && document.getElementById(handle);
  if (!again) return;
  const after = again.getBoundingClientRect();
  picture().scrollBy(after.left - before.left, after.top - before.top);
  again.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest(".handle, #lineage .pages a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const address = new URL(link.getAttribute("href"), location.href);
  address.hash = ""; // where a page without scripts finds the box again
  show(address, link.id).then(() => history.pushState(null, "", address), () => location.assign(address));
});
addEventListener("popstate", () => show(location.href, null).catch(() => location.reload()));

let held = null;
document.addEventListener("pointerdown", (event) => {
  if (event.button || event.pointerType !== "mouse" || !event.target.closest(".picture") || event.target.closest("a")) return;
  held = { left: picture().scrollLeft + event.clientX, top: picture().scrollTop + event.clientY };
  picture().classList.add("held");
});
document.addEventListener("pointermove", (event) => { if (held) picture().scrollTo(held.left - event.clientX, held.top - event.clientY); });
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { held = null; picture().classList.remove("held"); });
picture().classList.add("drawn");
