// The table of areas: sorts by any column, shows on the map what it points at and the other way round, and goes to a spreadsheet.

TOOLS.push({
  name: "table",
  icon: "M4 5h16v14H4zM4 9.7h16M4 14.4h16M10 5v14",
  wanted: (page) => page.data.areas.count > 0,
  make: makeTable,
});

const BEYOND_SEEN = 12; // rows that are kept above and below what is seen

function makeTable(page) {
  const { data, chosen } = page;
  const words = page.words.table;
  const said = page.words;
  const collator = new Intl.Collator(page.lang === "zh" ? "zh-CN" : "en", { numeric: true });
  let state = recalled();
  let parts = null; // the elements, while the card is open
  let columns = [];
  let order = [];
  let height = 29;
  let pointed = null;
  for (const event of ["refresh", "select", "hover"]) page.on(event, () => parts && told(event));

  // What the address says of the table: which columns, sorted by which one, upwards or down.
  function recalled() {
    const [scope, key, way] = (page.link.get("table") || "").split(",");
    return { all: scope === "all", key: key || (scope === "all" ? null : "value"), up: way === "up" };
  }

  function remember() {
    const plain = !state.all && state.key === "value" && !state.up;
    page.link.set("table", plain ? null : [state.all ? "all" : "one", state.key ?? "", state.up ? "up" : "down"].join(","));
  }

  // The columns: of the metric shown all that is known of it, or the figures of all metrics of its theme in their default variants.
  function columnsOf() {
    const name = { key: "name", title: words.name, text: (row) => data.areas.names[row], isText: true };
    if (state.all) return [name, ...theme().metrics.map((index) => figureColumn(page.view(index, index === chosen.metric ? chosen.variant : 0), true))];
    const now = page.view();
    const more = ["range", "coverage", "numerator", "denominator"].map((key) => partColumn(now, key));
    const status = { key: "status", title: said.status, text: (row) => data.statuses[now.status(row)], isText: true };
    return [name, figureColumn(now, false), more[0], status, ...more.slice(1)].filter((column) => !column.empty);
  }

  // A numerator or denominator has its unit in the heading where all rows share it.
  function partColumn(view, key) {
    const known = (row) => view.text(key, row);
    const full = (row) => (key === "coverage" ? known(row) || (view.status(row) === "no_data" ? "" : "100%") : known(row));
    const made = { key, title: said[key], text: full, status: view.status, part: true, empty: !data.areas.ids.some((_, row) => known(row)) };
    if (key === "range") return made;
    const units = new Set(data.areas.ids.map((_, row) => full(row)).filter(Boolean).map((text) => text.replace(/^[-\d.,]+\s*/, "")));
    const [unit] = units;
    if (units.size !== 1) return made;
    return { ...made, unit, figure: (row) => figureOf(full(row)), text: (row) => (key === "coverage" ? full(row) : full(row).match(/^[-\d.,]*/)[0]) };
  }

  function figureColumn(view, named) {
    const { metric, variant } = view;
    const title = named ? [metric.title, variant.title].filter(Boolean).join(" · ") : said.of_value;
    const place = new Map(variant.rank.map((row, at) => [row, at]));
    return {
      key: named ? metric.name : "value", title, unit: metric.unit, status: view.status, place,
      text: (row) => marked(bare(view.text("value", row), metric.unit), view.status(row)),
      figure: (row) => figureOf(view.text("value", row)),
    };
  }

  // Totals that say something: the count of usable metrics has none.
  const totalRows = () => [...data.areas.ids.keys()].slice(data.areas.count).filter((row) => columns.some((column) => column.figure && column.text(row)));

  const theme = () => data.themes.find((each) => each.metrics.includes(chosen.metric));
  const number = (column, row) => (column.figure ? column.figure(row) : figureOf(column.text(row)));

  // Rows by a column: complete figures, then those of partly covered areas, then those without. Equal as shown: as they really rank.
  function sorted(column) {
    const rows = [...Array(data.areas.count).keys()];
    const way = state.up ? 1 : -1;
    if (column.isText) return rows.sort((a, b) => (state.up ? 1 : -1) * collator.compare(column.text(a), column.text(b)) || a - b);
    const figures = rows.map((row) => number(column, row));
    const rank = rows.map((row) => (Number.isNaN(figures[row]) || column.status(row) === "no_data" ? 2 : column.status(row) === "partial" ? 1 : 0));
    return rows.sort((a, b) => rank[a] - rank[b] || (rank[a] < 2 && way * (figures[a] - figures[b])) || (column.place ? -way * (column.place.get(a) - column.place.get(b)) : 0) || a - b);
  }

  function open(box) {
    const scope = element("div", "scope");
    scope.setAttribute("role", "group");
    for (const [all, title] of [[false, words.one], [true, words.all]]) {
      const button = scope.appendChild(element("button", "plain", title));
      button.type = "button";
      button.dataset.all = all;
      button.addEventListener("click", () => {
        state = { all, key: all ? null : "value", up: false };
        told("refresh");
      });
    }
    const copy = element("button", "plain", words.copy);
    const save = element("button", "plain", words.download);
    copy.type = save.type = "button";
    copy.addEventListener("click", copyRows);
    save.addEventListener("click", saveRows);
    scope.append(copy, save);
    const table = element("table");
    const [head, body, foot] = ["thead", "tbody", "tfoot"].map((tag) => table.appendChild(element(tag)));
    const seen = element("div", "seen");
    seen.append(table);
    const note = element("p", "said", words.sorted);
    note.setAttribute("role", "status");
    const title = element("p", "of");
    box.append(title, scope, seen, note);
    parts = { title, scope, seen, table, head, body, foot, note };
    seen.addEventListener("scroll", draw, { passive: true });
    body.addEventListener("pointerover", (event) => lookAt(rowOf(event)));
    body.addEventListener("pointerleave", () => lookAt(null));
    body.addEventListener("click", (event) => rowOf(event) !== null && page.select(rowOf(event)));
    body.addEventListener("keydown", (event) => move(event));
    told("refresh");
  }

  function close() {
    parts = null;
    page.highlight(null);
    page.link.set("table", null);
    state = recalled();
  }

  function told(event) {
    if (event === "refresh") fill();
    if (event === "select" && chosen.area !== null) reveal(order.indexOf(chosen.area));
    if (event === "hover") pointed = chosen.under;
    draw();
  }

  function fill() {
    columns = columnsOf();
    if (!columns.some((column) => column.key === state.key)) state.key = columns.find((column) => column.figure && (!state.all || column.key === data.metrics[chosen.metric].name))?.key ?? "name";
    remember();
    const now = page.view();
    parts.title.textContent = state.all ? theme().title : [now.metric.title, now.variant.title].filter(Boolean).join(" · ");
    for (const button of parts.scope.querySelectorAll("[data-all]")) button.setAttribute("aria-pressed", String(button.dataset.all === String(state.all)));
    const sortedBy = columns.find((column) => column.key === state.key);
    order = sorted(sortedBy);
    const line = element("tr");
    line.append(...columns.map(headCell));
    parts.head.replaceChildren(line);
    const totals = totalRows();
    parts.foot.replaceChildren(...totals.map((row) => rowOfTable(row, "sum")));
    parts.table.setAttribute("aria-rowcount", data.areas.count + totals.length + 1);
    parts.table.setAttribute("aria-label", words.title);
    parts.body.replaceChildren();
    height = 29;
    drawn = "";
    draw();
    height = parts.body.querySelector("tr[data-row]")?.getBoundingClientRect().height || height;
  }

  function headCell(column) {
    const cell = element("th");
    cell.scope = "col";
    if (!column.isText) cell.className = "figure-of";
    const button = cell.appendChild(element("button"));
    button.type = "button";
    button.title = column.title;
    button.append(named("span", "", column.title), ...(column.unit && column.unit !== "%" ? [element("small", "", column.unit)] : []));
    const mine = column.key === state.key;
    cell.setAttribute("aria-sort", mine ? (state.up ? "ascending" : "descending") : "none");
    button.addEventListener("click", () => {
      state = { ...state, key: column.key, up: mine ? !state.up : !!column.isText };
      told("refresh");
      parts.head.querySelectorAll("button")[columns.findIndex((each) => each.key === column.key)]?.focus();
    });
    return cell;
  }

  function rowOfTable(row, className) {
    const line = element("tr", className);
    columns.forEach((column, at) => {
      const cell = line.appendChild(named(at ? "td" : "th", column.isText ? "" : "figure-of", column.text(row)));
      if (!at) cell.scope = "row";
      if (column.status) cell.classList.add(column.status(row));
      if (column.status && column.figure) cell.title = data.statuses[column.status(row)];
    });
    return line;
  }

  let drawn = "";

  // Only what is seen, and a little around it, is in the page; the rest is space of the right height.
  function draw() {
    const first = Math.max(0, Math.floor(parts.seen.scrollTop / height) - BEYOND_SEEN);
    const last = Math.min(order.length, first + Math.ceil((parts.seen.clientHeight || 400) / height) + 2 * BEYOND_SEEN);
    if (drawn !== first + "-" + last) {
      const focused = parts.body.contains(document.activeElement) ? Number(document.activeElement.dataset.row) : null;
      drawn = first + "-" + last;
      parts.body.replaceChildren(space(first), ...order.slice(first, last).map((row, at) => bodyRow(row, first + at)), space(order.length - last));
      if (focused !== null) parts.body.querySelector(`tr[data-row="${focused}"]`)?.focus({ preventScroll: true });
    }
    const stop = order.indexOf(chosen.area) >= first && order.indexOf(chosen.area) < last ? chosen.area : order[first];
    for (const line of parts.body.querySelectorAll("tr[data-row]")) {
      const row = Number(line.dataset.row);
      line.classList.toggle("chosen", row === chosen.area);
      line.classList.toggle("pointed", row === pointed);
      if (row === chosen.area) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
      line.tabIndex = row === stop ? 0 : -1;
    }
  }

  function bodyRow(row, at) {
    const line = rowOfTable(row, "");
    line.dataset.row = row;
    line.setAttribute("aria-rowindex", at + 2);
    return line;
  }

  function space(rows) {
    const line = element("tr", "space");
    line.setAttribute("aria-hidden", "true");
    line.style.height = rows * height + "px";
    line.hidden = !rows;
    return line;
  }

  function rowOf(event) {
    const line = event.target.closest("tr[data-row]");
    return line ? Number(line.dataset.row) : null;
  }

  function lookAt(row) {
    if (row === pointed) return;
    pointed = row;
    page.highlight(row);
    draw();
  }

  function reveal(at) {
    if (at < 0) return;
    const { seen, head, foot } = parts;
    const room = seen.clientHeight - head.offsetHeight - foot.offsetHeight;
    if (at * height < seen.scrollTop) seen.scrollTop = at * height;
    else if ((at + 1) * height > seen.scrollTop + room) seen.scrollTop = (at + 1) * height - room;
  }

  // Arrows go from row to row, Enter shows the area.
  function move(event) {
    const row = rowOf(event);
    if (row === null) return;
    const at = order.indexOf(row);
    const page_ = Math.max(1, Math.floor(parts.seen.clientHeight / height) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: order.length - 1, PageDown: at + page_, PageUp: at - page_ }[event.key];
    if (event.key === "Enter" || event.key === " ") page.select(row);
    else if (to === undefined) return;
    else {
      const next = Math.min(order.length - 1, Math.max(0, to));
      reveal(next);
      draw();
      parts.body.querySelector(`tr[data-row="${order[next]}"]`)?.focus({ preventScroll: true });
      lookAt(order[next]);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  // The rows as they stand, for a spreadsheet: figures without marks and separators, a status beside each.
  function exported() {
    const head = columns.flatMap((column) => [column.unit ? column.title + " (" + column.unit + ")" : column.title, ...(column.figure && state.all ? [said.status] : [])]);
    const rows = [...order, ...totalRows()];
    return [head, ...rows.map((row) => columns.flatMap((column) => {
      const figure = column.figure?.(row);
      const text = column.figure ? (Number.isNaN(figure) ? "" : String(figure)) : column.text(row);
      return [text, ...(column.figure && state.all ? [data.statuses[column.status(row)]] : [])];
    }))].map((cells) => cells.map(safeCell));
  }

  async function copyRows() {
    const text = exported().map((cells) => cells.join("\t")).join("\n");
    const done = await copyText(text, parts.seen).catch(() => false);
    if (parts) parts.note.textContent = done ? words.copied.replace("{n}", order.length) : words.not_copied;
  }

  function saveRows() {
    const quote = (cell) => (/[",\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell);
    const text = "\ufeff" + exported().map((cells) => cells.map(quote).join(",")).join("\r\n") + "\r\n";
    saveFile(new Blob([text], { type: "text/csv;charset=utf-8" }), [data.city.name, parts.title.textContent].join(" ") + ".csv");
  }

  return { open, close };
}

// A text harmless for a spreadsheet: in one cell, and no formula unless it is a number.
function safeCell(text) {
  const clean = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "").replace(/[\t\r\n]+/g, " ").slice(0, 32000);
  return /^[\s\ufeff]*[=+\-@|＝＋－＠]/.test(clean) && !/^[-+]?\d+(\.\d+)?$/.test(clean) ? "'" + clean : clean;
}

async function copyText(text, near) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true);
  const field = near.appendChild(element("textarea", "", text));
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

// Hands a file to the reader; it is made in the page and asked of nobody.
function saveFile(file, name) {
  const link = element("a");
  link.href = URL.createObjectURL(file);
  link.download = name.replace(/[\u0000-\u001f\u007f\u202a-\u202e\u2066-\u2069<>:"/\\|?*]+/g, "_").slice(-120);
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
