// The page: draws the areas, the overlays and the outlines, and joins the map with the panel.
//
// What `openPage` returns is what its parts and tools work with:
//   map, data, words, lang, frame     Leaflet's map; the data in the reader's language; the element that holds the map
//   chosen                            { metric, variant, area, second }: numbers, the area null where none is; second: what stands beside, a view
//   areas, overlays, panel            Leaflet's layer of each area by row; see overlays.js and panel.js
//   base                              what lies under all, `shown` or not; see base_map.js
//   view(metric, variant, beside)     what is shown of a variant, by default the chosen one: class, colour, status and texts by row; beside: of the other run
//   drawAreas(pane, zIndex)           draws the areas once more; paint(layers, view) colours such a drawing; labels.show(text of a row)
//   pointer                           name of the tool that takes the clicks on the map meanwhile, so that they select no area; null
//   choose(metric, variant)           shows another; select(row) shows an area, null none; visit(row) goes there too, goTo(bounds) to
//                                     any place; highlight(row) outlines an area
//   on(event, told)                   "refresh" after another metric, "select" after another area, "layers" after a layer was switched, "hover" after
//                                     the pointer came to another area (chosen.under), "close"
//   link                              get and set what the address keeps; speak(lang) builds the page in the other language
//   signal                            for listeners on window and document, which end with the page

const SVG_AREAS = 2500;
const STATUS = ["ok", "estimated", "partial", "no_data"];
const MARKS = { ok: ["", ""], estimated: ["≈ ", ""], partial: ["", " *"], no_data: ["", ""] }; // before and after a figure: an estimate never looks like a measurement

