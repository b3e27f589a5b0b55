// The map as one sheet of A4 across, for the picture and for the printer: title, map, legend and margin in a layout that no window changes.
// The map is drawn anew in the size of the sheet, copied, and put back as it was.

const SHEET_WIDE = 1122; // A4 across at 96 dots an inch
const SHEET_HIGH = 793;
const CRISP = 2;

// The sheet, when all that draws itself by and by has done so.
async function makeSheet(page) {
  const { sheet, chart } = emptySheet(page);
  const restore = resized(page, chart);
  try {
    await page.overlays.settled();
    for (let frames = 0; frames < 3; frames++) await new Promise((done) => requestAnimationFrame(done));
    return filled(page, sheet, chart);
  } finally {
    restore();
  }
}

// The sheet at once, for a printer that does not wait.
function makeSheetNow(page) {
  const { sheet, chart } = emptySheet(page);
  const restore = resized(page, chart);
  try {
    slices.finish();
    return filled(page, sheet, chart);
  } finally {
    restore();
  }
}

// All but the map, which takes what is left of the height.
function emptySheet(page) {
  const sheet = element("article", "sheet" + (page.overlays.fading() ? " faded" : "")); // then the labels of areas show no figures, on paper too
  sheet.lang = document.documentElement.lang;
  const chart = element("div", "sheet-map leaflet-container");
  const key = sheetKey(page);
  sheet.append(document.querySelector("body > .fills").cloneNode(true), sheetHead(page), chart, key, marginCopy(page));
  document.body.append(sheet);
  const high = chart.clientHeight;
  // A long legend is set smaller until it stands beside the map; one that is longer still makes the sheet longer.
  for (let size = 1; key.scrollHeight * size > high + 1 && size > 0.35; size -= 0.05) key.style.zoom = String(size - 0.05);
  chart.style.height = high + "px";
  sheet.style.height = "auto";
  sheet.remove();
  return { sheet, chart };
}

function filled(page, sheet, chart) {
  const pane = drawnCopy(page.map.getPane("mapPane"));
  pane.querySelectorAll(".leaflet-tooltip, .leaflet-popup").forEach((each) => each.remove());
  chart.append(pane, ...[...page.frame.querySelectorAll(":scope > .stamp, :scope > .north, :scope > .swipe-line")].map((each) => each.cloneNode(true)));
  sheet.querySelector(".sheet-margin").replaceWith(marginCopy(page)); // its scale is now that of the sheet
  return sheet;
}

function marginCopy(page) {
  const margin = page.margin.cloneNode(true);
  margin.className = "sheet-margin";
  return margin;
}

// Gives the map the size that it has on the sheet; all that was seen stays in sight, and where that was the opening view, it fills the sheet.
// Returns what puts it back.
function resized({ map, data, link, pointer, frame }, chart) {
  const { retina } = L.Browser;
  const { zoomSnap } = map.options;
  const [centre, zoom, before, seen] = [map.getCenter(), map.getZoom(), map.getSize(), map.getBounds()];
  const said = link.get("map");
  const whole = L.latLngBounds(data.areas.view);
  const asOpened = !pointer && seen.contains(whole) && zoom > map.getBoundsZoom(whole, false, L.point(BESIDE_TOOLS + EDGE, 2 * EDGE)) - 0.01;
  document.body.classList.add("composing");
  frame.style.setProperty("--sheet-map-high", chart.style.height);
  L.Browser.retina = CRISP > 1; // what is drawn on a canvas is drawn twice as fine
  map.options.zoomSnap = 0;
  map.invalidateSize({ animate: false, pan: false });
  const after = map.getSize();
  const wanted = zoom + Math.log2(Math.min(after.x / before.x, after.y / before.y));
  if (asOpened) map.setView(whole.getCenter(), map.getBoundsZoom(whole, false, L.point(44, 44)), { animate: false });
  else map.setView(centre, wanted, { animate: false });
  return () => {
    document.body.classList.remove("composing");
    L.Browser.retina = retina;
    map.invalidateSize({ animate: false, pan: false });
    map.setView(centre, zoom, { animate: false });
    map.options.zoomSnap = zoomSnap;
    link.set("map", said);
  };
}

// A copy with what stands on its canvases, which a plain copy leaves out.
function drawnCopy(node) {
  const copy = node.cloneNode(true);
  const from = node.querySelectorAll("canvas");
  copy.querySelectorAll("canvas").forEach((each, at) => {
    if (from[at].width && from[at].height) each.getContext("2d").drawImage(from[at], 0, 0);
  });
  return copy;
}

function sheetHead(page) {
  const { data, chosen } = page;
  const over = page.overlays.fading();
  const head = element("header", "sheet-head");
  head.append(named("h1", "", data.city.name));
  const titles = over ? [over.title] : sides(page).map(([side, view]) => (side ? side + "：" : "") + subject(page, view));
  head.append(...titles.map((title) => named("p", "subject", title)));
  const city = data.areas.ids.indexOf("city");
  const shown = page.view();
  if (!over && !chosen.second && city >= 0 && shown.status(city) !== "no_data") {
    const total = element("p", "whole");
    total.append(named("span", "", data.areas.names[city]), element("b", "", shown.text("value", city)), element("small", "", data.statuses[shown.status(city)]));
    head.append(total);
  }
  const aside = head.appendChild(element("p", "aside"));
  aside.append(named("span", "kind", data.title));
  if (data.city.synthetic) aside.append(named("span", "synthetic", data.city.synthetic));
  return head;
}

function sides(page) {
  const words = page.words.picture;
  return page.chosen.second ? [[words.left, page.view()], [words.right, page.chosen.second]] : [["", page.view()]];
}

function subject({ data, lang }, { metric, variant, beside }) {
  const title = [metric.title, variant.title].filter(Boolean).join(" · ");
  return title + (lang === "zh" ? "（" + metric.unit + "）" : " (" + metric.unit + ")") + (beside ? " · " + data.beside.title : "");
}

// The legend of all that is drawn: the areas, their outlines, the layers that are switched on.
function sheetKey(page) {
  const { data, words } = page;
  const key = element("aside", "sheet-key");
  key.append(element("h2", "", words.picture.legend));
  const over = page.overlays.fading();
  if (page.chosen.second) {
    for (const [side, view] of sides(page)) key.append(element("p", "side", side), ...compactLegend(page, view));
  } else if (over) {
    const row = element("div", "layer");
    row.append(overlaySwatch(over), named("span", "", over.title));
    key.append(row, layerClasses(over));
  } else {
    const legend = page.panel.root.querySelector(".legend").cloneNode(true);
    legend.className = "legend";
    legend.querySelector("h2")?.remove();
    key.append(legend);
  }
  if (over || page.chosen.second) {
    const lines = key.appendChild(element("ul", "keys"));
    for (const { style, title } of page.lines) {
      const line = lines.appendChild(element("li"));
      line.append(lineSwatch(style), element("span", "label", title));
    }
  }
  const layers = page.overlays.list.filter((layer) => layer.shown && (layer !== over || page.chosen.second));
  if (layers.length) key.append(element("h2", "", words.layers));
  for (const layer of layers) {
    const row = element("div", "layer");
    row.append(overlaySwatch(layer), named("span", "", layer.title));
    const classes = layerClasses(layer);
    key.append(row, ...(classes.children.length ? [classes] : []));
  }
  const message = page.panel.root.querySelector(".message");
  if (message && !message.hidden && !over) key.append(element("p", "unit", message.textContent));
  return key;
}
