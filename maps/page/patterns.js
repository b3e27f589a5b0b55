// How an area is filled: a plain class colour (measured), the colour with dots (estimated), hatched light (partly covered), hatched grey (no data).
// The same fills stand in the map and in the legend. SVG takes them by reference, a canvas as pattern objects.

const SVG = "http://www.w3.org/2000/svg";
const TILE = 8;
const HATCH = { no_data: "#a3a8b0", partial: "#2c7fb8" };

function makeFills(colors) {
  const store = document.createElementNS(SVG, "svg");
  store.setAttribute("class", "fills");
  store.setAttribute("aria-hidden", "true");
  document.body.append(store);
  const known = new Map();

  // The mark that is put on a ground colour: { dots } or { hatch }.
  function recipe(status, color) {
    if (status === "no_data" || status === "partial") return { ground: colors[status], hatch: HATCH[status], wide: status === "partial" };
    return { ground: color, dots: status === "estimated" ? dotColor(color) : null };
  }

  function forSvg(status, color) {
    if (status === "ok") return color;
    const id = "fill-" + status + "-" + (status === "estimated" ? color.slice(1) : "");
    if (!known.has(id)) {
      store.append(svgPattern(id, recipe(status, color)));
      known.set(id, "url(#" + id + ")");
    }
    return known.get(id);
  }

  function forCanvas(status, color) {
    if (status === "ok") return color;
    const id = status + color;
    if (!known.has(id)) known.set(id, canvasPattern(recipe(status, color)));
    return known.get(id);
  }

  return { forSvg, forCanvas };
}

function dotColor(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return 0.3 * red + 0.6 * green + 0.1 * blue > 120 ? "rgba(23,37,63,0.38)" : "rgba(255,255,255,0.5)";
}

function svgPattern(id, { ground, hatch, wide, dots }) {
  const pattern = svg("pattern", { id, width: TILE, height: TILE, patternUnits: "userSpaceOnUse" });
  pattern.append(svg("rect", { width: TILE, height: TILE, fill: ground }));
  if (dots) pattern.append(svg("circle", { cx: 2, cy: 2, r: 0.9, fill: dots }), svg("circle", { cx: 6, cy: 6, r: 0.9, fill: dots }));
  if (hatch) pattern.append(svg("path", { d: hatchPath(wide), stroke: hatch, "stroke-width": 1, fill: "none", "stroke-opacity": wide ? 0.32 : 0.6 }));
  return pattern;
}

// Partly covered leans right and is wide; no data leans left and is close.
function hatchPath(wide) {
  return wide ? "M-2 2L2 -2M-1 9L9 -1M6 10L10 6" : "M-1 -1L9 9M-1 3L5 9M3 -1L9 5";
}

function canvasPattern({ ground, hatch, wide, dots }) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = TILE;
  const brush = tile.getContext("2d");
  brush.fillStyle = ground;
  brush.fillRect(0, 0, TILE, TILE);
  if (hatch) {
    brush.strokeStyle = hatch;
    brush.stroke(new Path2D(hatchPath(wide)));
  }
  if (dots) {
    brush.fillStyle = dots;
    brush.fillRect(1, 1, 2, 2);
    brush.fillRect(5, 5, 2, 2);
  }
  return brush.createPattern(tile, "repeat");
}

function svg(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A small filled box for the legend.
function swatch(fill, attributes = {}) {
  const box = svg("svg", { width: 28, height: 16, class: "swatch", "aria-hidden": "true" });
  box.append(svg("rect", { x: 0.5, y: 0.5, width: 27, height: 15, fill, stroke: "#6b7280", ...attributes }));
  return box;
}

// The sign of an overlay in the list of layers: a ramp where it is graded, a dot where it is of points.
function overlaySwatch({ style, points, groups, legend, key }, color) {
  if (key) return signSwatch(key.slice(0, 4), false);
  const fill = color || style.fill;
  if (points) {
    const box = svg("svg", { width: 28, height: 16, class: "swatch", "aria-hidden": "true" });
    const shown = color || !groups[0].color ? [fill] : groups.slice(0, 5).map((group) => group.color);
    shown.forEach((each, at) => box.append(svg("circle", { cx: 14 + (at - (shown.length - 1) / 2) * 5, cy: 8, r: shown.length > 1 ? 2.4 : 4.5, fill: each })));
    return box;
  }
  if (legend && !color) {
    const box = svg("svg", { width: 28, height: 16, class: "swatch", "aria-hidden": "true" });
    groups.forEach((group, at) => box.append(svg("rect", { x: 1 + (26 * at) / groups.length, y: 2, width: 26 / groups.length + 0.3, height: 12, fill: group.color })));
    return box;
  }
  return lineSwatch({ ...style, fill });
}

function lineSwatch(style) {
  const box = svg("svg", { width: 28, height: 16, class: "swatch", "aria-hidden": "true" });
  const shape = style.fill
    ? svg("rect", { x: 1, y: 2, width: 26, height: 12, fill: style.fill, "fill-opacity": style.fill_opacity, stroke: style.color })
    : svg("path", { d: "M1 8H27", stroke: style.color, "stroke-width": Math.max(1.5, style.weight), "stroke-dasharray": style.dash || "none" });
  box.append(shape);
  return box;
}
