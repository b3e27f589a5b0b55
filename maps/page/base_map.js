// What lies under all: the tiles of a base map, where the city's declaration chooses one. Nothing else on the page asks a network for anything.

const OVER_TILES = 0.65; // how solid areas are while tiles lie under them

function makeBase(map, data, link, changed) {
  const { base, words } = data;
  if (!base) return { shown: false, join() {} };
  const tiles = base.tiles.map((template) => L.tileLayer(template, { maxNativeZoom: base.max_zoom, maxZoom: 22, keepBuffer: 1 }));
  const mark = named("span", "base-mark", base.attribution);
  const failed = element("small", "failed", words.base_map_failed);
  failed.hidden = true;
  const made = { shown: link.get("base") !== "off", join };
  tiles.forEach((layer) => layer.on("tileerror", () => { failed.hidden = false; }).on("tileload", () => { failed.hidden = true; }));
  draw();
  return made;

  function draw() {
    tiles.forEach((layer) => (made.shown ? layer.addTo(map) : layer.remove()));
    mark.hidden = !made.shown;
    if (!made.shown) failed.hidden = true;
  }

  // A row in the list of layers, with its strength, and the mark of whose tiles they are, which stands on the map as long as they do.
  function join(root, frame) {
    const list = root.querySelector('.layers [data-group="ground"]') || root.querySelector(".layers");
    root.querySelector(".layers").hidden = false;
    const row = element("div", "base-row");
    const label = row.appendChild(element("label", "layer base"));
    const box = element("input");
    box.type = "checkbox";
    box.checked = made.shown;
    label.append(box, named("span", "", base.title));
    const strength = element("input", "strength");
    Object.assign(strength, { type: "range", min: 0.2, max: 1, step: 0.1, value: 1, title: words.base_map_strength });
    strength.setAttribute("aria-label", words.base_map_strength);
    strength.addEventListener("input", () => tiles.forEach((layer) => layer.setOpacity(Number(strength.value))));
    box.addEventListener("change", () => {
      made.shown = box.checked;
      strength.disabled = !box.checked;
      link.set("base", box.checked ? null : "off");
      draw();
      changed();
    });
    strength.disabled = !made.shown;
    row.append(strength, failed);
    list.append(row);
    let credits = frame.querySelector(".attribution");
    if (!credits) credits = frame.appendChild(element("div", "attribution"));
    if (credits.textContent) mark.textContent += " · ";
    credits.prepend(mark);
  }
}
