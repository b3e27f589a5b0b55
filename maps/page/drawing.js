// Draws a packed layer on a canvas that is larger than the view, so that dragging only moves it. What takes long is drawn in slices of a few
// milliseconds, while the picture drawn before stays in its place.

const SLICE_MS = 7;
const BATCH = 3000; // so many points are drawn before the clock is looked at
const MOST_PIXELS = 9e6;

const Drawing = L.Layer.extend({
  // `paint(zoom)` says what is drawn: a list by class of { fill, stroke, weight, dash, casing, sprite }, null for a class that is not drawn;
  // and `fillOpacity`, `opacity`.
  initialize(layer, paint, options) {
    L.setOptions(this, options);
    Object.assign(this, { layer, paint, picture: null, job: null });
  },

  getEvents() {
    return { zoom: this.place, viewreset: this.place, zoomanim: this.animate, move: this.follow, moveend: this.draw, resize: this.draw };
  },

  onAdd() {
    this.draw();
  },

  onRemove() {
    slices.drop(this.job);
    this.picture?.canvas.remove();
    this.picture = null;
  },

  // Draws anew what is in view, unless the picture reaches far enough.
  draw() {
    const view = this.view();
    if (this.picture && this.reaches(view, 0.15)) return this.place();
    this.begin(view);
  },

  // Draws although nothing moved.
  redraw() {
    this.begin(this.view());
  },

  begin(view) {
    slices.drop(this.job);
    this.place();
    const target = this.canvas(view);
    this.job = slices.add(this.strokes(view, target), () => {
      this.picture?.canvas.remove();
      this.picture = { ...view, canvas: target };
      this.getPane().append(target);
      this.place();
    });
  },

  // A long drag comes to the edge of the picture before it ends.
  follow() {
    if (this.picture && !this.job?.waiting && this._map.getZoom() === this.picture.zoom && !this.reaches(this.view(), 0)) this.redraw();
  },

  view() {
    const map = this._map;
    const size = map.getSize();
    const ratio = document.body.classList.contains("composing") ? CRISP : Math.min(2, window.devicePixelRatio || 1); // paper is finer than a screen
    const margin = [0.5, 0.35, 0.2].find((share) => size.x * size.y * ((1 + 2 * share) * ratio) ** 2 <= MOST_PIXELS) ?? 0.1;
    const corner = map.containerPointToLayerPoint(size.multiplyBy(-margin)).round();
    const origin = map.getPixelOrigin().add(corner);
    const zoom = map.getZoom();
    return { zoom, ratio, origin, size, margin, width: Math.round(size.x * (1 + 2 * margin)), height: Math.round(size.y * (1 + 2 * margin)) };
  },

  reaches(view, spare) {
    const { origin, zoom, width, height, ratio } = this.picture;
    if (zoom !== view.zoom || ratio !== view.ratio) return false;
    const [left, top] = [view.origin.x + view.size.x * (view.margin - spare) - origin.x, view.origin.y + view.size.y * (view.margin - spare) - origin.y];
    return left >= 0 && top >= 0 && left + view.size.x * (1 + 2 * spare) <= width && top + view.size.y * (1 + 2 * spare) <= height;
  },

  place() {
    if (!this.picture) return;
    const scale = this._map.getZoomScale(this._map.getZoom(), this.picture.zoom);
    const at = this._map.project(this.corner(), this._map.getZoom()).subtract(this._map.getPixelOrigin());
    L.DomUtil.setTransform(this.picture.canvas, scale === 1 ? at.round() : at, scale);
  },

  animate({ center, zoom }) {
    if (!this.picture) return;
    const at = this._map._latLngToNewLayerPoint(this.corner(), zoom, center);
    L.DomUtil.setTransform(this.picture.canvas, at, this._map.getZoomScale(zoom, this.picture.zoom));
  },

  corner() {
    return this._map.unproject(this.picture.origin, this.picture.zoom);
  },

  canvas({ width, height, ratio }) {
    const made = element("canvas", "leaflet-zoom-animated");
    [made.width, made.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    [made.style.width, made.style.height] = [width + "px", height + "px"];
    return made;
  },

  // The work, slice by slice: polygons, their outlines, lines, points and signs; of each the classes in their order.
  *strokes(view, target) {
    const { layer } = this;
    const paint = this.paint(view.zoom);
    const world = 256 * 2 ** view.zoom;
    const [left, top] = [view.origin.x / world - layer.origin[0], view.origin.y / world - layer.origin[1]];
    const edge = 40 / world;
    const byClass = paint.classes.map(() => []);
    for (const row of rowsWithin(layer, left - edge, top - edge, left + view.width / world + edge, top + view.height / world + edge)) {
      if (paint.classes[layer.classes[row]]) byClass[layer.classes[row]].push(row);
    }
    const brush = target.getContext("2d");
    const scope = { layer, byClass, classes: paint.classes, scale: world * view.ratio, left, top, ratio: view.ratio };
    yield;
    yield* pass(brush, scope, "fill", paint.fillOpacity);
    yield* pass(brush, scope, "outline", paint.opacity);
    yield* pass(brush, scope, "casing", paint.opacity);
    yield* pass(brush, scope, "line", paint.opacity);
    yield* signPass(brush, scope);
  },
});

// One part of all features: "fill" and "outline" of polygons, "casing" and "line" of lines. What is not opaque is drawn opaque on a sheet of its
// own and laid down as a whole, so that what crosses or overlaps is no darker.
function* pass(brush, scope, part, opacity) {
  const { byClass, classes } = scope;
  if (!classes.some((one, index) => one?.[part] && byClass[index].length)) return;
  const into = opacity < 1 ? cleanSheet(brush.canvas) : brush;
  for (const [index, one] of classes.entries()) {
    if (!one?.[part] || !byClass[index].length) continue;
    const { color, weight, dash } = one[part];
    into.fillStyle = into.strokeStyle = color;
    into.lineWidth = weight * scope.ratio;
    into.lineCap = into.lineJoin = dash ? "butt" : "round";
    into.lineJoin = "round";
    into.setLineDash(dash ? dash.split(" ").map((each) => each * scope.ratio) : []);
    let drawn = 0;
    into.beginPath();
    for (const row of byClass[index]) {
      drawn += trace(into, scope, row, part === "fill" || part === "outline");
      if (drawn < BATCH) continue;
      finish(into, part);
      into.beginPath();
      drawn = 0;
      yield;
    }
    finish(into, part);
    yield;
  }
  if (into === brush) return;
  brush.globalAlpha = opacity;
  brush.drawImage(into.canvas, 0, 0, brush.canvas.width, brush.canvas.height, 0, 0, brush.canvas.width, brush.canvas.height);
  brush.globalAlpha = 1;
  yield;
}

function finish(brush, part) {
  if (part === "fill") brush.fill();
  else brush.stroke();
}

// Puts the rings or the lines of a feature into the path; what lies within a pixel of the point before adds nothing. Returns how many points.
function trace(brush, { layer, scale, left, top }, row, solid) {
  const { first, kinds, begin, x, y } = layer;
  let drawn = 0;
  for (let path = first[row]; path < first[row + 1]; path++) {
    if (solid ? kinds[path] !== RING && kinds[path] !== HOLE : kinds[path] !== LINE) continue;
    const end = begin[path + 1];
    let lastX = (x[begin[path]] - left) * scale;
    let lastY = (y[begin[path]] - top) * scale;
    brush.moveTo(lastX, lastY);
    for (let i = begin[path] + 1; i < end; i++) {
      const nextX = (x[i] - left) * scale;
      const nextY = (y[i] - top) * scale;
      if ((nextX - lastX) ** 2 + (nextY - lastY) ** 2 < 0.7 && i < end - 1) continue;
      brush.lineTo(nextX, nextY);
      lastX = nextX;
      lastY = nextY;
      drawn++;
    }
    if (solid) brush.closePath();
    drawn++;
  }
  return drawn;
}

function* signPass(brush, { layer, byClass, classes, scale, left, top, ratio }) {
  const { first, kinds, begin, x, y } = layer;
  for (const [index, one] of classes.entries()) {
    if (!one?.sign || !byClass[index].length) continue;
    let picture = null;
    let drawn = 0;
    for (const row of byClass[index]) {
      for (let path = first[row]; path < first[row + 1]; path++) {
        if (kinds[path] !== POINT && kinds[path] !== SIGN) continue;
        picture ??= signPicture(one.sign, ratio);
        const half = picture.width / 2;
        brush.drawImage(picture, Math.round((x[begin[path]] - left) * scale - half), Math.round((y[begin[path]] - top) * scale - half));
        if (++drawn % BATCH === 0) yield;
      }
    }
  }
}

// Signs of points that are told apart by shape as well as by colour, around the origin with radius 1; circle and ring are round.
const SIGNS = {
  square: [[[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]]],
  triangle: [[[0, -1.2], [1.15, 0.85], [-1.15, 0.85]]],
  cross: [[[-0.8, -0.8], [0.8, 0.8]], [[-0.8, 0.8], [0.8, -0.8]]],
};

function signPicture({ shape, radius, fill, fillOpacity, stroke, weight }, ratio) {
  const made = document.createElement("canvas");
  const half = Math.ceil((radius * 1.25 + weight) * ratio) + 1;
  made.width = made.height = 2 * half;
  const brush = made.getContext("2d");
  brush.translate(half, half);
  brush.scale(ratio, ratio);
  brush.beginPath();
  const outlines = SIGNS[shape];
  if (!outlines) brush.arc(0, 0, radius, 0, 2 * Math.PI);
  for (const outline of outlines || []) {
    outline.forEach(([x, y], at) => brush[at ? "lineTo" : "moveTo"](x * radius, y * radius));
    if (outline.length > 2) brush.closePath();
  }
  if (fill !== "none") {
    brush.globalAlpha = fillOpacity;
    brush.fillStyle = fill;
    brush.fill();
  }
  if (weight > 0) {
    brush.globalAlpha = 1;
    brush.strokeStyle = stroke;
    brush.lineWidth = weight;
    brush.stroke();
  }
  return made;
}

// What all layers draw on that is to be laid down as a whole; one layer at a time.
let sheet = null;

function cleanSheet({ width, height }) {
  sheet ??= document.createElement("canvas").getContext("2d");
  if (sheet.canvas.width < width || sheet.canvas.height < height) {
    [sheet.canvas.width, sheet.canvas.height] = [Math.max(sheet.canvas.width, width), Math.max(sheet.canvas.height, height)];
  } else sheet.clearRect(0, 0, width, height);
  return sheet;
}

// Work that is done a few milliseconds a frame, one piece after the other.
const slices = (() => {
  const queue = [];
  const waiting = [];
  let asked = false;

  function ask() {
    if (!asked) requestAnimationFrame(run);
    asked = true;
  }

  function run() {
    asked = false;
    work(performance.now() + SLICE_MS);
    if (queue.length) ask();
    else waiting.splice(0).forEach((each) => each());
  }

  function work(end) {
    while (queue.length && performance.now() < end) {
      const [job] = queue;
      if (!job.work.next().done) continue;
      queue.shift();
      job.waiting = false;
      job.done();
    }
  }

  return {
    add(work, done) {
      const job = { work, done, waiting: true };
      queue.push(job);
      ask();
      return job;
    },
    drop(job) {
      if (!job?.waiting) return;
      job.waiting = false;
      queue.splice(queue.indexOf(job), 1);
    },
    // Draws all that waits at once, for who cannot wait for a frame.
    finish: () => work(Infinity),
    // A promise that everything is drawn.
    settled: () => new Promise((done) => { if (queue.length) waiting.push(done); else done(); }),
  };
})();
