// Two figures side by side: the map left of a line shows one, right of it another metric, variant or run. Only the areas are parted; what lies over
// them stays whole.

const STEP_KEYS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };

TOOLS.push({
  name: "swipe",
  icon: "M12 3v18M4 6h5v12H4zM15 6h5v12h-5zM9 12H6M18 12h-3",
  make: makeSwipe,
  wanted: ({ data }) => data.areas.count > 0 && (data.beside || data.metrics.length > 1 || data.metrics[0].variants.length > 1),
});

function makeSwipe(page) {
  const { map, data, frame, chosen } = page;
  const words = page.words.swipe;
  let active = false;
  let second = null; // { metric, variant, beside }
  let layers = [];
  let share = 50; // per cent of the width
  let place = null; // where the line stands on the ground
  let parts = {};
  let sides = "";
  let taken = []; // layers that had the colour of the areas, which are what is compared

  page.on("refresh", () => active && refresh());
  page.on("select", () => active && legends());
  page.on("layers", () => active && fade());

  function open(box) {
    recall();
    taken = page.overlays.unfade();
    active = true;
    layers = page.drawAreas("beside", 401);
    parts = { line: divider(), first: element("aside", "swipe-legend first"), second: element("aside", "swipe-legend second"), choice: element("div", "swipe-choice") };
    frame.append(parts.line, parts.first, parts.second);
    box.append(parts.choice);
    choice();
    map.on("move zoom resize viewreset", part);
    fade();
    refresh();
  }

  function close() {
    active = false;
    chosen.second = null;
    sides = "";
    map.off("move zoom resize viewreset", part);
    layers[0]?.options.renderer.remove();
    layers.forEach((each) => each.remove());
    layers = [];
    map.getPane("areas").style.clipPath = "";
    [parts.line, parts.first, parts.second].forEach((each) => each.remove());
    page.labels.avoid(null);
    page.labels.show((row) => labelText(page.view(), row));
    ["beside", "at"].forEach((key) => page.link.set(key, null));
    if (!page.overlays.fading()) taken.forEach((each) => each.show(true));
  }

  // What stands on the right at first: the same of the other run, else the next metric that has classes, else another variant.
  function recall() {
    share = Math.min(100, Math.max(0, Number(page.link.get("at")) || 50));
    const [name, variantName, run] = (page.link.get("beside") || "").split("/");
    const metric = data.metrics.findIndex((each) => each.name === name);
    if (metric >= 0) {
      second = { metric, variant: Math.max(0, data.metrics[metric].variants.findIndex((each) => each.name === variantName)), beside: !!data.beside && run === "run" };
      return;
    }
    if (data.beside) second = { metric: chosen.metric, variant: chosen.variant, beside: true };
    else {
      const coloured = (each) => each.colors.length > 1;
      const [listed, variants] = [data.themes.flatMap((theme) => theme.metrics), data.metrics[chosen.metric].variants];
      const after = listed.slice(listed.indexOf(chosen.metric) + 1).concat(listed.slice(0, listed.indexOf(chosen.metric)));
      const next = after.find((at) => coloured(data.metrics[at].variants[0]));
      const other = variants.findIndex((each, at) => at !== chosen.variant && coloured(each));
      const alike = next === undefined && (other >= 0 || !after.length);
      second = { metric: alike ? chosen.metric : (next ?? after[0]), variant: alike ? Math.max(0, other) : 0, beside: false };
    }
  }

  function choice() {
    const fields = [];
    if (data.beside) {
      fields.push(field(words.run, [[words.this_run, 0], [data.beside.title, 1]], Number(second.beside), (value) => {
        second = value ? { metric: chosen.metric, variant: chosen.variant, beside: true } : { ...second, beside: false };
      }));
    }
    const metrics = data.themes.flatMap((theme) => theme.metrics).map((index) => [data.metrics[index].title, index]);
    fields.push(field(words.right, metrics, second.metric, (metric) => { second = { ...second, metric, variant: 0 }; }));
    const variants = data.metrics[second.metric].variants.map((each, index) => [each.title || each.name, index]);
    if (variants.length > 1) fields.push(field(page.words.variant, variants, second.variant, (variant) => { second = { ...second, variant }; }));
    const said = element("p", "hint", words.hint);
    parts.choice.replaceChildren(...fields, said);
    if (second.beside) parts.choice.append(element("p", "hint", words.same_classes));
  }

  function field(label, options, value, chosenNow) {
    const box = element("label", "field");
    const select = element("select");
    for (const [text, index] of options) {
      const made = select.appendChild(element("option", "", text));
      made.value = index;
    }
    select.value = value;
    select.addEventListener("change", () => {
      const at = [...parts.choice.querySelectorAll("select")].indexOf(select);
      chosenNow(Number(select.value));
      choice();
      refresh();
      parts.choice.querySelectorAll("select")[at]?.focus();
    });
    box.append(element("span", "", label), select);
    return box;
  }

  function refresh() {
    chosen.second = page.view(second.metric, second.variant, second.beside);
    page.paint(layers, chosen.second);
    page.link.set("beside", [data.metrics[second.metric].name, data.metrics[second.metric].variants[second.variant].name, second.beside ? "run" : ""].join("/").replace(/\/$/, ""));
    sides = "";
    legends();
    part();
  }

  function fade() {
    const faded = document.body.classList.contains("faded");
    layers.forEach((layer) => layer.setStyle({ fillOpacity: faded ? 0 : page.base.shown ? OVER_TILES : 1 }));
  }

  function legends() {
    for (const [name, shown] of [["first", page.view()], ["second", chosen.second]]) {
      parts[name].replaceChildren(...compactLegend(page, shown));
      if (chosen.area === null) continue;
      const here = element("p", "here");
      here.append(named("span", "name", data.areas.names[chosen.area]), element("b", "", shown.text("value", chosen.area)), element("small", "", data.statuses[shown.status(chosen.area)]));
      parts[name].append(here);
    }
  }

  // Cuts both drawings of the areas at the line, whichever way the map is moved under it.
  function part() {
    const { x: wide, y: high } = map.getSize();
    const composing = document.body.classList.contains("composing"); // the sheet has another width: the line stays where it is on the ground
    const x = composing ? map.latLngToContainerPoint(place).x : (wide * share) / 100;
    if (!composing) place = map.containerPointToLatLng([x, high / 2]);
    const [top, middle, bottom] = [[0, 0], [x, 0], [wide, high]].map((at) => map.containerPointToLayerPoint(at));
    const cut = (left, right) => `polygon(${left}px ${top.y}px, ${right}px ${top.y}px, ${right}px ${bottom.y}px, ${left}px ${bottom.y}px)`;
    map.getPane("areas").style.clipPath = cut(top.x, middle.x);
    map.getPane("beside").style.clipPath = cut(middle.x, bottom.x);
    parts.line.style.left = x + "px";
    parts.line.setAttribute("aria-valuenow", String(Math.round(share)));
    parts.line.setAttribute("aria-valuetext", words.valuetext.split("{}").join(Math.round(share)));
    const over = (row) => map.latLngToContainerPoint(data.areas.labels[row]).x > x;
    const now = page.labels.rows.map((row) => (over(row) ? 1 : 0)).join("");
    if (now !== sides) {
      sides = now;
      const first = page.view();
      page.labels.show((row) => labelText(over(row) ? chosen.second : first, row));
    }
    page.labels.avoid(x);
  }

  function divider() {
    const line = element("div", "swipe-line");
    line.tabIndex = 0;
    for (const [name, value] of Object.entries({ role: "slider", "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": words.title })) line.setAttribute(name, value);
    line.append(element("i", "", "◂ ▸"));
    L.DomEvent.disableClickPropagation(line);
    const move = (wanted) => {
      share = Math.min(100, Math.max(0, wanted));
      page.link.set("at", share === 50 ? null : Math.round(share * 10) / 10);
      part();
    };
    line.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      line.focus();
      line.setPointerCapture(event.pointerId);
    });
    line.addEventListener("pointermove", (event) => {
      if (!line.hasPointerCapture(event.pointerId)) return;
      const box = frame.getBoundingClientRect();
      move(((event.clientX - box.left) / box.width) * 100);
    });
    line.addEventListener("keydown", (event) => {
      if (!(event.key in STEP_KEYS)) return;
      event.preventDefault();
      event.stopPropagation();
      move(share + STEP_KEYS[event.key]);
    });
    return line;
  }

  return { open, close };
}

// The legend of one half in short: what it shows, of which run, its classes, and what else stands on the map.
function compactLegend(page, shown) {
  const { data, words } = page;
  const { metric, variant, counts } = shown;
  const rows = element("ul", "keys");
  const row = (fill, label) => {
    const line = rows.appendChild(element("li"));
    line.append(swatch(fill), element("span", "label", label));
  };
  variant.colors.forEach((color, index) => row(color, variant.ranges[index]));
  for (const status of ["estimated", "partial", "no_data"]) {
    if (counts.status[status]) row(page.fills.forSvg(status, variant.colors[Math.floor(variant.colors.length / 2)] || "#a1dab4"), data.statuses[status] + (status === "partial" ? " *" : ""));
  }
  const made = [named("h3", "", [metric.title, variant.title].filter(Boolean).join(" · "))];
  if (data.beside) made.push(named("p", "run", shown.beside ? data.beside.title : data.city.date));
  return [...made, element("p", "unit", words.unit + ": " + metric.unit), rows];
}