function openPage(map, data, { link, lang, speak }) {
  const words = data.words;
  const stop = new AbortController();
  const told = new Map();
  const tell = (event) => (told.get(event) || []).forEach((each) => each());
  const fills = makeFills(data.colors);
  const frame = document.querySelector(".folium-map");
  const chosen = { metric: data.opens, variant: data.opens_variant, area: null, under: null, here: [], second: null };
  document.body.classList.remove("open", "faded", "halved");
  const opened = data.overlays.map((overlay) => overlay.shown);
  recall();

  const areas = drawAreas();
  const lines = [];
  const [ring, under] = drawOutlines();
  const base = makeBase(map, data, link, () => fade());
  const overlays = makeOverlays(map, data, fade);
  const panel = makePanel(data, fills, {
    layers: overlays.list,
    lines,
    metric: (index) => choose(index, 0),
    variant: (index) => choose(chosen.metric, index),
    area: select,
    areas: () => overlays.unfade(),
  });
  const own = [heading(), panel.root, makeMargin(map, data)];
  document.body.append(...own);
  frame.append(...makeMarks(data));
  base.join(panel.root, frame);
  map.invalidateSize();
  look();
  const labels = makeLabels(map, data, areas.map((layer) => size(layer.getBounds())));
  L.control.zoom({ position: "topright", zoomInTitle: words.zoom_in, zoomOutTitle: words.zoom_out }).addTo(map);
  addHome();
  addTips();
  name();
  const page = {
    map, data, words, lang, frame, chosen, areas, lines, overlays, panel, base, labels, view, drawAreas, paint, choose, select, visit, goTo, highlight, link, speak, fills,
    home, pointer: null, margin: own[2], signal: stop.signal,
    on: (event, each) => told.set(event, [...(told.get(event) || []), each]),
    close,
  };
  page.tools = makeToolbar(page);
  refresh();
  fade();
  window.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (!page.tools.close()) select(null);
  }, { signal: stop.signal });
  map.on("moveend", () => {
    const { lat, lng } = map.getCenter();
    link.set("map", [Math.round(map.getZoom() * 100) / 100, lat.toFixed(5), lng.toFixed(5)].join("/"));
  });
  const row = data.areas.ids.slice(0, data.areas.count).indexOf(link.get("area"));
  if (row >= 0) select(row, null, !!link.get("map"));
  else link.set("area", null);
  if (!page.tools.open(link.get("tool"))) link.set("tool", null);
  return page;

  function close() {
    tell("close");
    stop.abort();
    map.remove();
    frame.replaceChildren();
    own.forEach((each) => each.remove());
    document.querySelector("body > .fills")?.remove();
  }

  // What the address says is shown: metric and variant by name, layers by name. What this map has not is forgotten.
  function recall() {
    const metric = data.metrics.findIndex((each) => each.name === link.get("metric"));
    if (metric >= 0) Object.assign(chosen, { metric, variant: 0 });
    else link.set("metric", null);
    const variant = data.metrics[chosen.metric].variants.findIndex((each) => each.name === link.get("variant"));
    if (variant >= 0) chosen.variant = variant;
    else link.set("variant", null);
    const layers = (link.get("layers") || "").split(",");
    const known = data.overlays.filter((overlay) => layers.includes(overlay.name));
    if (known.length || layers[0] === "-") data.overlays.forEach((overlay) => { overlay.shown = known.includes(overlay); });
  }

  // The view of the address, unless it is none or far from the city: that of another city, a slip of the hand.
  function look() {
    const [zoom, lat, lon, ...rest] = (link.get("map") || "").split("/").map(Number);
    const near = L.latLngBounds(data.areas.view).pad(3);
    if (!rest.length && zoom >= 1 && zoom <= map.getMaxZoom() && Math.abs(lat) <= 90 && Math.abs(lon) <= 180 && near.contains([lat, lon])) {
      return map.setView([lat, lon], zoom, { animate: false });
    }
    link.set("map", null);
    home(false);
  }

  // What the map is called by those who hear it.
  function name() {
    frame.setAttribute("role", "main");
    frame.setAttribute("aria-label", words.map_name.replace("{title}", data.city.name + " · " + data.title));
    const drawn = frame.querySelector(".leaflet-areas-pane svg");
    drawn?.setAttribute("role", "group");
    drawn?.setAttribute("aria-label", words.area_keys);
  }

  function choose(metric, variant) {
    Object.assign(chosen, { metric, variant });
    link.set("metric", data.metrics[metric].name);
    link.set("variant", variant === 0 ? null : data.metrics[metric].variants[variant].name);
    refresh();
  }

  function view(metricIndex = chosen.metric, variantIndex = chosen.variant, beside = false) {
    const metric = data.metrics[metricIndex];
    const { name, title, colors, ranges, beside: other } = metric.variants[variantIndex];
    const variant = beside ? { name, title, colors, ranges, ...other } : metric.variants[variantIndex];
    const status = (row) => STATUS[variant.status[row]];
    const counts = { classes: variant.colors.map(() => 0), status: { ok: 0, estimated: 0, partial: 0, no_data: 0 } };
    for (let row = 0; row < data.areas.count; row++) {
      counts.status[status(row)]++;
      if (variant.class[row] >= 0) counts.classes[variant.class[row]]++;
    }
    return {
      metric, variant, counts, status, metricIndex, variantIndex, beside,
      text: (column, row) => data.texts[variant[column][row]],
      color: (row) => variant.colors[variant.class[row]] || "transparent",
    };
  }

  function refresh() {
    const now = view();
    paint(areas, now);
    labels.show((row) => labelText(now, row));
    panel.show(now);
    panel.card(chosen.area, now, chosen.here);
    tell("refresh");
  }

  function paint(layers, now) {
    const fill = data.areas.count <= SVG_AREAS ? fills.forSvg : fills.forCanvas;
    layers.forEach((layer, row) => {
      layer.setStyle({ fillColor: fill(now.status(row), now.color(row)) });
      const drawn = layer.getElement?.();
      if (drawn) drawn.setAttribute("aria-label", data.areas.names[row] + ": " + now.text("value", row) + ", " + data.statuses[now.status(row)]);
    });
  }

  // Areas lose their colour under what has colours of its own: two scales at once say nothing.
  function fade() {
    const over = overlays.fading();
    document.body.classList.toggle("faded", !!over);
    areas.forEach((layer) => layer.setStyle({ fillOpacity: over ? 0 : base.shown ? OVER_TILES : 1 }));
    panel.fade(over, view());
    link.set("layers", overlays.list.every((each, index) => each.shown === opened[index]) ? null : overlays.list.filter((each) => each.shown).map((each) => each.name).join(",") || "-");
    tell("layers");
  }

  // `at`: where it was clicked; `still` leaves the map where it is.
  function select(row, at, still) {
    chosen.area = row;
    chosen.here = row !== null && at ? overlays.here(at) : [];
    ring.setLatLngs(row === null ? [] : areas[row].getLatLngs());
    panel.card(row, view(), chosen.here);
    link.set("area", row === null ? null : data.areas.ids[row]);
    if (row !== null) panel.reveal();
    tell("select");
    if (row !== null && !still && (narrow() || !at)) uncover(row);
  }

  // Shows an area and goes where it is.
  function visit(row) {
    select(row, null, true);
    goTo(areas[row].getBounds());
  }

  // What is left of the map, in its pixels, beside the card of a tool and above the opened sheet of a narrow screen.
  function free() {
    const box = frame.getBoundingClientRect();
    const left = { left: 0, top: 0, right: box.width, bottom: box.height };
    if (narrow() && document.body.classList.contains("open")) left.bottom = window.innerHeight * 0.34 - box.top;
    const card = frame.querySelector(".tool-card:not([hidden])")?.getBoundingClientRect();
    if (card && card.width > box.width * 0.6) left.bottom = Math.min(left.bottom, card.top - box.top);
    else if (card) left.left = card.right - box.left;
    return left;
  }

  // Shows a place in what is left of the map.
  function goTo(bounds) {
    const { left, top, right, bottom } = free();
    const { x, y } = map.getSize();
    const margin = Math.max(10, Math.min(60, (bottom - top) / 6));
    map.fitBounds(bounds, { maxZoom: Math.max(16, map.getZoom()), paddingTopLeft: [left + margin, top + margin], paddingBottomRight: [x - right + margin, y - bottom + margin] });
  }

  // Moves an area that something covers to the middle of what is left of the map; on a narrow screen always.
  function uncover(row) {
    const { left, top, right, bottom } = free();
    const at = map.latLngToContainerPoint(data.areas.labels[row]);
    if (!narrow() && at.x > left && at.x < right && at.y > top && at.y < bottom) return;
    map.panBy([at.x - (left + right) / 2, at.y - Math.max(40, (top + bottom) / 2)]);
  }

  function highlight(row) {
    under.setLatLngs(row === null ? [] : areas[row].getLatLngs());
  }

  function drawAreas(name = "areas", zIndex = 400) {
    const pane = map.getPane(name) || map.createPane(name);
    pane.style.zIndex = zIndex;
    const renderer = data.areas.count <= SVG_AREAS ? L.svg({ pane: name, padding: 0.3 }) : L.canvas({ pane: name });
    return unpack(data.areas.shapes).map((parts, row) => {
      const weight = data.areas.count > 150 ? 0.5 : 1.4;
      const layer = L.polygon(parts, { renderer, pane: name, color: "#4b5563", weight, fillOpacity: 1, smoothFactor: 0.5 }).addTo(map);
      layer.on({ click: (event) => page.pointer || select(row, event.latlng), mouseover: () => point(row), mouseout: () => point(null) });
      const drawn = layer.getElement?.();
      if (drawn && name !== "areas") drawn.setAttribute("aria-hidden", "true"); // the same areas once more
      else if (drawn) {
        drawn.setAttribute("tabindex", row ? "-1" : "0");
        drawn.setAttribute("role", "button");
        drawn.addEventListener("keydown", (event) => {
          if (page.pointer) return; // the tool that takes the clicks takes the keys
          if (event.key === "Enter" || event.key === " ") select(row);
          else if (ARROWS[event.key]) step(row, ARROWS[event.key]);
          else return;
          event.preventDefault();
          event.stopPropagation();
        });
        drawn.addEventListener("focus", () => {
          frame.querySelector('.leaflet-areas-pane path[tabindex="0"]')?.setAttribute("tabindex", "-1");
          drawn.setAttribute("tabindex", "0");
        });
      }
      return layer;
    });
  }

  // All areas are one stop of the Tab key. An arrow moves to the nearest area in its quarter of the compass, straight ahead before aside.
  function step(from, [east, north]) {
    const { x, y } = map.latLngToLayerPoint(data.areas.labels[from]);
    let best = null;
    let least = Infinity;
    data.areas.labels.forEach((at, row) => {
      const to = map.latLngToLayerPoint(at);
      const ahead = (to.x - x) * east + (y - to.y) * north;
      const aside = Math.abs((to.x - x) * north + (to.y - y) * east);
      const far = ahead + 2 * aside;
      if (row !== from && ahead > 0 && aside <= ahead && far < least) [best, least] = [row, far];
    });
    if (best === null) return;
    areas[best].getElement().focus({ preventScroll: true });
    if (!map.getBounds().contains(data.areas.labels[best])) map.panTo(data.areas.labels[best]);
  }

  function point(row) {
    if (chosen.under === row) return;
    chosen.under = row;
    tell("hover");
  }

  // One tooltip for the area and for what is shown over it; a narrow screen has no room for it, and the card says the same.
  function addTips() {
    const tip = L.tooltip({ className: "hover", opacity: 1, direction: "auto", offset: [12, 0] });
    map.on("mousemove", (event) => {
      if (narrow()) return tip.remove();
      const hits = overlays.here(event.latlng);
      if (chosen.under === null && !hits.length) return tip.remove();
      tip.setLatLng(event.latlng).setContent(hoverText(chosen.under, hits)).addTo(map);
    });
    map.on("mouseout movestart", () => tip.remove());
  }

  function hoverText(row, hits) {
    const box = element("div");
    if (row !== null) {
      box.append(named("div", "name", data.areas.names[row]));
      for (const now of [view(), chosen.second].filter(Boolean)) {
        const line = box.appendChild(element("div", "figures"));
        line.append(element("b", "", now.text("value", row)), element("small", "", data.statuses[now.status(row)]));
        if (chosen.second) line.append(element("small", "of", " · " + (now.beside ? data.beside.title : [now.metric.title, now.variant.title].filter(Boolean).join(" · "))));
      }
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
    return [{ weight: 3.5 }, { weight: 2.5, dashArray: "4 3" }].map((style) => L.polygon([], { ...common, color: "#e8590c", ...style }).addTo(map));
  }

  function heading() {
    const head = element("header", "heading");
    head.append(element("p", "kind", data.title), named("h1", "", data.city.name), element("p", "facts", [data.city.edition, data.city.facts[0]].filter(Boolean).join(" · ")));
    if (data.city.synthetic) head.append(named("p", "synthetic", data.city.synthetic));
    return head;
  }

  function home(animate) {
    map.fitBounds(data.areas.view, { paddingTopLeft: [BESIDE_TOOLS, EDGE], paddingBottomRight: [EDGE, EDGE], animate });
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

// What a label says of an area.
function labelText(now, row) {
  return marked(bare(now.text("value", row), now.metric.unit), now.status(row));
}

// On the map the unit is left to the legend; only % stays.
function bare(text, unit) {
  return unit !== "%" && text.endsWith(" " + unit) ? text.slice(0, -unit.length - 1) : text;
}

// A figure with the sign of its status.
function marked(text, status) {
  return text === "—" ? text : MARKS[status].join(text);
}

// What is left free around the opening view, in pixels: the tools stand on the left.
const EDGE = 18;
const BESIDE_TOOLS = 54;

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function narrow() {
  return window.matchMedia("(max-width: 760px)").matches;
}

function size(bounds) {
  return (bounds.getNorth() - bounds.getSouth()) * (bounds.getEast() - bounds.getWest());
}
