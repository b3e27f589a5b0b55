// The tools on the map: a row of buttons, each opening a card or doing a thing at once. A part of the page adds its own to TOOLS:
//
//   { name, icon, make(page) → { open(box), close() } }   a card; `words[name].title` is its title
//   { name, icon, press(page) }                           a thing done at once; `ready(page)`, where it is given, is called when the page is built
//
// `icon` is the path of a picture of 24 × 24; `wanted(page)`, where it is given, says whether there is anything to do on this map.

const TOOLS = [];

TOOLS.push({
  name: "language",
  icon: "M4 5h9M8.5 3v2M11.5 5c-1 4-3.5 6.500-7 8M6 8c1.500 3 3.500 4.500 6 5.500M12.500 20l4-10 4 10M14 17h5",
  press: (page) => page.speak(page.lang === "zh" ? "en" : "zh"),
});

function makeToolbar(page) {
  const bar = element("div", "tools");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", page.words.tools);
  const card = element("section", "tool-card");
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
    button.setAttribute("aria-label", words.title);
    const picture = svg("svg", { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true" });
    picture.append(svg("path", { d: tool.icon, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" }));
    button.append(picture);
    const each = { ...tool, words, button, card: tool.make?.(page) };
    if (tool.make) button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => (tool.press ? tool.press(page) : current === each ? close() : open(each)));
    return each;
  });

  function open(tool) {
    if (current) close();
    current = tool;
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
    tool.card.open(box);
  }

  function close() {
    if (!current) return;
    const { button, card: shown } = current;
    current = null;
    button.setAttribute("aria-expanded", "false");
    card.hidden = true;
    page.link.set("tool", null);
    shown.close();
    button.focus();
  }

  return {
    // Opens a tool by name; a link or another part may ask for it.
    open: (name) => {
      const tool = made.find((each) => each.name === name && each.card);
      if (tool) open(tool);
    },
    close,
  };
}
