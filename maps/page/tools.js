// The tools on the map: a row of buttons, each opening a card or doing a thing at once. A part of the page adds its own to TOOLS:
//
//   { name, icon, make(page) → { open(box, byReader), close() } }   a card; `words[name].title` is its title
//   { name, icon, press(page) }                                     a thing done at once; `ready(page)`, where it is given, is called when the page is built
//
// `icon` is the path of a picture of 24 × 24; `wanted(page)`, where it is given, says whether there is anything to do on this map; `key` opens it from the
// keyboard. `byReader` is false where a link opened the card: the focus then stays where it is. The card has the class of its tool's name.

const TOOLS = [];

function makeToolbar(page) {
  const bar = element("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", page.words.tools);
  const card = element("section", "tool-card");
  card.id = "tool-card";
  card.hidden = true;
  page.frame.append(bar, card);
  L.DomEvent.disableClickPropagation(bar).disableScrollPropagation(bar);
  L.DomEvent.disableClickPropagation(card).disableScrollPropagation(card);
  let current = null;

  const made = TOOLS.filter((tool) => !tool.wanted || tool.wanted(page)).map((tool) => {
    const words = page.words[tool.name];
    tool.ready?.(page);
    const button = bar.appendChild(element("button", "tool"));
    button.type = "button";
    button.title = words.title;
    button.dataset.tool = tool.name;
    button.tabIndex = bar.children.length > 1 ? -1 : 0;
    button.setAttribute("aria-label", words.title);
    if (tool.key) button.setAttribute("aria-keyshortcuts", tool.key);
    const picture = svg("svg", { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true" });
    picture.append(svg("path", { d: tool.icon, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" }));
    button.append(picture);
    const each = { ...tool, words, button, card: tool.make?.(page) };
    if (tool.make) button.setAttribute("aria-expanded", "false");
    if (tool.make) button.setAttribute("aria-controls", card.id);
    button.addEventListener("click", () => (tool.press ? tool.press(page) : current === each ? close() : open(each, true)));
    button.addEventListener("focus", () => made.forEach((other) => { other.button.tabIndex = other === each ? 0 : -1; }));
    return each;
  });

  // In as many columns as the height of the map asks for.
  const arrange = () => {
    const rows = Math.max(1, Math.floor((page.frame.clientHeight - 130) / 38));
    bar.style.gridTemplateRows = "repeat(" + Math.min(rows, made.length) + ", auto)";
  };
  arrange();
  page.map.on("resize", arrange);

  // One stop of the Tab key; arrows move along the bar.
  bar.addEventListener("keydown", (event) => {
    const at = made.findIndex((each) => each.button === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: made.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    made[(to + made.length) % made.length].button.focus();
  });

  window.addEventListener("keydown", (event) => {
    const asked = made.find((each) => each.key && each.key === event.key);
    if (!asked || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, select, textarea")) return;
    event.preventDefault();
    open(asked, true);
  }, { signal: page.signal });

  function open(tool, byReader) {
    if (current) close();
    current = tool;
    document.body.classList.add("tooled");
    tool.button.setAttribute("aria-expanded", "true");
    const head = element("div", "tool-head");
    const shut = head.appendChild(element("button", "close", "×"));
    shut.type = "button";
    shut.setAttribute("aria-label", page.words.close);
    shut.addEventListener("click", close);
    head.prepend(element("h2", "", tool.words.title));
    const box = element("div", "tool-body");
    card.replaceChildren(head, box);
    card.className = "tool-card " + tool.name;
    card.setAttribute("aria-label", tool.words.title);
    card.hidden = false;
    page.link.set("tool", tool.name);
    tool.card.open(box, byReader);
  }

  // Whether there was a card to close.
  function close() {
    if (!current) return false;
    const { button, card: shown } = current;
    const held = card.contains(document.activeElement);
    current = null;
    document.body.classList.remove("tooled");
    button.setAttribute("aria-expanded", "false");
    card.hidden = true;
    page.link.set("tool", null);
    shown.close();
    if (held) button.focus();
    return true;
  }

  page.on("close", () => document.body.classList.remove("tooled"));

  return {
    // Opens a tool by name; a link or another part may ask for it. Whether this map has it.
    open: (name) => {
      const tool = made.find((each) => each.name === name && each.card);
      if (tool && tool !== current) open(tool, false);
      return !!tool;
    },
    close,
  };
}
