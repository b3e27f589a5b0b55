// What lies over the areas: drawn when it is wanted, found again under the pointer. The panes take no events; `here` looks into the data.

const POINT_PIXELS = 9;
const LINE_PIXELS = 6;

// Signs of points that are told apart by shape as well as by colour, around the origin with radius 1; circle and ring are round.
const SIGNS = {
  square: [[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]],
  triangle: [[[0, -1.2], [1.15, 0.85], [-1.15, 0.85]]],
  cross: [[[-0.8, -0.8], [0.8, 0.8]], [[-0.8, 0.8], [0.8, -0.8]]],
};

const Sign = L.CircleMarker.extend({
  _updatePath() {
    const outlines = SIGNS[this.options.shape];
    if (!outlines) return L.CircleMarker.prototype._updatePath.call(this);
    const { _ctx: brush, _drawing: drawing } = this._renderer;
    if (!drawing || this._empty()) return;
    brush.beginPath();
    for (const outline of outlines) {
      outline.forEach(([x, y], at) => brush[at ? "lineTo" : "moveTo"](this._point.x + x * this._radius, this._point.y + y * this._radius));
      if (outline.length > 2) brush.closePath();
    }
    this._renderer._fillStroke(brush, this);
  },
});

// What a sign is filled and outlined with.
function signPaint(shape, color) {
  if (shape === "ring") return { fill: "#ffffff", stroke: color, weight: 2.4 };
  if (shape === "cross") return { fill: "none", stroke: color, weight: 2.4 };
  return { fill: color, stroke: "#ffffff", weight: 1 };
}

// The features of a group that has a sign: points with it, lines and polygons in its colour and with one sign each.
function signs(group, common, radius) {
  const { kind, shape, color, dash, weight, shapes } = group;
  const line = { ...common, color, weight, stroke: true, dashArray: dash };
  const drawn = [];
  if (kind === "line") drawn.push(L.polyline(shapes.flat(2), { ...line, color: "#ffffff", weight: weight + 2, dashArray: null }), L.polyline(shapes.flat(2), line));
  if (kind === "polygon") drawn.push(L.polygon(shapes.flat(), { ...line, fill: true, fillColor: color, fillOpacity: 0.3 }));
  const paint = signPaint(shape, color);
  const options = { ...common, dashArray: null, radius, shape, stroke: true, color: paint.stroke, weight: paint.weight, opacity: 1 };
  const places = kind === "point" ? shapes : walk(group.signs.points, group.signs.degrees);
  return [...drawn, ...places.map((at) => new Sign(at, { ...options, fill: paint.fill !== "none", fillColor: paint.fill, fillOpacity: 1 }))];
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
  const numbers = map.createPane("numbers");
  numbers.style.zIndex = 650;
  numbers.style.pointerEvents = "none";
  const overlays = data.overlays.map((overlay, index) => makeOverlay(map, data, overlay, 410 + index));

  for (const overlay of overlays) {
    overlay.show = (wanted) => {
      overlay.shown = wanted;
      overlay.draw(wanted);
      changed();
    };
    if (overlay.shown) overlay.draw(true);
  }

  return {
    list: overlays,
    // The uppermost of those shown that take the colour from the areas; none: undefined.
    fading: () => overlays.findLast((overlay) => overlay.shown && overlay.fades),
    // What is shown at a place and has something to say: { title, facts: [[label, text], …] }, the uppermost first.
    here: (at) => overlays.filter((overlay) => overlay.shown && overlay.columns.length).flatMap((overlay) => overlay.find(at)).reverse(),
  };
}

