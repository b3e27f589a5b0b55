// Search by name: areas, and what the overlays know by name. Case, full and half width and spaces make no difference.

TOOLS.push({
  name: "search",
  icon: "M10.5 4a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13zM15.2 15.2L20 20",
  key: "/",
  make: makeSearch,
});

const MOST_FOUND = 30;

function makeSearch(page) {
  const { data } = page;
  const words = page.words.search;
  const areas = [...Array(data.areas.count).keys()].map((row) => searchable({ text: data.areas.names[row], area: row }));
  let entries = areas;
  let shown = [];
  let at = -1;

  async function prepare() {
    if (entries !== areas || !page.overlays.index) return;
    const found = await page.overlays.index();
    entries = [...areas, ...found.filter((each) => each.text).map(searchable)];
  }

  function open(box, byReader) {
    const field = element("input", "query");
    Object.assign(field, { type: "search", placeholder: words.field, autocomplete: "off", spellcheck: false });
    const list = element("ul", "found");
    list.id = "found";
    const said = element("p", "said");
    for (const [name, value] of Object.entries({
      role: "combobox", "aria-label": words.field, "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
    })) field.setAttribute(name, value);
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", words.title);
    said.setAttribute("role", "status");
    box.append(field, said, list);

    function look() {
      const { hits, all } = found(entries, field.value);
      shown = hits;
      list.replaceChildren(...hits.map(line));
      point(hits.length ? 0 : -1);
      field.setAttribute("aria-expanded", String(hits.length > 0));
      const text = !comparable(field.value) ? "" : !all ? words.none.replace("{text}", field.value.trim().slice(0, 40))
        : (all > hits.length ? words.more : words.some).replace("{n}", hits.length).replace("{all}", all.toLocaleString("en"));
      said.textContent = text;
      said.hidden = !text;
    }

    function line(hit, index) {
      const item = element("li", "hit-of");
      item.id = "found-" + index;
      item.setAttribute("role", "option");
      item.append(named("span", "name", hit.text), element("small", "", kindOf(hit)));
      item.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
      item.addEventListener("click", () => choose(hit));
      return item;
    }

    function point(to) {
      list.children[at]?.removeAttribute("aria-selected");
      at = to;
      const item = list.children[at];
      item?.setAttribute("aria-selected", "true");
      item?.scrollIntoView({ block: "nearest" });
      if (item) field.setAttribute("aria-activedescendant", item.id);
      else field.removeAttribute("aria-activedescendant");
    }

    field.addEventListener("input", look);
    field.addEventListener("keydown", (event) => {
      const last = shown.length - 1;
      if (event.isComposing) return; // Enter and arrows belong to the input method while a word of Chinese is being put together
      if (event.key === "ArrowDown") point(at >= last ? 0 : at + 1);
      else if (event.key === "ArrowUp") point(at <= 0 ? last : at - 1);
      else if (event.key === "Enter" && shown[at]) choose(shown[at]);
      else if (event.key === "Escape" && field.value) {
        field.value = "";
        look();
      } else return;
      event.preventDefault();
    });
    look();
    prepare().then(() => box.isConnected && look());
    if (byReader) field.focus();
  }

  // What a hit is: an area with its figure, or the layer in which it stands.
  function kindOf(hit) {
    if (hit.area === undefined) return data.overlays.find((overlay) => overlay.name === hit.overlay)?.title + (hit.count > 1 ? " · " + words.times.replace("{n}", hit.count) : "");
    const now = page.view();
    return words.area + " · " + marked(now.text("value", hit.area), now.status(hit.area));
  }

  function choose(hit) {
    if (narrow()) page.tools.close();
    if (hit.area !== undefined) return page.visit(hit.area);
    const overlay = page.overlays.list.find((each) => each.name === hit.overlay);
    if (!overlay) return;
    if (!overlay.shown) overlay.show(true);
    overlay.mark?.(hit.row);
    page.goTo(L.latLngBounds(hit.bounds || [hit.at, hit.at]));
  }

  function close() {
    shown = [];
    at = -1;
    page.overlays.list.forEach((overlay) => overlay.mark?.(null));
  }

  return { open, close };
}

// The best of what holds the text, best first: the same, begins with it, a word begins with it, has it inside; of equals the shorter, then as they stand.
// Neighbouring parts under one name, such as those of a road, are one hit.
function found(entries, query) {
  const wanted = comparable(query);
  if (!wanted) return { hits: [], all: 0 };
  const hits = [];
  const extended = new Map();
  for (const entry of entries) {
    if (!entry.plain.includes(wanted)) continue;
    const bounds = entry.bounds && L.latLngBounds(entry.bounds);
    const key = entry.overlay + " " + entry.plain;
    const near = bounds && (extended.get(key) || []).find((each) => each.bounds.intersects(widened(bounds)));
    if (near) {
      near.count++;
      near.bounds.extend(bounds);
      continue;
    }
    const hit = { ...entry, bounds, count: 1, rank: rankOf(entry, wanted) };
    if (bounds) extended.set(key, [...(extended.get(key) || []), hit]);
    hits.push(hit);
  }
  hits.sort((a, b) => a.rank - b.rank || a.plain.length - b.plain.length);
  return { hits: hits.slice(0, MOST_FOUND), all: hits.length };
}

// With some 200 m around it.
function widened(bounds) {
  const { lat, lng } = bounds.getSouthWest();
  const end = bounds.getNorthEast();
  return L.latLngBounds([lat - 0.002, lng - 0.002], [end.lat + 0.002, end.lng + 0.002]);
}

function rankOf({ plain, text }, wanted) {
  if (plain === wanted) return 0;
  if (plain.startsWith(wanted)) return 1;
  const parts = text.normalize("NFKC").toLowerCase().split(/[\s·・\-–—/()（）,，、.]+/);
  return parts.some((_, index) => parts.slice(index, index + 8).join("").startsWith(wanted)) ? 2 : 3;
}

function searchable(entry) {
  return { ...entry, plain: comparable(entry.text) };
}

// A text as it is compared.
function comparable(text) {
  return text.normalize("NFKC").toLowerCase().replace(/[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/g, "");
}
