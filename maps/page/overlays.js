// What lies over the areas: read and drawn when it is wanted, found again under the pointer. The panes take no events; `here` looks into the data.
//
// An overlay has what the data say of it (name, title, group, shown, style, groups, columns, legend, fades …) and
//   show(wanted)      draws it or takes it away
//   mark(row)         shows where one feature lies, all of its name where it is a line; null no longer

const POINT_PIXELS = 9;
const LINE_PIXELS = 6;
const MARKED = "#e8590c";

// What a sign is filled and outlined with.
function signPaint(shape, color) {
  if (shape === "ring") return { fill: "#ffffff", stroke: color, weight: 2.4 };
  if (shape === "cross") return { fill: "none", stroke: color, weight: 2.4 };
  return { fill: color, stroke: "#ffffff", weight: 1 };
}

// Signs side by side for a legend, each over its line where one is alone.
function signSwatch(entries, alone) {
  const box = svg("svg", { width: 28, height: 16, class: "swatch", "aria-hidden": "true" });
  if (alone) box.append(svg("path", { d: "M0 8H28", stroke: entries[0].color, "stroke-width": entries[0].weight, "stroke-dasharray": entries[0].dash || "none" }));
  entries.forEach(({ shape, color }, at) => {
    const { fill, stroke, weight } = signPaint(shape, color);
    const [x, radius] = [14 + (at - (entries.length - 1) / 2) * 7.5, alone ? 5 : 3];
    const common = { fill, stroke, "stroke-width": alone ? weight : weight * 0.7 };
    const path = (SIGNS[shape] || []).map((outline) => "M" + outline.map(([a, b]) => x + a * radius + " " + (8 + b * radius)).join("L") + (outline.length > 2 ? "Z" : "")).join("");
    box.append(path ? svg("path", { ...common, d: path }) : svg("circle", { ...common, cx: x, cy: 8, r: radius }));
  });
  return box;
}

function makeOverlays(map, data, changed) {
  for (const [name, zIndex] of [["numbers", 650], ["marks", 645]]) {
    const pane = map.createPane(name);
    pane.style.zIndex = zIndex;
    pane.style.pointerEvents = "none";
  }
  const overlays = data.overlays.map((overlay, index) => makeOverlay(map, data, overlay, 410 + index));

  for (const overlay of overlays) {
    overlay.show = (wanted) => {
      overlay.shown = wanted;
      overlay.draw();
      changed();
    };
    overlay.draw();
  }

  return {
    list: overlays,
    // The uppermost of those shown that take the colour from the areas; none: undefined.
    fading: () => overlays.findLast((overlay) => overlay.shown && overlay.fades),
    // Takes away all that takes the colour from the areas, and says what it was.
    unfade: () => {
      const taken = overlays.filter((overlay) => overlay.shown && overlay.fades);
      taken.forEach((overlay) => overlay.show(false));
      return taken;
    },
    // What is shown at a place and has something to say: { title, facts: [[label, text], …], overlay, row }: first what takes the colour from
    // the areas, for it is what the reader looks at, then the uppermost.
    here: (at) => overlays.filter((overlay) => overlay.shown && overlay.columns.length).flatMap((overlay) => overlay.find(at)).reverse()
      .sort((a, b) => b.overlay.fades - a.overlay.fades),
    // Everything that has a name: { text, overlay (by name), row, at, bounds }, a promise. The lines of one name are one.
    index: async () => (await Promise.all(overlays.map((overlay) => overlay.index()))).flat(),
    // A promise that all that is shown is read and drawn.
    settled: async () => {
      await Promise.all(overlays.map((overlay) => overlay.draw()));
      await slices.settled();
    },
  };
}

