
// The map of a flow: the keys + - 0 change its size, and dragging moves it.

for (const map of document.querySelectorAll("[data-map]")) {
  const sizes = [...document.querySelectorAll("nav[aria-label='Size of the map'] a")];
  const current = sizes.findIndex((link) => link.hasAttribute("aria-current"));
  const natural = sizes.findIndex((link) => link.textContent === "100 %");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) {
      return;
    }
    const from = current === 0 ? natural : current;
    const to = { "+": Math.min(from + 1, sizes.length - 1), "-": Math.max(from - 1, 1), "0": 0 }[event.key];
    if (to !== undefined && to !== current) {
      location.href = sizes[to].href;
    }
  });
  let start;
  map.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType === "mouse" && !event.target.closest("a")) {
      start = { x: event.clientX + map.scrollLeft, y: event.clientY + map.scrollTop };
      map.setPointerCapture(event.pointerId);
    }
  });
  map.addEventListener("pointermove", (event) => {
    if (start) {
      map.scrollTo(start.x - event.clientX, start.y - event.clientY);
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    map.addEventListener(name, () => { start = undefined; });
  }
}
