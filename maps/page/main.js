// Starts the page: inflates the data, reads the link, and builds everything in the reader's language; again in the other when it is asked for.

async function startPage(folium) {
  const waiting = document.querySelector(".waiting");
  if (!waiting.querySelector(".old-browser").hidden) return;
  let raw;
  try {
    raw = JSON.parse(new TextDecoder().decode(await blob("data")));
  } catch (problem) {
    waiting.querySelector(".loading").hidden = true;
    waiting.querySelector(".broken").hidden = false;
    throw problem;
  }
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const options = { ...folium.options, ...(still ? { zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false } : {}) };
  const frame = folium.getContainer();
  const link = makeLink();
  let page = null;

  function build(lang) {
    const held = document.activeElement?.closest?.(".tool")?.dataset.tool;
    if (page) page.close();
    else folium.remove();
    waiting.remove();
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    const data = localized(raw, lang);
    document.title = data.city.name + " · " + data.title;
    page = openPage(L.map(frame, options), data, { link, lang, speak });
    if (held) frame.querySelector(`.tool[data-tool="${held}"]`)?.focus();
  }

  // What is kept in the link survives.
  function speak(lang) {
    link.set("lang", lang === raw.lang ? null : lang);
    build(lang);
  }

  function asked() {
    const lang = link.get("lang");
    if (["zh", "en"].includes(lang)) return lang;
    link.set("lang", null);
    return raw.lang;
  }

  build(asked());
  window.addEventListener("hashchange", () => link.read() && build(asked()));
  document.body.dataset.ready = "yes";
}

TOOLS.push({
  name: "language",
  icon: "M4 5h9M8.5 3v2M11.5 5c-1 4-3.5 6.5-7 8M6 8c1.5 3 3.5 4.5 6 5.5M12.5 20l4-10 4 10M14 17h5",
  press: (page) => page.speak(page.lang === "zh" ? "en" : "zh"),
});

const blobs = new Map();

// The binary part of the page called so, inflated; a promise of bytes.
function blob(key) {
  if (!blobs.has(key)) blobs.set(key, inflate(document.getElementById("spatial-" + key).textContent));
  return blobs.get(key);
}

async function inflate(text) {
  const inner = atob(text);
  const bytes = new Uint8Array(inner.length);
  for (let i = 0; i < inner.length; i++) bytes[i] = inner.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The data in one language: what stands in both as { zh, en } is replaced by the one.
function localized(node, lang) {
  if (Array.isArray(node)) return typeof node[0] === "number" && node.every((each) => typeof each === "number") ? node : node.map((each) => localized(each, lang));
  if (node === null || typeof node !== "object") return node;
  const keys = Object.keys(node);
  if (keys.length === 2 && "zh" in node && "en" in node) return localized(node[lang], lang);
  return Object.fromEntries(keys.map((key) => [key, localized(node[key], lang)]));
}

// What the address says after its #: a text by key. Setting one changes the address and asks for nothing. Whoever reads a value checks it: anybody may
// have written the address.
function makeLink() {
  const said = new Map();
  const write = () => [...said].map(([name, each]) => encodeURIComponent(name) + "=" + encodeURIComponent(each).replaceAll("%2F", "/").replaceAll("%2C", ",")).join("&");

  // Takes what the address says now; whether that is something else.
  function read() {
    const before = write();
    said.clear();
    for (const [name, value] of new URLSearchParams(location.hash.slice(1))) said.set(name, value);
    return write() !== before;
  }

  read();
  return {
    get: (key) => said.get(key) ?? null,
    set(key, value) {
      const wanted = value === "" ? null : value?.toString() ?? null;
      if (wanted === (said.get(key) ?? null)) return;
      if (wanted === null) said.delete(key);
      else said.set(key, wanted);
      try {
        history.replaceState(null, "", "#" + write());
      } catch {
        // Some browsers allow only so many changes a minute, or none to a file: the page works without.
      }
    },
    read,
  };
}