function makeOverlay(map, data, declared, zIndex) {
  const overlay = { ...declared, draw, find, index, mark };
  const { style, groups, columns } = overlay;
  const name = "overlay-" + overlay.name;
  const pane = map.createPane(name);
  pane.style.zIndex = zIndex;
  pane.style.pointerEvents = "none";
  let layer = null;
  let drawing = null;
  let numbers = null;
  let marked = null;
  let pen = null;
  let closed = false;
  map.on("unload", () => { closed = true; });
  if (overlay.from_zoom) map.on("zoomend", () => { if (overlay.shown && near() && !(drawing && map.hasLayer(drawing))) draw(); });

  async function read() {
    if (!layer) {
      const found = await packedLayer(overlay.blob);
      if (closed || layer) return;
      layer = found;
      drawing = new Drawing(layer, paint, { pane: name });
      numbers = L.layerGroup(overlay.numbered.map(([lat, lon, text]) => {
        const icon = L.divIcon({ className: "rank", html: named("span", overlay.labelled ? "place" : "", text), iconSize: null });
        return L.marker([lat, lon], { pane: "numbers", interactive: false, keyboard: false, icon });
      }));
    }
  }

  const near = () => map.getZoom() >= overlay.from_zoom;

  // Nothing is read before it can be seen.
  async function draw() {
    if (overlay.shown && near()) await read();
    if (closed || !drawing) return;
    for (const each of [drawing, numbers]) {
      if (overlay.shown) each.addTo(map);
      else each.remove();
    }
  }

  // Which zoom is close enough for the minor features: where no more than `crowded` of them stood on a screen, were they spread evenly.
  function closeZoom() {
    overlay.close ??= groups.some((group) => group.minor) ? apart(layer, (group) => groups[group].minor, overlay.crowded) : 0;
    return overlay.close;
  }

  const drawnAt = (group, zoom) => zoom >= overlay.from_zoom && (!group.minor || zoom >= closeZoom());

  function paint(zoom) {
    const growth = Math.min(3, Math.max(1, 2 ** ((zoom - map.getBoundsZoom(data.areas.view) - 1) / 3))); // points and lines grow as the map does
    const classes = groups.map((group) => {
      if (!drawnAt(group, zoom)) return null;
      const { color, weight, shape } = group;
      if (shape) {
        const line = { color, weight, dash: group.dash };
        const sign = { shape, radius: (style.radius || 5) * growth, fillOpacity: 1, ...signPaint(shape, color) };
        return { fill: { color }, outline: line, casing: { color: "#ffffff", weight: weight + 2 }, line, sign };
      }
      const fill = color || style.fill;
      const line = weight > 0 && { color: style.color, weight, dash: style.dash };
      const sign = { radius: (style.radius || 4) * growth, fill: fill || style.color, fillOpacity: style.fill_opacity ?? 1, stroke: style.color, weight };
      return { fill: fill && { color: fill }, outline: line, line: line && { ...line, color: color || style.color, weight: weight * growth }, sign };
    });
    return { classes, fillOpacity: groups[0].shape ? 0.3 : style.fill_opacity ?? 1, opacity: style.opacity ?? 1 };
  }

  function find(at) {
    if (!layer || !near()) return [];
    const zoom = map.getZoom();
    const pixel = 1 / (256 * 2 ** zoom);
    const visible = groups.map((group) => drawnAt(group, zoom));
    const rows = rowsAt(layer, fromLatLng(layer, at), POINT_PIXELS * pixel, LINE_PIXELS * pixel, (group) => visible[group]);
    const hits = rows.map((row) => ({ title: overlay.title, facts: facts(row), overlay, row })).filter((hit) => hit.facts.length);
    const known = new Set(); // a street is many rows that say the same
    return hits.filter((hit) => {
      const said = JSON.stringify(hit.facts);
      return !known.has(said) && known.add(said);
    });
  }

  function facts(row) {
    return columns.map((column, at) => [column.title, figure(column, layer.columns[at], row)]).filter(([, text]) => text);
  }

  function figure(column, { texts, values }, row) {
    if (column.text) return (column.texts || texts)[values[row]];
    if (Number.isNaN(values[row])) return column.absent;
    return (values[row] / (column.divide || 1)).toLocaleString("en") + (column.unit && " " + column.unit);
  }

  // The rows of one name, by its number, where the overlay is of lines; else each row alone.
  function alike(row) {
    const code = overlay.naming < 0 ? 0 : layer.columns[overlay.naming].values[row];
    if (!code || layer.kinds[layer.first[row]] !== LINE) return [row];
    return [...layer.columns[overlay.naming].values.keys()].filter((each) => layer.columns[overlay.naming].values[each] === code);
  }

  async function index() {
    if (overlay.naming < 0) return [];
    await read();
    if (!layer) return [];
    const { values, texts } = layer.columns[overlay.naming];
    const rows = new Map();
    for (let row = 0; row < layer.size; row++) {
      if (!values[row] || layer.first[row] === layer.first[row + 1]) continue;
      const key = layer.kinds[layer.first[row]] === LINE ? -values[row] : row;
      if (rows.has(key)) rows.get(key).push(row);
      else rows.set(key, [row]);
    }
    return [...rows.values()].map((mine) => {
      const middle = mine[mine.length >> 1];
      return { text: texts[values[mine[0]]], overlay: overlay.name, row: mine[0], at: placeOn(layer, middle), bounds: boundsOf(layer, mine) };
    });
  }

  async function mark(row) {
    marked?.remove();
    marked = null;
    if (row === null) return;
    await read();
    if (!layer) return;
    pen ??= L.svg({ pane: "marks", padding: 0.3 });
    const common = { pane: "marks", interactive: false, color: MARKED, renderer: pen };
    const rows = alike(row);
    const lines = rows.flatMap((each) => pathsOf(layer, each, [LINE]));
    const rings = rows.flatMap((each) => pathsOf(layer, each, [RING, HOLE]));
    const points = rows.flatMap((each) => pathsOf(layer, each, [POINT])).flat();
    const drawn = points.map((at) => L.circleMarker(at, { ...common, radius: 10, weight: 3, fill: false }));
    if (lines.length) drawn.push(L.polyline(lines, { ...common, color: "#ffffff", weight: 8, opacity: 0.9 }), L.polyline(lines, { ...common, weight: 4 }));
    if (rings.length) drawn.push(L.polygon(rings, { ...common, weight: 3, fillColor: MARKED, fillOpacity: 0.15 }));
    marked?.remove();
    marked = L.layerGroup(drawn).addTo(map);
  }

  return overlay;
}

// The zoom from which no more than `most` of the features of a class stand on a screen of a million pixels.
function apart({ boxes, classes, size }, wanted, most) {
  let [west, north, east, south, count] = [Infinity, Infinity, -Infinity, -Infinity, 0];
  for (let row = 0; row < size; row++) {
    if (!wanted(classes[row])) continue;
    count++;
    west = Math.min(west, boxes[4 * row]);
    north = Math.min(north, boxes[4 * row + 1]);
    east = Math.max(east, boxes[4 * row + 2]);
    south = Math.max(south, boxes[4 * row + 3]);
  }
  const pixels = Math.max(1e-12, (east - west) * (south - north)) * 256 ** 2; // at zoom 0
  return Math.log2((count * 1e6) / (most * pixels)) / 2;
}
