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
  block("card").setAttribute("aria-live", "polite");
  block("message", "p");
  block("legend");
  block("targets");
  block("totals");
  block("layers");
  block("about");
  block("notes");
  block("areas");
  layersBlock();
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

  function layersBlock() {
    parts.layers.append(element("h2", "", words.layers));
    for (const layer of on.layers) {
      const row = element("label", "layer");
      const box = element("input");
      box.type = "checkbox";
      box.checked = layer.shown;
      const classes = layerClasses(layer);
      classes.hidden = !layer.shown;
      box.addEventListener("change", () => {
        layer.show(box.checked);
        classes.hidden = !box.checked;
      });
      row.append(box, overlaySwatch(layer), element("span", "", layer.title));
      parts.layers.append(row, classes);
    }
    parts.layers.hidden = !on.layers.length;
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

  function legendBlock(view) {
    const { metric, variant, counts } = view;
    const title = [metric.title, variant.title].filter(Boolean).join(" · ");
    const rows = element("ul", "keys");
    const row = (picture, label, count) => {
      const line = rows.appendChild(element("li"));
      line.append(picture, element("span", "label", label), element("span", "count", count === undefined ? "" : String(count)));
    };
    variant.colors.forEach((color, index) => row(swatch(color), variant.ranges[index], counts.classes[index]));
    targets.intoLegend([...rows.children], rows, view);
    row(swatch(fills.forSvg("estimated", variant.colors[Math.floor(variant.colors.length / 2)] || "#a1dab4")), data.statuses.estimated, counts.status.estimated);
    row(swatch(fills.forSvg("partial")), data.statuses.partial + " *", counts.status.partial);
    row(swatch(fills.forSvg("no_data")), data.statuses.no_data, counts.status.no_data);
    for (const line of on.lines) row(lineSwatch(line.style), line.title);
    const unit = element("p", "unit", words.unit + ": " + metric.unit + (variant.ranges.length > 1 && variant.ranges.some((range) => range.includes(" – ")) ? " · " + words.quantiles : ""));
    parts.legend.replaceChildren(element("h2", "", title), unit, rows);
    rampBlock({ metric, variant });
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
    parts.ramp.replaceChildren(element("span", "", ends[0]), scale, element("span", "", (ends[1] || "") + " " + (over ? over.unit : metric.unit)));
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
    const bare = counts.status.partial + counts.status.no_data;
    let text = "";
    if (over) text = words.faded.replace("{title}", over.title);
    else if (variant.status.every((status) => status === 3)) text = words.nothing;
    else if (!variant.colors.length && counts.status.partial) text = words.covered_none;
    else if (counts.status.partial) text = words.covered_some.replace("{n}", bare);
    parts.message.textContent = text;
    parts.message.hidden = !text;
  }

  // An overlay takes the colour from the areas, or gives it back.
  function fade(overlay, now) {
    over = overlay;
    rampBlock(now);
    messageBlock(now);
  }

  function totalsBlock({ variant, text, status }) {
    parts.totals.replaceChildren(element("h2", "", words.totals));
    for (let row = data.areas.count; row < data.areas.ids.length; row++) {
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
      const value = status(row) === "no_data" ? data.statuses.no_data : text("value", row) + (status(row) === "partial" ? " *" : "");
      button.append(named("span", "name", data.areas.names[row]), element("span", "value", value), targets.track(bar, row, view));
      if (status(row) === "partial") button.title = data.statuses.partial;
      button.addEventListener("click", () => on.area(row));
      list.appendChild(element("li")).append(button);
    }
    const left = data.areas.count - most;
    if (left > 0) parts.areas.append(element("p", "unit", words.areas_more.replace("{n}", left)));
  }

  // The figures of one area; without one, how to get them.
  function card(row, view, here) {
    const { metric, variant, text, status } = view;
    parts.card.classList.toggle("empty", row === null);
    if (row === null) {
      parts.card.replaceChildren(element("p", "hint", words.hint));
      return;
    }
    const close = element("button", "close", "×");
    close.type = "button";
    close.setAttribute("aria-label", words.close);
    close.addEventListener("click", () => on.area(null));
    const head = element("div", "figure");
    head.append(element("b", "", text("value", row)), element("small", "status " + status(row), data.statuses[status(row)]));
    const facts = element("dl");
    const fact = (label, value) => value && facts.append(element("dt", "", label), folded("dd", "", value, words));
    fact(words.range, text("range", row));
    if (variant.beside) fact(data.beside.title, [variant.beside.value, variant.beside.change].map((column) => data.texts[column[row]]).filter(Boolean).join(" · "));
    fact(words.coverage, text("coverage", row));
    fact(words.quality, text("quality", row));
    fact(words.numerator, text("numerator", row));
    fact(words.denominator, text("denominator", row));
    fact(words.note, text("note", row));
    fact(data.areas.names[data.areas.count], text("value", data.areas.count));
    fact(words.definition, metric.definition);
    fact(words.standard, metric.standard);
    parts.card.replaceChildren(close, named("h2", "name", data.areas.names[row]), element("p", "unit", [metric.title, variant.title].filter(Boolean).join(" · ")), head, ...here.map((hit) => hitText(hit)), ...targets.card(row, view), facts);
  }

  function reveal() {
    open(true);
    root.scrollTop = 0;
  }

  return { root, show, card, fade, reveal };
}

// The legend of what is graded or of several kinds.
function layerClasses(layer) {
  const rows = element("ul", "keys classes");
  if (layer.legend) rows.append(element("li", "unit", layer.legend));
  for (const entry of layer.key || layer.groups) {
    const { color, label, count } = entry;
    if (!color) continue;
    const line = rows.appendChild(element("li"));
    line.append(layer.key ? signSwatch([entry], true) : overlaySwatch(layer, color), element("span", "label", label), element("span", "count", count.toLocaleString("en")));
  }
  if (layer.left) rows.append(element("li", "unit left", layer.left));
  return rows;
}
