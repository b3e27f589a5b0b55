// The list of layers in the panel, by group: what is shown, its sign and its legend.

function makeLayers(data, layers) {
  const words = data.words;
  const root = element("section", "layers");
  const rows = [];
  const heads = [];
  root.append(element("h2", "", words.layers));
  for (const group of data.groups) {
    const mine = layers.filter((layer) => layer.group === group.name);
    if (mine.length) root.append(groupBlock(group, mine));
  }
  root.hidden = !layers.length;
  refresh();

  function groupBlock(group, mine) {
    const box = element("div", "layer-group");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", group.title);
    const all = element("input");
    all.type = "checkbox";
    all.setAttribute("aria-label", words.all_of_group.replace("{title}", group.title));
    all.addEventListener("change", () => {
      const wanted = all.checked; // every layer that is switched brings the box up to date
      mine.filter((layer) => layer.shown !== wanted).forEach((layer) => layer.show(wanted));
    });
    const fold = element("button", "fold");
    fold.type = "button";
    fold.setAttribute("aria-expanded", "true");
    const count = element("span", "count");
    fold.append(element("span", "", group.title), count);
    const inside = element("div", "inside");
    inside.dataset.group = group.name;
    fold.addEventListener("click", () => {
      inside.hidden = !inside.hidden;
      fold.setAttribute("aria-expanded", String(!inside.hidden));
    });
    const head = element("div", "head");
    head.append(all, fold);
    inside.append(...mine.flatMap(layerRow));
    box.append(head, inside);
    heads.push({ mine, all, count });
    return box;
  }

  function layerRow(layer) {
    const label = element("label", "layer");
    const box = element("input");
    box.type = "checkbox";
    box.addEventListener("change", () => layer.show(box.checked));
    label.append(box, overlaySwatch(layer), named("span", "", layer.title));
    const classes = layerClasses(layer);
    rows.push({ layer, box, classes });
    return [label, classes];
  }

  // Tells boxes and counts what is shown, whoever switched it. The legend of what has the colour, `over`, stands in front of the panel.
  function refresh(over) {
    for (const { layer, box, classes } of rows) {
      box.checked = !!layer.shown;
      classes.hidden = !layer.shown || layer === over || !classes.children.length;
    }
    for (const { mine, all, count } of heads) {
      const shown = mine.filter((layer) => layer.shown).length;
      all.checked = shown === mine.length;
      all.indeterminate = shown > 0 && shown < mine.length;
      count.textContent = shown + " / " + mine.length;
      count.setAttribute("aria-label", words.layers_shown.replace("{n}", shown).replace("{all}", mine.length));
    }
  }

  return { root, refresh };
}

// The legend of what is graded or of several kinds.
function layerClasses(layer) {
  const list = element("ul", "keys classes");
  if (layer.legend) list.append(element("li", "unit", layer.legend));
  for (const entry of layer.key || layer.groups || []) {
    const { color, label, count } = entry;
    if (!color) continue;
    const line = list.appendChild(element("li"));
    line.append(layer.key ? signSwatch([entry], true) : overlaySwatch(layer, color), named("span", "label", label), element("span", "count", count.toLocaleString("en")));
  }
  if (layer.left) list.append(element("li", "unit left", layer.left));
  return list;
}
