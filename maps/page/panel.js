// The panel: what is shown, its legend, its figures, the layers. It is told what to show and says what was chosen; it never touches the map.

function makePanel(data, fills, on) {
  const words = data.words;
  const root = element("aside", "panel");
  root.setAttribute("aria-label", data.title);
  const parts = {};
  const targets = makeTargets(data);
  let over;
  const block = (name, tag = "section") => root.appendChild((parts[name] = element(tag, name)));

  block("chooser").append(
    field(words.metric, "metric", (index) => on.metric(index)),
    field(words.variant, "variant", (index) => on.variant(index)),
    field(words.measured_by, "half", (index) => on.variant(index)),
  );
  const [first, second, third] = root.querySelectorAll("select");
  first.replaceChildren(...data.themes.map((theme) => {
    const group = element("optgroup");
    group.label = theme.title;
    group.append(...theme.metrics.map((index) => option(targets.mark(data.metrics[index]) + data.metrics[index].title, index)));
    return group;
  }));
  const more = root.querySelector(".chooser").appendChild(element("button", "expand", words.more));
  more.type = "button";
  more.addEventListener("click", () => open(!document.body.classList.contains("open")));
  block("ramp", "div");
  const card = makeCard(data, targets, () => on.area(null));
  root.append(card.root);
  block("message", "p");
  block("legend");
  block("targets");
  block("totals");
  const layers = makeLayers(data, on.layers);
  root.append(layers.root);
  block("about");
  block("notes");
  block("areas");
  notesBlock();

  function field(label, name, chosen) {
    const box = element("label", "field " + name);
    const select = element("select");
    select.name = name;
    select.addEventListener("change", () => chosen(Number(select.value)));
    box.append(element("span", "", label), select);
    return box;
  }

  function option(text, index) {
    const made = element("option", "", text);
    made.value = index;
    return made;
  }

  // The variants in one select; where their titles have two halves, what is counted in one and how it is measured in the next.
  function variantBlock({ metric, variant, variantIndex }) {
    const halves = variant.halves.length > 0;
    const like = (head) => metric.variants.findIndex((each) => each.halves[0] === head && each.halves[1] === variant.halves[1]);
    if (halves) {
      const heads = [...new Set(metric.variants.map((each) => each.halves[0]))];
      const mine = metric.variants.map((each, index) => [each, index]).filter(([each]) => each.halves[0] === variant.halves[0]);
      second.replaceChildren(...heads.map((head) => option(head, Math.max(like(head), metric.variants.findIndex((each) => each.halves[0] === head)))));
      second.selectedIndex = heads.indexOf(variant.halves[0]);
      third.replaceChildren(...mine.map(([each, index]) => option(each.halves[1], index)));
      third.value = variantIndex;
    } else {
      second.replaceChildren(...metric.variants.map((each, index) => option(each.title || each.name, index)));
      second.value = variantIndex;
    }
    second.previousSibling.textContent = halves ? words.subject : words.variant;
    second.closest("label").hidden = metric.variants.length < 2;
    third.closest("label").hidden = !halves;
    document.body.classList.toggle("halved", halves);
  }

  function open(wanted) {
    document.body.classList.toggle("open", wanted);
    more.textContent = wanted ? words.less : words.more;
    more.setAttribute("aria-expanded", String(wanted));
  }

  function notesBlock() {
    const listed = [[words.notices, data.notices.length ? data.notices : [words.no_notices]], [words.sources, data.sources]];
    for (const [title, lines] of listed) {
      if (!lines.length) continue;
      const details = parts.notes.appendChild(element("details"));
      details.append(element("summary", "", title + " (" + (lines[0] === words.no_notices ? 0 : lines.length) + ")"));
      const list = details.appendChild(element("ul"));
      list.append(...lines.map((line) => named("li", "", line)));
    }
  }

  // Shows another metric or variant: selects, legend, totals, definition, ranked areas.
  function show(view) {
    const { metric, metricIndex } = view;
    first.value = metricIndex;
    variantBlock(view);
    legendBlock(view);
    targets.fill(parts.targets, view, on.variant);
    messageBlock(view);
    totalsBlock(view);
    aboutBlock(metric);
    areasBlock(view);
  }

  // The legend of what has the colour: the areas, or a layer that has taken it from them; then theirs is folded below it.
  function legendBlock(view) {
    const title = [view.metric.title, view.variant.title].filter(Boolean).join(" · ");
    if (over) {
      const folded = element("details", "areas-legend");
      const back = element("button", "give-back", words.color_areas);
      back.type = "button";
      back.addEventListener("click", on.areas);
      folded.append(element("summary", "", words.not_coloured.replace("{title}", title)), ...areaLegend(view));
      const classes = layerClasses(over);
      for (const line of on.lines) {
        const row = classes.appendChild(element("li"));
        row.append(lineSwatch(line.style), element("span", "label", line.title));
      }
      parts.legend.replaceChildren(named("h2", "", over.title), classes, back, folded);
    } else parts.legend.replaceChildren(element("h2", "", title), ...areaLegend(view));
    rampBlock(view);
  }

  function areaLegend(view) {
    const { metric, variant, counts } = view;
    const rows = element("ul", "keys");
    const row = (picture, label, count) => {
      const line = rows.appendChild(element("li"));
      line.append(picture, element("span", "label", label), element("span", "count", count === undefined ? "" : String(count)));
    };
    variant.colors.forEach((color, index) => row(swatch(color), variant.ranges[index], counts.classes[index]));
    targets.intoLegend([...rows.children], rows, view);
    row(swatch(fills.forSvg("estimated", variant.colors[Math.floor(variant.colors.length / 2)] || "#a1dab4")), data.statuses.estimated + " ≈", counts.status.estimated);
    row(swatch(fills.forSvg("partial")), data.statuses.partial + " *", counts.status.partial);
    row(swatch(fills.forSvg("no_data")), data.statuses.no_data, counts.status.no_data);
    for (const line of on.lines) row(lineSwatch(line.style), line.title);
    const unit = element("p", "unit", words.unit + ": " + metric.unit + (variant.ranges.length > 1 && variant.method ? " · " + words.methods[variant.method] : ""));
    return [unit, rows];
  }

  // What the closed sheet of a narrow screen shows of the legend: of the areas, or of what has taken their colour.
  function rampBlock({ metric, variant }) {
    const classes = over ? over.groups.filter((group) => group.color) : [];
    const colors = over ? classes.map((group) => group.color) : variant.colors;
    const ranges = over ? classes.map((group) => group.label) : variant.ranges;
    if (over && !over.legend) {
      const key = element("span", "key");
      key.append(overlaySwatch(over), over.title);
      parts.ramp.replaceChildren(key);
      return;
    }
    const scale = element("div", "scale");
    for (const color of colors) scale.appendChild(element("i")).style.background = color;
    const ends = ranges.length ? [ranges[0].split(" – ")[0], ranges.at(-1).split(" – ").at(-1)] : [words.nothing];
    const title = over ? [named("span", "name of", over.title)] : []; // the metric stands in the chooser above, what took its colour does not
    parts.ramp.replaceChildren(...title, element("span", "", ends[0]), scale, element("span", "", (ends[1] || "") + " " + (over ? over.unit : metric.unit)));
    if (!over) targets.intoRamp(scale, { variant });
    if (!colors.length) {
      const keys = ["partial", "no_data"].map((status) => {
        const key = element("span", "key");
        key.append(swatch(fills.forSvg(status)), data.statuses[status]);
        return key;
      });
      parts.ramp.replaceChildren(...keys);
    }
  }

  function messageBlock({ counts, variant }) {
    const { partial, no_data: bare } = counts.status;
    let text = "";
    if (over) text = ""; // the areas have no colour that would need a word
    else if (variant.status.every((status) => status === 3)) text = words.nothing;
    else if (!variant.colors.length && partial) text = words.covered_none;
    else if (partial) text = (bare ? words.covered_some_else : words.covered_some).replace("{n}", partial).replace("{m}", bare);
    parts.message.textContent = text;
    parts.message.hidden = !text;
  }

  // An overlay takes the colour from the areas, or gives it back.
  function fade(overlay, now) {
    over = overlay;
    layers.refresh(over);
    legendBlock(now);
    messageBlock(now);
  }

  function totalsBlock({ variant, text, status }) {
    parts.totals.replaceChildren(element("h2", "", words.totals));
    const rows = [...data.areas.ids.keys()].slice(data.areas.count).filter((row) => text("value", row));
    parts.totals.hidden = !rows.length;
    for (const row of rows) {
      const line = element("div", "total " + data.areas.ids[row]);
      const value = element("span", "value");
      value.append(element("b", "", text("value", row)), element("small", "status " + status(row), data.statuses[status(row)]));
      line.append(named("span", "name", data.areas.names[row]), value);
      const details = [text("range", row) && words.range + " " + text("range", row), text("coverage", row) && words.coverage + " " + text("coverage", row)];
      if (text("value", row) !== "—") line.append(element("small", "detail", details.filter(Boolean).join(" · ")));
      parts.totals.append(line);
    }
  }

  function aboutBlock(metric) {
    parts.about.replaceChildren(element("h2", "", words.definition), folded("p", "", metric.definition, words));
    if (metric.standard) parts.about.append(element("h2", "", words.standard), folded("p", "", metric.standard, words));
  }

  function areasBlock(view) {
    const { variant, text, status, color } = view;
    parts.areas.replaceChildren(element("h2", "", words.areas + " (" + data.areas.count.toLocaleString("en") + ")"), element("p", "unit", words.areas_ranked), ...targets.trackKey(view));
    parts.areas.hidden = !data.areas.count;
    const most = 300;
    const list = parts.areas.appendChild(element("ol"));
    for (const row of variant.rank.slice(0, most)) {
      const button = element("button", "area " + status(row));
      button.type = "button";
      const bar = element("i", "bar");
      bar.style.width = variant.bar[row] + "%";
      bar.style.background = color(row);
      const value = status(row) === "no_data" ? data.statuses.no_data : marked(text("value", row), status(row));
      button.append(named("span", "name", data.areas.names[row]), element("span", "value", value), targets.track(bar, row, view));
      if (status(row) === "partial") button.title = data.statuses.partial;
      button.addEventListener("click", () => on.area(row));
      list.appendChild(element("li")).append(button);
    }
    const left = data.areas.count - most;
    if (left > 0) parts.areas.append(element("p", "unit", words.areas_more.replace("{n}", left)));
  }

  function reveal() {
    open(true);
    root.scrollTop = 0;
  }

  return { root, show, card: card.show, fade, reveal };
}
