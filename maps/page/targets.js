// Targets of plans beside the figures: what is wanted, where the city and its areas stand. Sign, word and colour say the same.

const VERDICTS = {
  met: "✓", on_track: "→", behind: "!", not_met: "✕", met_late: "✓", withdrawn: "–", superseded: "–", carried_over: "»", no_data: "?",
  not_comparable: "≠", not_measurable: "?",
};
const TARGET_SIGN = "◎";

function makeTargets(data) {
  const words = data.words;
  const known = data.targets ? data.targets.list : [];
  const text = (index) => data.texts[index];
  const where = (target, row) => target.rows.find((each) => each.row === row);
  const mine = ({ metric, variant }) => known.filter((target) => target.metric === metric.name && target.variant === variant.name);

  const chip = (className, said) => element("small", "chip " + className, said);

  function verdict(status) {
    return chip("verdict " + status, VERDICTS[status] + " " + data.targets.statuses[status]);
  }

  // How far from the baseline to the target, and how far it should be by now: a bar with a tick.
  function progressBar({ progress, expected, status }) {
    if (progress === null) return [];
    const percent = (share) => Math.round(share * 1000) / 10 + "%"; // a tenth, so that 50% behind 50.4% reads as it is
    const inside = (share) => Math.min(1, Math.max(0, share)) * 100 + "%";
    const bar = element("div", "course " + status);
    bar.appendChild(element("i", "done")).style.width = inside(progress);
    if (expected !== null) bar.appendChild(element("i", "expected")).style.left = inside(expected);
    const said = [words.progress + " " + percent(progress), expected !== null && words.expected + " " + percent(expected)];
    bar.setAttribute("role", "img");
    bar.setAttribute("aria-label", said.filter(Boolean).join(", "));
    return [bar, element("small", "said", said.filter(Boolean).join(" · "))];
  }

  // What is known of one row, in words.
  function facts(row) {
    const said = [
      [words.gap, text(row.gap)], [words.baseline, text(row.baseline)], [words.reached, text(row.reached)], [words.forecast, text(row.forecast)],
      [words.assisting, text(row.assisting)], [words.unfinished, text(row.projects)],
    ];
    return said.filter(([, value]) => value).map(([words_around, value]) => words_around.split("{}").join(value));
  }

  function standing(target, row) {
    const now = element("div", "now");
    now.append(element("b", "", text(row.goal)), element("span", "", words.now + " " + text(row.value)));
    if (text(row.doubt)) now.append(chip("", text(row.doubt)));
    if (row.indicative) now.append(chip("indicative", words.indicative));
    return [now, ...progressBar(row)];
  }

  // How many areas stand how, where areas have targets of their own.
  function byArea(target) {
    const rows = target.rows.filter((row) => row.row >= 0);
    if (!rows.length) return [];
    const counts = new Map();
    for (const row of rows) counts.set(row.status, (counts.get(row.status) || 0) + 1);
    const line = element("p", "by-area", words.areas + (rows.every((row) => row.indicative) ? " (" + words.indicative + ")" : "") + " ");
    line.append(...[...counts].map(([status, count]) => chip("verdict " + status, VERDICTS[status] + " " + data.targets.statuses[status] + " " + count)));
    return [line];
  }

  // A target of an area, or of what is no area of this map.
  function line(row) {
    const made = element("div", "now");
    made.append(named("span", "", text(row.area)), element("b", "", text(row.goal)), element("span", "", words.now + " " + text(row.value)), verdict(row.status));
    return made;
  }

  function block(target) {
    const box = element("article", "target");
    const city = where(target, -1);
    const head = element("div", "head");
    head.append(named("span", "name", text(target.title)));
    if (target.stretch) head.append(chip("stretch", words.stretch));
    if (city) head.append(verdict(city.status));
    box.append(head);
    if (city) box.append(...standing(target, city));
    else box.append(...target.rows.filter((row) => !row.indicative).slice(0, 12).map(line));
    if (city || target.rows.length > 12) box.append(...byArea(target));
    if (target.differs) box.append(element("p", "said", words.held_otherwise));
    const said = city ? facts(city) : [];
    if (text(target.lead)) said.push(words.lead.split("{}").join(text(target.lead)));
    if (said.length) box.append(folded("p", "said", said.join(" · "), words));
    if (city && text(city.note)) box.append(folded("p", "said", text(city.note), words));
    box.append(named("p", "plan", [target.plan, target.clause, target.standing, target.authority].map(text).filter(Boolean).join(" · ")));
    box.append(...target.disagrees.map((each) => folded("p", "disagrees", words.disagrees + " " + text(each), words)));
    return box;
  }

  // The block of the metric shown; targets of its other variants are named, one step away.
  function fill(section, view, choose) {
    const here = mine(view);
    const others = view.metric.variants.map((each, index) => [each, index, mine({ metric: view.metric, variant: each }).length]);
    const away = others.filter(([, index, count]) => count && index !== view.variantIndex);
    section.hidden = !here.length && !away.length;
    if (section.hidden) return section.replaceChildren();
    const head = element("h2", "", TARGET_SIGN + " " + words.targets + (here.length ? " (" + here.length + ")" : ""));
    section.replaceChildren(head, element("p", "unit", words.as_of.replace("{date}", data.targets.date)), ...here.map(block));
    for (const [variant, index, count] of away) {
      const button = element("button", "more", words.other_variant.replace("{title}", variant.title || variant.name).replace("{n}", count));
      button.type = "button";
      button.addEventListener("click", () => choose(index));
      section.append(button);
    }
    if (data.targets.elsewhere) section.append(element("p", "unit elsewhere", data.targets.elsewhere));
  }

  // What is wanted, in short, by the first row that the line speaks of.
  function goal(index) {
    const target = known[index];
    return TARGET_SIGN + " " + text((where(target, -1) || target.rows[0]).goal) + (target.stretch ? " · " + words.stretch : "");
  }

  // Draws the target lines into the rows of the legend: `rows` are those of the classes, lowest first. A line crosses the swatch of the class
  // in which it falls, as far down as it lies up the class; one beyond all classes has a row of its own.
  function intoLegend(rows, list, { variant }) {
    const marks = [...(variant.marks || [])].sort((a, b) => a[1] + a[2] - b[1] - b[2]);
    for (const [index, place, share] of marks) {
      const outside = place < 0 || place >= rows.length;
      const row = outside ? element("li", "beyond") : rows[place];
      if (!row.classList.contains("marked")) {
        const box = element("span", "crossed");
        if (!outside) box.append(row.querySelector(".swatch"));
        row.prepend(box);
        row.insertBefore(element("span", "target-labels"), row.querySelector(".count"));
        row.classList.add("marked");
      }
      row.querySelector(".crossed").appendChild(element("i", "target-line")).style.top = outside ? "50%" : share * 100 + "%";
      row.querySelector(".target-labels").append(element("span", "", goal(index)));
      if (place < 0) rows[0].before(row);
      else if (outside) list.append(row);
    }
    const differing = (variant.ticks || []).length > marks.length;
    if (differing && rows.length) list.append(element("li", "unit differ", TARGET_SIGN + " " + words.targets_differ));
  }

  // The same on the ramp of a narrow screen, where all classes are equally wide.
  function intoRamp(scale, { variant }) {
    for (const [, place, share] of variant.marks || []) {
      const at = Math.min(1, Math.max(0, (place + share) / variant.colors.length));
      scale.appendChild(element("b", "target-line")).style.left = at * 100 + "%";
    }
  }

  const place = ([, places], row) => (Array.isArray(places) ? places[row] : places);

  // A bar with the targets of its area, to the same scale.
  function track(bar, row, { variant, status }) {
    if (!(variant.ticks || []).length) return bar;
    const box = element("span", "track");
    box.append(bar);
    if (status(row) === "partial" || status(row) === "no_data") return box;
    for (const line of variant.ticks) {
      if (place(line, row) === null) continue;
      const [index] = line;
      const own = where(known[index], row);
      const tick = box.appendChild(element("i", "tick" + (own && own.indicative ? " indicative" : "")));
      tick.style.left = place(line, row) + "%";
      tick.title = own ? TARGET_SIGN + " " + text(own.goal) : goal(index);
    }
    return box;
  }

  function trackKey({ variant }) {
    return (variant.ticks || []).length ? [element("p", "unit tick-key", words.tick_key)] : [];
  }

  // The targets of one area, or the city's where it has none of its own.
  function card(row, view) {
    return mine(view).flatMap((target) => {
      const own = where(target, row);
      const tick = (view.variant.ticks || []).find(([index]) => known[index] === target);
      if (!own && (!tick || place(tick, row) === null)) return [];
      const box = element("div", "target");
      const head = element("div", "head");
      head.append(named("span", "name", text(target.title)));
      if (target.stretch) head.append(chip("stretch", words.stretch));
      if (own) head.append(verdict(own.status));
      box.append(head);
      if (own) {
        box.append(...standing(target, own));
        if (facts(own).length) box.append(folded("p", "said", facts(own).join(" · "), words));
        if (text(own.note)) box.append(folded("p", "said", text(own.note), words));
      } else box.append(element("p", "said", words.reference.split("{}").join(text((where(target, -1) || target.rows[0]).goal))));
      return [box];
    });
  }

  return {
    mark: (metric) => (known.some((target) => target.metric === metric.name) ? TARGET_SIGN + " " : ""),
    fill, intoLegend, intoRamp, track, trackKey, card,
  };
}
