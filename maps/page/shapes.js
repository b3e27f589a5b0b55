// Packed shapes: whole steps of `degrees` from point to point (x, y, x, y, …); see `packed` in spatial/outputs/webmap/shapes.py.

// Returns one entry a feature: its parts, each a list of paths, each a list of [lat, lon].
function unpack(packed) {
  return packed.shapes.map((parts) => parts.map((paths) => paths.map((steps) => walk(steps, packed.degrees))));
}

function walk(steps, degrees) {
  const points = [];
  let x = 0, y = 0;
  for (let i = 0; i < steps.length; i += 2) {
    x += steps[i];
    y += steps[i + 1];
    points.push([y * degrees, x * degrees]);
  }
  return points;
}

// An element with a class and a text. Text only: names come from files that anybody may have edited.
function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// What is known of a feature of an overlay, as far as `most` facts.
function hitText({ title, facts }, most = 99) {
  const box = element("div", "hit");
  const list = element("dl");
  for (const [label, text] of facts.slice(0, most)) list.append(element("dt", "", label), named("dd", "", text));
  box.append(element("div", "kind-of", title), list);
  return box;
}

// A long text shows its beginning, and the rest on demand.
function folded(tag, className, text, words) {
  const made = named(tag, className, text);
  const width = [...text].reduce((sum, char) => sum + (char > "\u2e80" ? 2 : 1), 0);
  if (width < 130) return made;
  const body = named("span", "clamp", text);
  const more = element("button", "more", words.more);
  more.type = "button";
  more.addEventListener("click", () => { more.textContent = body.classList.toggle("clamp") ? words.more : words.less; });
  made.replaceChildren(body, more);
  return made;
}

// A name keeps its own direction of writing and does not turn what stands beside it.
function named(tag, className, text) {
  const made = element(tag, className, text);
  made.dir = "auto";
  return made;
}
