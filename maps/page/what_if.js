// The tool that places parks and facilities: a click on the map drops one, dragging moves it, and the card says whom it would serve.

const CELL_OF_POINT_M = 24;
let whatIfModel = null;

TOOLS.push({
  name: "what_if",
  icon: "M12 21s-6.500-5.600-6.500-11a6.500 6.500 0 0 1 13 0c0 5.400-6.500 11-6.500 11zM12 7v6M9 10h6",
  wanted: (page) => !!page.data.what_if,
  make: makeWhatIf,
});

function makeWhatIf(page) {
  const { map, data, link } = page;
  const what = data.what_if;
  const words = page.words.what_if;
  const areas = data.areas;
  const cityRow = areas.ids.indexOf("city");
  const count = (people) => Math.round(people).toLocaleString("en-US");
  const share = (part, all) => (all > 0 ? ((100 * part) / all).toFixed(1) + "%" : "–");
  const say = (text, values) => text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
  let sites = recalled();
  let chosen = { kind: sites.at(-1)?.kind ?? 0, area: sites.at(-1)?.area || 1000, measure: recalledMeasure() };
  let model = null;
  let drawn = null;
  let parts = null;
  let waiting = 0;

  // ---------------------------------------------------------------- what the address keeps

  function recalled() {
    return (link.get("sites") || "").split(",").flatMap((text) => {
      const [name, area, lat, lon] = text.split("/");
      const kind = what.kinds.findIndex((each) => each.name === name);
      const numbers = [area, lat, lon].map(Number);
      return kind < 0 || lon === undefined || !numbers.every(Number.isFinite) ? [] : [{ kind, area: bounded(numbers[0]), lat: numbers[1], lon: numbers[2] }];
    });
  }

  function recalledMeasure() {
    return what.measures.findIndex((each) => each.metric + "/" + each.variant === link.get("what_if"));
  }

  function remember() {
    const measure = what.measures[chosen.measure];
    link.set("sites", sites.map((site) => [what.kinds[site.kind].name, what.kinds[site.kind].park ? site.area : 0, site.lat, site.lon].join("/")).join(","));
    link.set("what_if", sites.length && measure ? measure.metric + "/" + measure.variant : null);
  }

  // ---------------------------------------------------------------- the card

  function open(box) {
    parts = { status: element("p", "state", words.loading), sites: element("ol", "placed"), result: element("div", "result") };
    const centre = button("centre", words.centre, () => add(map.containerPointToLatLng(drawn.centre())));
    centre.addEventListener("focus", () => drawn?.aim(true));
    centre.addEventListener("blur", () => drawn?.aim(false));
    const clear = button("clear", words.clear, () => { sites = []; settle(); });
    parts.clear = clear;
    const buttons = element("div", "buttons");
    buttons.append(centre, clear);
    const choices = element("div", "choices");
    choices.append(kindField(), sizeField());
    box.append(element("p", "made-up", words.not_measured), choices, element("p", "how", words.how), buttons, parts.status, parts.result, measureField(), parts.sites);
    parts.status.setAttribute("role", "status");
    draw();
    whatIfModel ??= blob("what-if").then((bytes) => makeModel(bytes, what, areas.ids.length));
    whatIfModel.then((made) => {
      model = made;
      if (parts) settle();
    });
  }

  function close() {
    drawn?.remove();
    drawn = parts = null;
  }

  function button(name, text, press) {
    const made = element("button", name, text);
    made.type = "button";
    made.addEventListener("click", press);
    return made;
  }

  function field(title, input) {
    const label = element("label", "field");
    label.append(element("span", "", title), input);
    return label;
  }

  function kindField() {
    const select = element("select");
    select.name = "kind";
    what.kinds.forEach((kind, n) => select.append(new Option(kind.title, n, false, n === chosen.kind)));
    select.addEventListener("change", () => {
      chosen.kind = Number(select.value);
      showSize();
      settle();
    });
    const made = field(words.kind, select);
    made.hidden = what.kinds.length < 2;
    return made;
  }

  function sizeField() {
    const input = element("input");
    Object.assign(input, { type: "number", name: "size", min: 50, max: 1000000, step: 50, value: chosen.area });
    input.setAttribute("list", "park-sizes");
    const list = element("datalist");
    list.id = "park-sizes";
    [400, 1000, 2000, 5000, 10000].forEach((area) => list.append(new Option(area)));
    input.addEventListener("input", () => {
      if (!(input.valueAsNumber > 0)) return;
      chosen.area = bounded(input.valueAsNumber);
      const last = sites.findLast((site) => what.kinds[site.kind].park);
      if (last) last.area = chosen.area;
      showSize();
      settle();
    });
    parts.size = field(words.size + " (m²)", input);
    parts.size.classList.add("size");
    parts.size.append(list);
    parts.serves = element("small", "serves");
    parts.size.append(parts.serves);
    showSize();
    return parts.size;
  }

  function showSize() {
    const { park, reaches } = what.kinds[chosen.kind];
    parts.size.hidden = !park;
    parts.serves.replaceChildren();
    if (!park) return;
    const said = reaches.filter((reach) => what.editions[reach]).map((reach) => {
      const metres = what.reaches[reach].limits.reduce((most, [least, far]) => (chosen.area >= least ? far : most), 0);
      return say(metres ? words.serves : words.serves_none, { m: metres, edition: words["edition_" + what.editions[reach]] });
    });
    parts.serves.textContent = said.join(page.lang === "zh" ? "；" : "; ");
  }

  // Figures that some site, or the kind to be placed, can change.
  function offered() {
    const kinds = new Set([...sites.map((site) => site.kind), ...(sites.length ? [] : [chosen.kind])]);
    const touched = new Set([...kinds].flatMap((kind) => what.kinds[kind].reaches));
    return what.measures.map((measure, n) => (measure.reaches.some((reach) => touched.has(reach)) ? n : -1)).filter((n) => n >= 0);
  }

  function measureField() {
    parts.measure = element("select");
    parts.measure.name = "measure";
    parts.measure.addEventListener("change", () => {
      chosen.measure = Number(parts.measure.value);
      settle();
    });
    parts.by = element("small", "serves");
    const made = field(words.measured_by, parts.measure);
    made.append(parts.by);
    return made;
  }

  function showMeasures() {
    const can = offered();
    if (!can.includes(chosen.measure)) chosen.measure = can[0] ?? 0;
    parts.measure.replaceChildren(...can.map((n) => new Option(what.measures[n].title + " · " + what.measures[n].variant_title, n, false, n === chosen.measure)));
    parts.by.textContent = what.measures[chosen.measure].variant_title;
  }

  // ---------------------------------------------------------------- placing

  function add(at, area = chosen.area) {
    sites.push({ kind: chosen.kind, area, ...rounded(at) });
    settle();
  }

  function remove(index) {
    sites.splice(index, 1);
    settle();
  }

  function move(index, at) {
    Object.assign(sites[index], rounded(at));
    recompute();
  }

  // What is placed, and everything that follows from it.
  function settle() {
    remember();
    showMeasures();
    remember();
    if (!drawn) return;
    drawn.marks(sites.map((site) => what.kinds[site.kind]));
    recompute();
  }

  function soon() {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      recompute();
    });
  }

  function recompute() {
    if (!model || !parts) return;
    const began = performance.now();
    const placed = sites.map((site) => model.place(site));
    const refused = placed.map((each, n) => each.refused || (placed.slice(0, n).some((other) => other.box && each.box && !other.refused && boxesTouch(other.box, each.box)) ? "meets" : null));
    const counted = placed.filter((_, n) => !refused[n]);
    const answer = model.evaluate(chosen.measure, counted);
    const alone = placed.map((each, n) => (refused[n] ? null : model.evaluate(chosen.measure, [each]).gained[cityRow]));
    showResult(answer, counted.length);
    showSites(placed, refused, alone);
    drawn.show(placed, refused, answer.homes);
    parts.result.dataset.ms = (performance.now() - began).toFixed(1);
  }

  function showResult({ all, before, gained }, placed) {
    const measure = what.measures[chosen.measure];
    const status = (row) => STATUS[measure.status[row]];
    parts.status.textContent = sites.length ? "" : words.nobody;
    parts.status.hidden = sites.length > 0;
    parts.clear.disabled = !sites.length;
    parts.result.replaceChildren();
    if (!placed) return;
    const known = [...areas.ids.keys()].filter((row) => status(row) !== "no_data" && all[row] > 0);
    const changed = known.filter((row) => row < areas.count && gained[row] > 0).sort((a, b) => gained[b] - gained[a]);
    const big = element("p", "newly");
    big.append(element("b", "", "+" + count(gained[cityRow])), element("span", "", words.newly));
    const table = element("table");
    const head = table.createTHead().insertRow();
    [words.area, words.newly, words.before, words.after].forEach((title) => head.append(element("th", "", title)));
    const body = table.createTBody();
    for (const row of [cityRow, ...changed]) {
      if (!known.includes(row)) continue;
      const line = body.insertRow();
      Object.assign(line.dataset, { area: areas.ids[row], people: all[row], before: before[row], gained: gained[row] });
      if (row === cityRow) line.className = "city";
      const name = named("th", "", areas.names[row]);
      if (status(row) !== "ok") name.append(element("small", "", data.statuses[status(row)]));
      line.append(name, element("td", "", "+" + count(gained[row])), element("td", "", share(before[row], all[row])), element("td", "", share(before[row] + gained[row], all[row])));
    }
    parts.result.append(big, table);
    const others = known.filter((row) => row < areas.count).length - changed.length;
    if (others > 0) parts.result.append(element("p", "others", say(words.others, { n: others })));
    if (known.some((row) => status(row) === "estimated")) parts.result.append(element("p", "others", words.estimated));
  }

  function showSites(placed, refused, alone) {
    parts.sites.replaceChildren(...sites.map((site, n) => {
      const kind = what.kinds[site.kind];
      const line = element("li");
      const counts = what.measures[chosen.measure].reaches.some((reach) => placed[n].reaches.has(reach));
      const title = say(words.site, { kind: kind.title, n: n + 1 });
      line.append(element("b", "", title + (kind.park ? " · " + site.area.toLocaleString("en-US") + " m²" : "")));
      const why = refused[n] ? words[refused[n]] : counts ? say(words.alone, { n: count(alone[n]) }) : kind.park && model.radius(kind.reaches[0], site.area) === 0 ? words.small : words.unaffected;
      line.append(element("span", refused[n] || !counts ? "refused" : "", why));
      Object.assign(line.dataset, { state: refused[n] || (counts ? "counted" : "unaffected"), gained: alone[n] ?? "" });
      const shut = button("remove", "×", () => remove(n));
      shut.setAttribute("aria-label", words.remove + ": " + title);
      line.append(shut);
      return line;
    }));
    parts.sites.hidden = !sites.length;
  }

  // ---------------------------------------------------------------- the map

  function draw() {
    drawn = drawSites(page, what, {
      add,
      move: (index, at) => { Object.assign(sites[index], rounded(at)); soon(); },
      moved: (index, at) => { move(index, at); remember(); },
      remove,
      sites: () => sites,
      model: () => model,
    });
  }

  return { open, close };
}

// A place to a centimetre, as the address keeps it.
function rounded({ lat, lng }) {
  return { lat: Math.round(lat * 1e7) / 1e7, lon: Math.round(lng * 1e7) / 1e7 };
}

function bounded(area) {
  return Math.min(Math.max(Math.round(area), 1), 1e6);
}
