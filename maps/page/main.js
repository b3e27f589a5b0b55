// Starts the page: inflates the data, reads the link, and builds everything in the reader's language; again in the other when it is asked for.

async function startPage(folium) {
  const raw = JSON.parse(new TextDecoder().decode(await blob("data")));
  const { options } = folium;
  const frame = folium.getContainer();
  const link = makeLink();
  let map = folium;
  let page = null;

  function speak(lang) {
    link.set("lang", lang === raw.lang ? null : lang);
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    if (page) {
      page.close();
      map = L.map(frame, options);
    }
    const data = localized(raw, lang);
    document.title = data.city.name + " · " + data.title;
    page = openPage(map, data, { link, lang, speak });
  }

  speak(["zh", "en"].includes(link.get("lang")) ? link.get("lang") : raw.lang);
  document.body.dataset.ready = "yes";
}

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

// What the address says after its #: a text by key. Setting one changes the address and asks for nothing.
function makeLink() {
  const said = new Map(new URLSearchParams(location.hash.slice(1)));
  return {
    get: (key) => said.get(key) ?? null,
    set(key, value) {
      if (value === null || value === "") said.delete(key);
      else said.set(key, String(value));
      const text = [...said].map(([name, each]) => name + "=" + encodeURIComponent(each).replaceAll("%2F", "/").replaceAll("%2C", ",")).join("&");
      history.replaceState(null, "", "#" + text);
    },
  };
}
