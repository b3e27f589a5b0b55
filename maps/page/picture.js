// The sheet as a picture to save, and on paper.

const PICTURE_WIDE = 2400;

TOOLS.push({ name: "picture", icon: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.500 9h.01", press: savePicture });
TOOLS.push({ name: "print", icon: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z", press: printSheet, ready: readyToPrint });

async function savePicture(page) {
  const words = page.words.picture;
  const lift = curtain(words.drawing);
  let said = words.failed;
  try {
    const sheet = await makeSheet(page);
    document.body.append(sheet);
    const high = Math.max(SHEET_HIGH, sheet.offsetHeight);
    const bare = withoutCanvases(sheet);
    sheet.remove();
    const picture = await painted(sheet, high);
    const file = safeName([page.data.city.name, page.data.name, page.view().metric.name]) + ".png";
    download(await new Promise((done) => picture.toBlob(done, "image/png")), file);
    said = words.saved.split("{}").join(file) + (bare ? " " + words.without_base : "");
  } catch (error) {
    if (!["SecurityError", "EncodingError"].includes(error.name)) throw error;
  } finally {
    lift(said);
  }
}

async function printSheet(page) {
  const lift = curtain(page.words.picture.drawing);
  try {
    hang(await makeSheet(page));
  } finally {
    lift("");
  }
  window.print();
}

// The browser's own command to print gets the same sheet.
function readyToPrint(page) {
  window.addEventListener("beforeprint", () => document.querySelector("body > .sheet") || hang(makeSheetNow(page)), { signal: page.signal });
  window.addEventListener("afterprint", () => document.querySelector("body > .sheet")?.remove(), { signal: page.signal });
}

// Puts the sheet where print.css finds it; one that is longer than the paper is made smaller.
function hang(sheet) {
  document.querySelector("body > .sheet")?.remove();
  document.body.append(sheet);
  sheet.style.setProperty("--fit", String(Math.min(1, SHEET_HIGH / sheet.offsetHeight)));
}

// Draws a sheet: as an SVG picture of itself, since only that takes text, patterns and lines as they are at any size.
async function painted(sheet, high) {
  const style = element("style");
  style.textContent = [...document.querySelectorAll("style")].map((each) => each.textContent).join("\n");
  sheet.prepend(style);
  const markup = new XMLSerializer().serializeToString(sheet)
    .replace(/translate3d\(([^,()]+),([^,()]+),[^()]+\)/g, "translate($1,$2)")
    .replace(/[^\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ""); // what XML cannot hold
  const scale = PICTURE_WIDE / SHEET_WIDE;
  const size = `width="${PICTURE_WIDE}" height="${Math.round(high * scale)}" viewBox="0 0 ${SHEET_WIDE} ${high}"`;
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(`<svg xmlns="${SVG}" ${size}><foreignObject width="${SHEET_WIDE}" height="${high}">${markup}</foreignObject></svg>`);
  await image.decode();
  const canvas = element("canvas");
  canvas.width = PICTURE_WIDE;
  canvas.height = Math.round(high * scale);
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas;
}

// Turns canvases and tiles into pictures that travel inside the sheet. Returns whether tiles had to be left out: those of a server that does not
// allow copies.
function withoutCanvases(sheet) {
  let left = false;
  for (const each of sheet.querySelectorAll("canvas, img")) {
    const picture = element("img");
    try {
      picture.src = each.localName === "canvas" ? each.toDataURL() : copied(each);
    } catch (error) {
      if (error.name !== "SecurityError") throw error;
      left = true;
      each.remove();
      continue;
    }
    picture.className = each.className;
    picture.style.cssText = each.style.cssText;
    each.replaceWith(picture);
  }
  return left;
}

function copied(image) {
  if (!image.complete || !image.naturalWidth) return "data:,";
  const canvas = element("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL();
}

function download(bytes, name) {
  const link = element("a");
  link.href = URL.createObjectURL(bytes);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// A file name of letters, figures and dashes only, whatever the city is called.
function safeName(parts) {
  return parts.map((part) => [...part.replace(/[^\p{L}\p{N}_]+/gu, "-").replace(/^-+|-+$/g, "")].slice(0, 40).join("")).filter(Boolean).join("-");
}

// Covers the page while the map is drawn in another size, then says how it went.
function curtain(text) {
  const cover = element("div", "curtain", text);
  cover.setAttribute("role", "status");
  document.body.append(cover);
  return (said) => {
    cover.textContent = said;
    cover.classList.add("said");
    setTimeout(() => cover.remove(), said ? 4000 : 0);
  };
}
