// Names and values on the map: only where they stand free of one another; the larger area first.

function makeLabels(map, data, sizes) {
  const most = 80;
  const pane = map.createPane("labels");
  pane.style.zIndex = 640;
  pane.style.pointerEvents = "none";
  let line = null;
  const rows = [...Array(data.areas.count).keys()].sort((a, b) => sizes[b] - sizes[a]);
  const marks = data.areas.count > most ? [] : rows.map((row) => {
    const icon = element("div", "tag");
    const text = icon.appendChild(element("div"));
    text.append(named("span", "name", data.areas.names[row]), element("b"));
    pane.append(icon);
    return { row, icon, at: L.latLng(data.areas.labels[row]) };
  });

  function place() {
    const taken = [];
    const seen = map.getSize();
    for (const mark of marks) {
      const at = map.latLngToLayerPoint(mark.at);
      const shown = map.latLngToContainerPoint(mark.at);
      const [width, height] = [mark.icon.offsetWidth / 2 + 3, mark.icon.offsetHeight / 2 + 1];
      const aside = line === null || Math.abs(shown.x - line) >= width ? 0 : (shown.x > line ? line + width : line - width) - shown.x;
      [at.x, shown.x] = [at.x + aside, shown.x + aside];
      L.DomUtil.setPosition(mark.icon, at);
      const box = [shown.x - width, shown.y - height, shown.x + width, shown.y + height];
      const inside = box[0] >= 0 && box[1] >= 0 && box[2] <= seen.x && box[3] <= seen.y;
      const free = inside && taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
      if (free) taken.push(box);
      mark.icon.classList.toggle("hidden", !free);
    }
  }

  function show(value) {
    for (const mark of marks) mark.icon.querySelector("b").textContent = value(mark.row);
    place();
  }

  // Labels stand clear of an upright line, on the side on which their area is marked.
  function avoid(x) {
    line = x;
    place();
  }

  map.on("zoomstart", () => pane.classList.add("moving"));
  map.on("zoomend moveend viewreset resize", () => {
    pane.classList.remove("moving");
    place();
  });
  return { show, avoid, rows: marks.map((mark) => mark.row) };
}
