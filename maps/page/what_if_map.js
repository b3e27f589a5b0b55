// What the what-if tool draws: marks that can be dragged or moved by keys, the grounds of parks, the homes newly served, and a sheet that takes clicks.

const KEY_STEP_M = 10;

function drawSites(page, what, told) {
  const { map, words } = page;
  const pane = (name, zIndex) => {
    const made = map.getPane(name) || map.createPane(name);
    made.style.zIndex = zIndex;
    return made;
  };
  const sheet = pane("what-if-sheet", 615).appendChild(element("div", "what-if-sheet"));
  pane("what-if", 612).style.pointerEvents = "none";
  pane("what-if-marks", 616);
  const renderer = L.canvas({ pane: "what-if", padding: 0.3 });
  const homes = L.polygon([], { renderer, pane: "what-if", interactive: false, stroke: true, weight: 0.8, color: "#7c2d12", fillColor: "#f59e0b", fillOpacity: 0.82 }).addTo(map);
  const grounds = L.polygon([], { renderer, pane: "what-if", interactive: false, color: "#14532d", weight: 2, fillColor: "#4ade80", fillOpacity: 0.7 }).addTo(map);
  const zooms = map.doubleClickZoom.enabled();
  map.doubleClickZoom.disable();
  const cross = page.frame.appendChild(element("div", "what-if-cross"));
  cross.hidden = true;
  let marks = [];

  L.DomEvent.on(sheet, "click", (event) => {
    L.DomEvent.stop(event);
    if (event.detail > 1 || map.dragging.moved()) return;
    told.add(map.mouseEventToLatLng(event));
  });

  function mark(kind, n) {
    const site = told.sites()[n];
    const picture = element("span", "", String(n + 1));
    const title = words.what_if.site.replace("{kind}", kind.title).replace("{n}", n + 1);
    const icon = L.divIcon({ className: "site-mark" + (kind.park ? " park" : ""), html: picture, iconSize: [26, 26], iconAnchor: [13, 13] });
    const made = L.marker([site.lat, site.lon], { icon, pane: "what-if-marks", draggable: true, autoPan: true, title, alt: title }).addTo(map);
    made.on("drag", () => told.move(n, made.getLatLng()));
    made.on("dragend", () => told.moved(n, made.getLatLng()));
    const drawn = made.getElement();
    drawn.setAttribute("aria-label", title);
    drawn.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!step && event.key !== "Delete" && event.key !== "Backspace") return;
      event.preventDefault();
      event.stopPropagation();
      if (!step) return told.remove(n);
      const { projection } = told.model() || {};
      if (!projection) return;
      const { lat, lon } = told.sites()[n];
      const [x, y] = projection.toMetres(lon, lat);
      const [lng, to] = projection.toDegrees(x + step[0] * KEY_STEP_M * (event.shiftKey ? 5 : 1), y + step[1] * KEY_STEP_M * (event.shiftKey ? 5 : 1));
      made.setLatLng([to, lng]);
      told.moved(n, made.getLatLng());
    });
    return made;
  }

  // A square around a place of the city's metres, as a ring of degrees.
  function ring(x, y, half) {
    const { projection } = told.model();
    return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([i, j]) => projection.toDegrees(x + i * half, y + j * half).reverse());
  }

  return {
    marks(kinds) {
      marks.forEach((each) => each.remove());
      marks = kinds.map(mark);
    },
    show(placed, refused, newly) {
      const model = told.model();
      grounds.setLatLngs(placed.filter((each) => each.box).map((each) => [ring(each.x, each.y, (each.box[2] - each.box[0]) / 2)]));
      const half = (what.cell_m || CELL_OF_POINT_M) / 2;
      homes.setLatLngs(newly.map((home) => [ring(...model.home(home), half)]));
      marks.forEach((each, n) => each.getElement()?.classList.toggle("refused", !!refused[n]));
    },
    // Where "at the centre" is: of what the card leaves free on a narrow screen.
    centre() {
      const whole = page.frame.getBoundingClientRect(), card = page.frame.querySelector(".tool-card").getBoundingClientRect();
      const covered = card.width > 0.8 * whole.width && card.top > whole.top;
      return L.point(whole.width / 2, (covered ? card.top - whole.top : whole.height) / 2);
    },
    aim(on) {
      const { x, y } = this.centre();
      Object.assign(cross.style, { left: x + "px", top: y + "px" });
      cross.hidden = !on;
    },
    remove() {
      cross.remove();
      [homes, grounds, ...marks].forEach((each) => each.remove());
      renderer.remove();
      sheet.remove();
      if (zooms) map.doubleClickZoom.enable();
    },
  };
}
