// The card of an area: its figure, how it comes about, how far it can be trusted and where it comes from.

function makeCard(data, targets, close) {
  const words = data.words;
  const root = element("section", "card");
  root.setAttribute("aria-live", "polite");

  // The figures of one area; without one, how to get them.
  function show(row, view, here) {
    root.classList.toggle("empty", row === null);
    if (row === null) {
      root.replaceChildren(element("p", "hint", data.areas.count > SVG_AREAS ? words.hint_table : words.hint));
      return;
    }
    const { metric, variant, text, status } = view;
    const shut = element("button", "close", "×");
    shut.type = "button";
    shut.setAttribute("aria-label", words.close);
    shut.addEventListener("click", close);
    const head = element("div", "figure");
    head.append(element("b", "", text("value", row)), element("small", "status " + status(row), data.statuses[status(row)]));
    const facts = element("dl");
    const fact = (label, value) => value && facts.append(element("dt", "", label), folded("dd", "", value, words));
    fact(words.range, text("range", row));
    if (variant.beside) fact(data.beside.title, [variant.beside.value, variant.beside.change].map((column) => data.texts[column[row]]).filter(Boolean).join(" · "));
    const sum = formula(view, row, words);
    fact(words.formula, sum);
    if (!sum) fact(words.numerator, text("numerator", row));
    if (!sum) fact(words.denominator, text("denominator", row));
    fact(words.coverage, text("coverage", row));
    fact(words.quality, text("quality", row));
    fact(words.note, text("note", row));
    fact(data.areas.names[data.areas.count], marked(text("value", data.areas.count), status(data.areas.count)));
    fact(words.definition, metric.definition);
    fact(words.standard, metric.standard);
    sources(facts, variant);
    const title = [metric.title, variant.title].filter(Boolean).join(" · ");
    root.replaceChildren(shut, named("h2", "name", data.areas.names[row]), element("p", "unit", title), head, ...here.map((hit) => hitText(hit)), ...targets.card(row, view), facts);
  }

  function sources(facts, variant) {
    if (!variant.sources.length) return;
    const said = element("dd", "sources");
    said.append(...variant.sources.map((index) => named("span", "", data.sources[index])));
    said.append(element("span", "", data.city.date)); // the day to which the data speak
    facts.append(element("dt", "", words.sources), said);
  }

  return { root, show };
}

// "1,200 m ÷ 1,000,000 m² = 1.20 km/km²": only where the value is that quotient. What is shown is rounded: where the figures that stand there do not give
// the result to its last digit, it says so.
function formula({ variant, text }, row, words) {
  const [above, below, value] = ["numerator", "denominator", "value"].map((column) => text(column, row));
  if (variant.quotient === null || !above || !below || value === "—") return "";
  const result = (figureOf(above) / figureOf(below)) * variant.quotient;
  const digits = (value.replaceAll(",", "").match(/\.(\d+)/)?.[1] || "").length;
  const same = result.toFixed(digits) === figureOf(value).toFixed(digits);
  return above + " ÷ " + below + " = " + value + (same ? "" : words.unrounded);
}

// The number at the head of a text of the page; NaN where there is none.
function figureOf(text) {
  return parseFloat(text.replaceAll(",", ""));
}
