// Measures on the map: the length of a path, the area of a polygon, both on the ellipsoid. While it is open, clicks set points and select nothing.

const MOST_POINTS = 500;
const SAME_PIXELS = 4;

TOOLS.push({ name: "measure", icon: "M3 15L15 3l6 6L9 21zM7 11l2 2M10 8l3 3M13 5l2 2", make: makeMeasure });

function makeMeasure(page) {
  const { map, frame } = page;
  const words = page.words.measure;
  let active = false;
  let area = false;
  let ended = false;
  let places = [];
  let drawn = null;
  let parts = {};

  window.addEventListener("keydown", press, { signal: page.signal });

  function open(box) {
    active = true;
    page.pointer = "measure";
    recall();
    parts = { kinds: element("div", "measure-kinds"), total: element("output", "measured-total"), more: element("p", "measured-more"), hint: element("p", "hint", words.hint) };
    parts.kinds.setAttribute("role", "group");
    parts.kinds.append(...[false, true].map((each) => button(each ? words.area : words.length, () => { area = each; redraw(); })));
    parts.total.setAttribute("aria-live", "polite");
    const acts = element("div", "measure-acts");
    acts.append(button(words.finish, finish), button(words.undo, undo), button(words.clear, clear));
    box.append(parts.kinds, parts.total, parts.more, acts, parts.hint);
    const pane = map.getPane("measure") || map.createPane("measure");
    pane.style.zIndex = 645;
    pane.style.pointerEvents = "none";
    drawn = L.layerGroup().addTo(map);
    parts.renderer = L.svg({ pane: "measure", padding: 0.3 });
    map.doubleClickZoom.disable();
    map.on({ click: add, dblclick: finish, mousemove: preview });
    frame.classList.add("measuring");
    frame.focus({ preventScroll: true });
    redraw();
  }

  function close() {
    active = false;
    page.pointer = null;
    map.off({ click: add, dblclick: finish, mousemove: preview });
    map.doubleClickZoom.enable();
    frame.classList.remove("measuring");
    drawn.remove();
    parts.renderer.remove();
    places = [];
    ended = false;
    page.link.set("measure", null);
  }

  function button(text, press) {
    const made = element("button", "plain", text);
    made.type = "button";
    made.addEventListener("click", press);
    return made;
  }

  function add({ latlng }) {
    if (ended) [places, ended] = [[], false];
    const near = places.length && map.latLngToContainerPoint(places.at(-1)).distanceTo(map.latLngToContainerPoint(latlng)) < SAME_PIXELS;
    if (near || places.length >= MOST_POINTS) return; // the second click of a double one
    const { lat, lng } = latlng.wrap();
    places.push([lat, lng]);
    redraw();
  }

  function finish() {
    if (places.length < (area ? 3 : 2)) return;
    ended = true;
    redraw();
  }

  function undo() {
    places.pop();
    ended = false;
    redraw();
  }

  function clear() {
    places = [];
    ended = false;
    redraw();
  }

  // Keys that no button or field wants for itself; with the map in focus the space bar sets a point in its middle.
  function press(event) {
    if (!active || event.target.closest?.("button, select, input, a, [role=slider]")) return;
    if (event.key === "Enter") finish();
    else if (event.key === "Backspace") undo();
    else if (event.key === " " && event.target === frame) add({ latlng: map.getCenter() });
    else if (event.key !== "Escape") return;
    else if (places.length) clear();
    else page.tools.close();
    event.preventDefault();
  }

  function redraw() {
    drawn.clearLayers();
    [...parts.kinds.children].forEach((each, at) => each.setAttribute("aria-pressed", String(area === (at === 1))));
    const common = { renderer: parts.renderer, pane: "measure", interactive: false };
    const shape = (options) => (area && places.length > 2 ? L.polygon : L.polyline)(places, { ...common, fill: area && places.length > 2, ...options });
    if (places.length > 1) drawn.addLayer(shape({ color: "#fff", weight: 6, fillColor: "#e8590c", fillOpacity: 0.18 })).addLayer(shape({ color: "#c2410c", weight: 2.6, fill: false }));
    for (const place of places) drawn.addLayer(L.circleMarker(place, { ...common, radius: 4, color: "#c2410c", weight: 2, fillColor: "#fff", fillOpacity: 1 }));
    parts.rubber = L.polyline([], { ...common, color: "#c2410c", weight: 2, dashArray: "5 5" });
    drawn.addLayer(parts.rubber);
    const [total, ...more] = readout(places);
    parts.total.textContent = total;
    parts.hint.textContent = words.hint;
    parts.more.textContent = more.join(" · ");
    if (places.length > 1) {
      const icon = L.divIcon({ className: "measured", html: element("span", "", total), iconSize: null });
      drawn.addLayer(L.marker(places.at(-1), { icon, pane: "measure", interactive: false, keyboard: false }));
    }
    page.link.set("measure", places.length ? (area ? "area" : "length") + "," + (ended ? 1 : 0) + "," + places.flat().map((each) => each.toFixed(6)).join(",") : null);
  }

  // The next leg follows the pointer; the figures beside it are for the eye alone, what is read aloud changes with each point.
  function preview({ latlng }) {
    if (ended || !places.length) return;
    const next = latlng.wrap();
    const all = [...places, [next.lat, next.lng]];
    parts.rubber.setLatLngs(area && places.length > 1 ? [places.at(-1), latlng, places[0]] : [places.at(-1), latlng]);
    parts.hint.textContent = words.so_far.split("{}").join(readout(all)[0]);
  }

  // The figure that is asked for, then the same in other units and what stands beside it.
  function readout(all) {
    if (!area) return [lengthText(pathLength(all), page.lang), ...(all.length > 2 ? [words.last.split("{}").join(lengthText(pathLength(all.slice(-2)), page.lang))] : [])];
    const around = words.perimeter.split("{}").join(lengthText(pathLength(all.length > 2 ? [...all, all[0]] : all), page.lang));
    if (all.length < 3) return ["—", around];
    if (crossesItself(all)) return [words.crossed, around];
    return [...areaTexts(polygonArea(all), page.lang), around];
  }

  function recall() {
    const [kind, whole, ...numbers] = (page.link.get("measure") || "").split(",");
    const read = numbers.map(Number);
    if (read.length < 2 || read.length % 2 || read.length > 2 * MOST_POINTS || !read.every(Number.isFinite)) return;
    area = kind === "area";
    ended = whole === "1";
    places = read.flatMap((lat, at) => (at % 2 ? [] : [[Math.min(85, Math.max(-85, lat)), turned(read[at + 1])]]));
  }

  return { open, close };
}

function lengthText(metres, lang) {
  if (!Number.isFinite(metres)) return "—";
  const [m, km] = lang === "zh" ? [" 米", " 公里"] : [" m", " km"];
  return metres < 1000 ? digits(metres, metres < 100 ? 1 : 0) + m : digits(metres / 1000, metres < 1e5 ? 2 : 1) + km;
}

// In the unit that fits, then in the others that planners use (1 ha = 15 mu).
function areaTexts(square, lang) {
  const [m2, ha, mu, km2] = lang === "zh" ? [" 平方米", " 公顷", " 亩", " 平方公里"] : [" m²", " ha", " mu", " km²"];
  const hectares = square / 1e4;
  const inMu = digits(hectares * 15, hectares < 10 ? 2 : 0) + mu;
  if (hectares < 1) return [digits(square, square < 100 ? 1 : 0) + m2, inMu];
  if (hectares < 100) return [digits(hectares, 2) + ha, inMu, digits(square, 0) + m2];
  return [digits(hectares / 100, hectares < 1e5 ? 2 : 0) + km2, digits(hectares, 0) + ha, inMu];
}

function digits(value, places) {
  return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}
