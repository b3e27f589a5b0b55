// The page: draws the areas, the overlays and the outlines, and joins the map with the panel.

const SVG_AREAS = 2500;
const STATUS = ["ok", "estimated", "partial", "no_data"];

function openPage(map, data) {
  const words = data.words;
  const fills = makeFills(data.colors);
  const frame = document.querySelector(".folium-map");
  const chosen = { metric: data.opens, variant: 0, area: null, under: null, here: [] };

  const areas = drawAreas();
  const lines = [];
  const ring = drawOutlines();
  const overlays = makeOverlays(map, data, fade);
  const panel = makePanel(data, fills, {
    layers: overlays.list,
    lines,
    metric: (index) => { Object.assign(chosen, { metric: index, variant: 0 }); refresh(); },
    variant: (index) => { chosen.variant = index; refresh(); },
    area: select,
  });
  document.body.append(heading(), panel.root);
  frame.append(...furniture());
  map.invalidateSize();
  home(false);
  const labels = makeLabels(map, data, areas.map((layer) => size(layer.getBounds())));
  L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
  addHome();
  addTips();
  refresh();
  fade();
  window.addEventListener("keydown", (event) => event.key === "Escape" && select(null));

  function view() {
    const metric = data.metrics[chosen.metric];
    const variant = metric.variants[chosen.variant];
    const status = (row) => STATUS[variant.status[row]];
    const counts = { classes: variant.colors.map(() => 0), status: { ok: 0, estimated: 0, partial: 0, no_data: 0 } };
    for (let row = 0; row < data.areas.count; row++) {
      counts.status[status(row)]++;
      if (variant.class[row] >= 0) counts.classes[variant.class[row]]++;
    }
    return {
      metric, variant, counts, status, metricIndex: chosen.metric, variantIndex: chosen.variant,
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
  }

  // Areas lose their colour under what has colours of its own: two scales at once say nothing.
  function fade() {
    const over = overlays.fading();
    document.body.classList.toggle("faded", !!over);
    areas.forEach((layer) => layer.setStyle({ fillOpacity: over ? 0 : 1 }));
    panel.fade(over, view());
  }

  function select(row, at) {
    chosen.area = row;
    chosen.here = row !== null && at ? overlays.here(at) : [];
    ring.setLatLngs(row === null ? [] : areas[row].getLatLngs());
    panel.card(row, view(), chosen.here);
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