function makeOverlay(map, data, overlay, zIndex) {
  const name = "overlay-" + overlay.name;
  const pane = map.createPane(name);
  pane.style.zIndex = zIndex;
  pane.style.pointerEvents = "none";
  const style = overlay.style;
  let layer = null;
  let groups = null;

  const kindOf = (group) => group.kind || (overlay.points ? "point" : group.color || style.fill ? "shape" : "line");
  const unpacked = () => (groups ??= overlay.groups.map((group) => ({
    ...group, kind: kindOf(group), shapes: kindOf(group) === "point" ? walk(group.shapes.points, group.shapes.degrees) : unpack(group.shapes),
  })));
  const withPoints = overlay.groups.some((group) => kindOf(group) === "point" || group.signs);

  function build() {
    const renderer = L.canvas({ pane: name, padding: 0.2 });
    const drawn = unpacked().flatMap((group) => {
      const { weight, color, kind, shapes } = group;
      const fill = color || style.fill;
      const common = { renderer, pane: name, interactive: false, color: style.color, weight, stroke: weight > 0, opacity: style.opacity ?? 1, dashArray: style.dash };
      const filled = { ...common, fill: !!fill, fillColor: fill, fillOpacity: style.fill_opacity };
      if (group.shape) return signs(group, common, style.radius || 5);
      if (kind === "point") return shapes.map((at) => L.circleMarker(at, { ...filled, radius: style.radius || 4 }));
      return [fill ? L.polygon(shapes.flat(), filled) : L.polyline(shapes.flat(2), common)];
    });
    for (const [lat, lon, text] of overlay.numbered) {
      const icon = L.divIcon({ className: "rank", html: named("span", overlay.labelled ? "place" : "", text), iconSize: null });
      drawn.push(L.marker([lat, lon], { pane: "numbers", interactive: false, keyboard: false, icon }));
    }
    return L.layerGroup(drawn);
  }

  function draw(wanted) {
    if (wanted) (layer ??= build()).addTo(map);
    else layer?.remove();
    if (wanted) resize();
  }

  // Points grow as the map is drawn larger, up to three times.
  function resize() {
    if (!withPoints || !layer || !map.hasLayer(layer)) return;
    const radius = (style.radius || 4) * Math.min(3, Math.max(1, 2 ** ((map.getZoom() - map.getBoundsZoom(data.areas.view) - 1) / 3)));
    layer.eachLayer((each) => each.setRadius?.(radius));
  }
  map.on("zoomend", resize);

  function find(at) {
    const hits = [...nearest(at), ...alongside(at), ...within(at)];
    return hits.map(([group, row]) => ({ title: overlay.title, facts: facts(group, row) }));
  }

  // How many degrees so many pixels are, to the north and to the east.
  function reach(at, pixels) {
    const edge = map.containerPointToLatLng(map.latLngToContainerPoint(at).add([pixels, pixels]));
    return [Math.abs(edge.lat - at.lat), Math.abs(edge.lng - at.lng)];
  }

  // Lines that have something to say of themselves, within a few pixels of the pointer.
  function alongside(at) {
    const [high, wide] = reach(at, LINE_PIXELS);
    const move = ([lat, lon]) => [(lon - at.lng) / wide, (lat - at.lat) / high];
    const near = (path) => path.some((point, i) => i && fromOrigin(move(path[i - 1]), move(point)) <= 1);
    return unpacked().filter((each) => each.kind === "line").flatMap((group) =>
      group.shapes.flatMap((parts, row) => (parts.some((paths) => paths.some(near)) ? [[group, row]] : []))).slice(0, 4);
  }

  // All points within reach of the pointer stand at one place as often as not: the nearest, and those that stand with it.
  function nearest(at) {
    const [high, wide] = reach(at, POINT_PIXELS);
    let found = [];
    let least = 1;
    for (const group of unpacked().filter((each) => each.kind === "point")) {
      group.shapes.forEach(([lat, lon], row) => {
        const far = Math.hypot((lat - at.lat) / high, (lon - at.lng) / wide);
        if (far > least) return;
        if (far < least) found = [];
        least = far;
        found.push([group, row]);
      });
    }
    return found.slice(0, 4);
  }

  function within(at) {
    for (const group of unpacked().filter((each) => each.kind === "polygon" || each.kind === "shape").reverse()) {
      const row = group.shapes.findIndex((parts) => parts.some((rings) => covers(rings, at)));
      if (row >= 0) return [[group, row]];
    }
    return [];
  }

  function facts(group, row) {
    return overlay.columns.map((column, at) => [column.title, figure(column, group.facts[at][row] ?? group.facts[at])]).filter(([, text]) => text);
  }

  function figure(column, value) {
    if (column.text) return data.texts[value];
    if (value < 0) return column.absent;
    return value.toLocaleString("en") + (column.unit && " " + column.unit);
  }

  return { ...overlay, draw, find };
}

// How far the origin is from a segment.
function fromOrigin([ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.min(1, Math.max(0, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(ax + share * dx, ay + share * dy);
}

// Whether a place lies inside a polygon: a ray to the east crosses its rings an odd number of times.
function covers(rings, { lat, lng }) {
  let inside = false;
  for (const ring of rings) {
    for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
      const [a, b] = [ring[i], ring[j]];
      if (a[0] > lat !== b[0] > lat && lng < a[1] + ((b[1] - a[1]) * (lat - a[0])) / (b[0] - a[0])) inside = !inside;
    }
  }
  return inside;
}
