// The page: draws the areas, the overlays and the outlines, and joins the map with the panel.
//
// What `openPage` returns is what its parts and tools work with:
//   map, data, words, lang, frame     Leaflet's map; the data in the reader's language; the element that holds the map
//   chosen                            { metric, variant, area }: numbers, the area null where none is
//   areas, overlays, panel            Leaflet's layer of each area by row; see overlays.js and panel.js
//   view(metric, variant)             what is shown of a variant, by default the chosen one: class, colour, status and texts by row
//   choose(metric, variant)           shows another; select(row) shows an area, null none
//   on(event, told)                   "refresh" after another metric, "select" after another area, "layers" after a layer was switched, "close"
//   link                              get and set what the address keeps; speak(lang) builds the page in the other language
//   signal                            for listeners on window and document, which end with the page

const SVG_AREAS = 2500;
const STATUS = ["ok", "estimated", "partial", "no_data"];

function openPage(map, data, { link, lang, speak }) {
  const words = data.words;
  const stop = new AbortController();
  const told = new Map();
  const tell = (event) => (told.get(event) || []).forEach((each) => each());
  const fills = makeFills(data.colors);
  const frame = document.querySelector(".folium-map");
  const chosen = { metric: data.opens, variant: data.opens_variant, area: null, under: null, here: [] };
  document.body.classList.remove("open", "faded", "halved");
  const opened = data.overlays.map((overlay) => overlay.shown);
  recall();

  const areas = drawAreas();
  const lines = [];
  const ring = drawOutlines();
  const overlays = makeOverlays(map, data, fade);
  const panel = makePanel(data, fills, {
    layers: overlays.list,
    lines,
    metric: (index) => choose(index, 0),
    variant: (index) => choose(chosen.metric, index),
    area: select,
  });
  const own = [heading(), panel.root];
  document.body.append(...own);
  frame.append(...furniture());
  map.invalidateSize();
  look();
  const labels = makeLabels(map, data, areas.map((layer) => size(layer.getBounds())));
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  addHome();
  addTips();
  const page = {
    map, data, words, lang, frame, chosen, areas, overlays, panel, view, choose, select, link, speak, fills, home, signal: stop.signal,
    on: (event, each) => told.set(event, [...(told.get(event) || []), each]),
    close,
  };
  page.tools = makeToolbar(page);
  refresh();
  fade();
  window.addEventListener("keydown", (event) => event.key === "Escape" && select(null), { signal: stop.signal });
  map.on("moveend", () => {
    const { lat, lng } = map.getCenter();
    link.set("map", [Math.round(map.getZoom() * 100) / 100, lat.toFixed(5), lng.toFixed(5)].join("/"));
  });
  const row = data.areas.ids.slice(0, data.areas.count).indexOf(link.get("area"));
  if (row >= 0) select(row);
  page.tools.open(link.get("tool"));
  return page;

  function close() {
    tell("close");
    stop.abort();
    map.remove();
    frame.replaceChildren();
    own.forEach((each) => each.remove());
    document.querySelector("body > .fills")?.remove();
  }

  // What the address says is shown: metric and variant by name.
  function recall() {
    const metric = data.metrics.findIndex((each) => each.name === link.get("metric"));
    if (metric >= 0) Object.assign(chosen, { metric, variant: 0 });
    const variant = data.metrics[chosen.metric].variants.findIndex((each) => each.name === link.get("variant"));
    if (variant >= 0) chosen.variant = variant;
    const layers = link.get("layers");
    if (layers !== null) data.overlays.forEach((overlay) => { overlay.shown = layers.split(",").includes(overlay.name); });
  }

  function look() {
    const [zoom, lat, lon] = (link.get("map") || "").split("/").map(Number);
    if (zoom >= 0 && zoom <= 24 && Math.abs(lat) <= 85 && Math.abs(lon) <= 180) map.setView([lat, lon], zoom, { animate: false });
    else home(false);
  }

  function choose(metric, variant) {
    Object.assign(chosen, { metric, variant });
    link.set("metric", data.metrics[metric].name);
    link.set("variant", variant === 0 ? null : data.metrics[metric].variants[variant].name);
    refresh();
  }

  function view(metricIndex = chosen.metric, variantIndex = chosen.variant) {
    const metric = data.metrics[metricIndex];
    const variant = metric.variants[variantIndex];
    const status = (row) => STATUS[variant.status[row]];
    const counts = { classes: variant.colors.map(() => 0), status: { ok: 0, estimated: 0, partial: 0, no_data: 0 } };
    for (let row = 0; row < data.areas.count; row++) {
      counts.status[status(row)]++;
      if (variant.class[row] >= 0) counts.classes[variant.class[row]]++;
    }
    return {
      metric, variant, counts, status, metricIndex, variantIndex,
      text: (column, row) => data.texts[variant[column][row]],
      color: (row) => variant.colors[variant.class[row]] || "transparent",
    };
  }

  function refresh() {
    const now = view();
    const svgMade = data.areas.count <= SVG_AREAS;
    areas.forEach((layer, row) => {
      const fill = svgMade ? fills.forSvg : fills.forCanvas;
      layer.setStyle({ fillColor: fill(now.status(row), now.color(row)) });
      const drawn = layer.getElement?.();
      if (drawn) drawn.setAttribute("aria-label", data.areas.names[row] + ": " + now.text("value", row) + ", " + data.statuses[now.status(row)]);
    });
    labels.show((row) => bare(now.text("value", row), now.metric.unit) + (now.status(row) === "partial" ? " *" : ""));
    panel.show(now);
    panel.card(chosen.area, now, chosen.here);
    tell("refresh");
  }

  // Areas lose their colour under what has colours of its own: two scales at once say nothing.
  function fade() {
    const over = overlays.fading();
    document.body.classList.toggle("faded", !!over);
    areas.forEach((layer) => layer.setStyle({ fillOpacity: over ? 0 : 1 }));
    panel.fade(over, view());
    link.set("layers", overlays.list.every((each, index) => each.shown === opened[index]) ? null : overlays.list.filter((each) => each.shown).map((each) => each.name).join(",") || "-");
    tell("layers");
  }

  function select(row, at) {
    chosen.area = row;
    chosen.here = row !== null && at ? overlays.here(at) : [];
    ring.setLatLngs(row === null ? [] : areas[row].getLatLngs());
    panel.card(row, view(), chosen.here);
    link.set("area", row === null ? null : data.areas.ids[row]);
    tell("select");
    if (row === null) return;
    panel.reveal();
    uncover(row);
  }

  // On a narrow screen the opened sheet covers the lower part of the map: move the area to what is left of it.
  function uncover(row) {
    if (!window.matchMedia("(max-width: 760px)").matches) return;
    const box = frame.getBoundingClientRect();
    const left = window.innerHeight * 0.34 - box.top;
    const at = map.latLngToContainerPoint(data.areas.labels[row]);
    map.panBy([at.x - box.width / 2, at.y - Math.max(40, left / 2)]);
  }

  function drawAreas() {
    const pane = map.createPane("areas");
    pane.style.zIndex = 400;
    const renderer = data.areas.count <= SVG_AREAS ? L.svg({ pane: "areas", padding: 0.3 }) : L.canvas({ pane: "areas" });
    return unpack(data.areas.shapes).map((parts, row) => {
      const weight = data.areas.count > 150 ? 0.5 : 1.4;
      const layer = L.polygon(parts, { renderer, pane: "areas", color: "#4b5563", weight, fillOpacity: 1, smoothFactor: 0.5 }).addTo(map);
      layer.on({ click: (event) => select(row, event.latlng), mouseover: () => { chosen.under = row; }, mouseout: () => { chosen.under = null; } });
      const drawn = layer.getElement?.();
      if (drawn) {
        drawn.setAttribute("tabindex", "0");
        drawn.setAttribute("role", "button");
        drawn.addEventListener("keydown", (event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          select(row);
        });
      }
      return layer;
    });
  }

  // One tooltip for the area and for what is shown over it; a narrow screen has no room for it, and the card says the same.
  function addTips() {
    const tip = L.tooltip({ className: "hover", opacity: 1, direction: "auto", offset: [12, 0] });
    map.on("mousemove", (event) => {
      if (window.matchMedia("(max-width: 760px)").matches) return tip.remove();
      const hits = overlays.here(event.latlng);
      if (chosen.under === null && !hits.length) return tip.remove();
      tip.setLatLng(event.latlng).setContent(hoverText(chosen.under, hits)).addTo(map);
    });
    map.on("mouseout movestart", () => tip.remove());
  }

  function hoverText(row, hits) {
    const box = element("div");
    if (row !== null) {
      const now = view();
      box.append(named("div", "name", data.areas.names[row]), element("b", "", now.text("value", row)), element("small", "", data.statuses[now.status(row)]));
    }
    for (const hit of hits.slice(0, 3)) box.append(hitText(hit, 4));
    return box;
  }

  function drawOutlines() {
    const pane = map.createPane("outlines");
    pane.style.zIndex = 430;
    pane.style.pointerEvents = "none";
    const renderer = L.svg({ pane: "outlines", padding: 0.3 });
    const common = { renderer, pane: "outlines", fill: false, interactive: false };
    const draw = (shapes, title, style) => {
      const paths = unpack(shapes).flat();
      if (!paths.length) return;
      L.polygon(paths, { ...common, color: style.color, weight: style.weight, dashArray: style.dash }).addTo(map);
      lines.push({ title, style });
    };
    draw(data.areas.outline, words.outline, { color: "#111827", weight: 2 });
    draw(data.areas.extent, words.extent, { color: "#c2410c", weight: 2.2, dash: "7 5" });
    return L.polygon([], { ...common, color: "#e8590c", weight: 3.5 }).addTo(map);
  }

  function heading() {
    const head = element("header", "heading");
    head.append(element("p", "kind", data.title), named("h1", "", data.city.name), element("p", "facts", data.city.facts.join(" · ")));
    if (data.city.synthetic) head.append(named("p", "synthetic", data.city.synthetic));
    return head;
  }

  // What every map must carry: stamp, north, attribution.
  function furniture() {
    const made = [];
    if (data.city.stamp) made.push(element("div", "stamp", data.city.stamp));
    const north = element("div", "north");
    const arrow = svg("svg", { width: 18, height: 26, "aria-hidden": "true" });
    arrow.append(svg("path", { d: "M9 1L16 24L9 19Z", fill: "#1f2937" }), svg("path", { d: "M9 1L2 24L9 19Z", fill: "#fff", stroke: "#1f2937" }));
    north.append(element("span", "", words.north), arrow);
    made.push(north);
    if (data.attribution.length) made.push(named("div", "attribution", data.attribution.join(" · ")));
    return made;
  }

  function home(animate) {
    map.fitBounds(data.areas.view, { padding: [18, 18], animate });
  }

  function addHome() {
    const control = L.control({ position: "topright" });
    control.onAdd = () => {
      const bar = element("div", "leaflet-bar home");
      const button = bar.appendChild(element("a", "", "⌂"));
      button.href = "#";
      button.title = words.reset;
      button.setAttribute("role", "button");
      button.setAttribute("aria-label", words.reset);
      L.DomEvent.disableClickPropagation(bar);
      L.DomEvent.on(button, "click", (event) => { L.DomEvent.preventDefault(event); home(true); });
      return bar;
    };
    control.addTo(map);
  }
}

// On the map the unit is left to the legend; only % stays.
function bare(text, unit) {
  return unit !== "%" && text.endsWith(" " + unit) ? text.slice(0, -unit.length - 1) : text;
}

function size(bounds) {
  return (bounds.getNorth() - bounds.getSouth()) * (bounds.getEast() - bounds.getWest());
}
