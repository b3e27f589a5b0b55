// What every map carries: north and the stamp on it; below it, in the margin, scale, date, coordinate system, sources and who issues it.

// The texts of the margin, one answer for the page, the picture and the print.
function marginTexts(data) {
  const words = data.words.margin;
  const { issuing_unit: unit, approval_number: approval } = data.sheet;
  return [
    ["approval", approval && !data.city.stamp && words.approval.split("{}").join(approval)],
    ["issuer", unit && words.issued_by.split("{}").join(unit)],
    ["date", data.city.date],
    ...data.attribution.map((text, at) => [at || !data.licensed ? "source" : "source licence", at ? text : words.source.split("{}").join(text)]),
    ["crs", data.city.crs],
  ].filter(([, text]) => text);
}

// The strip below the map.
function makeMargin(map, data) {
  const strip = element("footer", "margin");
  strip.setAttribute("aria-label", data.words.margin.title);
  const scale = L.control.scale({ imperial: false, maxWidth: window.matchMedia("(max-width: 760px)").matches ? 76 : 120 }).addTo(map).getContainer();
  scale.title = data.words.margin.scale;
  const texts = element("p", "margin-texts");
  for (const [name, text] of marginTexts(data)) {
    const part = texts.appendChild(named("span", name, text));
    part.title = text;
  }
  strip.append(scale, texts);
  return strip;
}

// What stands on the map itself.
function makeMarks(data) {
  const marks = [];
  if (data.city.stamp) marks.push(element("div", "stamp", data.city.stamp));
  const north = element("div", "north");
  const arrow = svg("svg", { width: 18, height: 26, "aria-hidden": "true" });
  arrow.append(svg("path", { d: "M9 1L16 24L9 19Z", fill: "#1f2937" }), svg("path", { d: "M9 1L2 24L9 19Z", fill: "#fff", stroke: "#1f2937" }));
  north.append(element("span", "", data.words.north), arrow);
  marks.push(north);
  return marks;
}
