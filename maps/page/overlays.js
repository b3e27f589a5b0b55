// What lies over the areas: drawn when it is wanted, found again under the pointer. The panes take no events; `here` looks into the data.

const POINT_PIXELS = 9;

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

  const unpacked = () => (groups ??= overlay.groups.map((group) => ({
    ...group, shapes: overlay.points ? walk(group.shapes.points, group.shapes.degrees) : unpack(group.shapes),
  })));

  function build() {
    const renderer = L.canvas({ pane: name, padding: 0.2 });
    const drawn = unpacked().flatMap(({ weight, color, shapes }) => {
      const fill = color || style.fill;
      const common = { renderer, pane: name, interactive: false, color: style.color, weight, stroke: weight > 0, opacity: style.opacity ?? 1, dashArray: style.dash };
      const filled = { ...common, fill: !!fill, fillColor: fill, fillOpacity: style.fill_opacity };
      if (overlay.points) return shapes.map((at) => L.circleMarker(at, { ...filled, radius: style.radius || 4 }));
      return [fill ? L.polygon(shapes.flat(), filled) : L.polyline(shapes.flat(2), common)];
    });
    for (const [lat, lon, text] of overlay.numbered) {
      const icon = L.divIcon({ className: "rank", html: element("span", "", text), iconSize: null });
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
    if (!overlay.points || !layer || !map.hasLayer(layer)) return;
    const radius = (style.radius || 4) * Math.min(3, Math.max(1, 2 ** ((map.getZoom() - map.getBoundsZoom(data.areas.view) - 1) / 3)));
    layer.eachLayer((each) => each.setRadius?.(radius));
  }
  map.on("zoomend", resize);

  function find(at) {
    const hits = overlay.points ? nearest(at) : within(at);
    return hits.map(([group, row]) => ({ title: overlay.title, facts: facts(group, row) }));
  }

  // All points within reach of the pointer stand at one place as often as not: the nearest, and those that stand with it.
  function nearest(at) {
    const centre = map.latLngToContainerPoint(at);
    const reach = POINT_PIXELS;
    const edge = map.containerPointToLatLng(centre.add([reach, reach]));
    const [high, wide] = [Math.abs(edge.lat - at.lat), Math.abs(edge.lng - at.lng)];
    let found = [];
    let least = 1;
    for (const group of unpacked()) {
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
    for (const group of unpacked()) {
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
