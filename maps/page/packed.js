// Layers that travel as bytes: how they are read, and how what is near a place is found. spatial/outputs/webmap/packing.py says how they are
// written. Places are kept as shares of the world in Web Mercator, 0 to 1, from an origin of the layer, so that 32 bits tell centimetres.

const POINT = 0, LINE = 1, RING = 2, HOLE = 3, SIGN = 4;
const CODES = 0, FIGURES = 1, NAMES = 2;
const CHUNK = 32; // so many neighbouring features share one box of the index

const layersRead = new Map();

// The layer of a blob, read once; a promise.
function packedLayer(key) {
  if (!layersRead.has(key)) layersRead.set(key, blob(key).then(readLayer));
  return layersRead.get(key);
}

function readLayer(bytes) {
  let next = 0;
  const number = () => {
    let byte = bytes[next++];
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let place = 128; ; place *= 128) {
      byte = bytes[next++];
      value += (byte & 127) * place;
      if (byte < 128) return value;
    }
  };
  const numbers = (made) => {
    for (let i = 0; i < made.length; i++) made[i] = number();
    return made;
  };
  // Steps from one to the next, of places: these are small.
  const walked = (count) => {
    const made = new Int32Array(count);
    for (let i = 0, at = 0; i < count; i++) {
      const step = number();
      made[i] = at += (step >>> 1) ^ -(step & 1);
    }
    return made;
  };
  const unfolded = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

  if (number() !== 1) throw new Error("a layer of another format");
  const steps = number();
  const [size, pathCount, pointCount, columnCount] = [number(), number(), number(), number()];
  const columns = Array.from({ length: columnCount }, () => {
    const kind = number();
    return { kind, decimals: kind === FIGURES ? number() : 0 };
  });

  const first = new Int32Array(size + 1); // the first path of each feature
  for (let path = 0, row = 0; path < pathCount; path++) {
    row += number();
    first[row + 1] = path + 1;
  }
  for (let row = 0; row < size; row++) first[row + 1] = Math.max(first[row + 1], first[row]);
  const kinds = numbers(new Uint8Array(pathCount));
  const begin = new Int32Array(pathCount + 1); // the first point of each path
  for (let path = 0; path < pathCount; path++) begin[path + 1] = begin[path] + number();

  const east = walked(pointCount);
  const north = walked(pointCount);
  const origin = pointCount ? [east[0] / steps / 360 + 0.5, mercator(north[0] / steps)] : [0, 0];
  const x = Float32Array.from(east, (value) => value / steps / 360 + 0.5 - origin[0]);
  const y = northward(north, steps, origin[1]);

  const classes = numbers(new Uint16Array(size));
  const decoder = new TextDecoder();
  for (const column of columns) {
    if (column.kind === NAMES) {
      const lengths = numbers(new Uint32Array(number()));
      column.texts = [""];
      for (const length of lengths) column.texts.push(decoder.decode(bytes.subarray(next, (next += length))));
    }
    column.values = numbers(column.kind === FIGURES ? new Float64Array(size) : new Uint32Array(size));
    if (column.kind === FIGURES) column.values = column.values.map((value) => (value ? unfolded(value - 1) / 10 ** column.decimals : NaN));
  }
  const layer = { size, first, kinds, begin, x, y, origin, classes, columns };
  return Object.assign(layer, boxesOf(layer));
}

function mercator(lat) {
  const sine = Math.sin((Math.min(85.0511, Math.max(-85.0511, lat)) * Math.PI) / 180);
  return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
}

// Web Mercator of many latitudes: exact at steps of a thousandth of a degree, straight between them, which is right to a millimetre.
function northward(north, steps, origin) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of north) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const every = steps / 1000;
  const begin = Math.floor(low / every);
  const table = Float64Array.from({ length: north.length ? Math.floor(high / every) - begin + 2 : 0 }, (_, i) => mercator((begin + i) / 1000) - origin);
  const y = new Float32Array(north.length);
  for (let i = 0; i < y.length; i++) {
    const place = north[i] / every - begin;
    const at = Math.floor(place);
    y[i] = table[at] + (place - at) * (table[at + 1] - table[at]);
  }
  return y;
}

// Boxes of the features and of runs of them, each west, north, east, south. Neighbours stand together in a layer, so that these are small.
function boxesOf({ size, first, begin, x, y }) {
  const boxes = new Float32Array(4 * size);
  const chunks = new Float32Array(4 * Math.ceil(size / CHUNK));
  const reset = (into, at) => into.set([Infinity, Infinity, -Infinity, -Infinity], at);
  for (let at = 0; at < chunks.length; at += 4) reset(chunks, at);
  for (let row = 0; row < size; row++) {
    let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
    for (let i = begin[first[row]], end = begin[first[row + 1]]; i < end; i++) {
      if (x[i] < west) west = x[i];
      if (x[i] > east) east = x[i];
      if (y[i] < north) north = y[i];
      if (y[i] > south) south = y[i];
    }
    const place = 4 * row;
    boxes[place] = west;
    boxes[place + 1] = north;
    boxes[place + 2] = east;
    boxes[place + 3] = south;
    const at = 4 * Math.floor(row / CHUNK);
    if (west < chunks[at]) chunks[at] = west;
    if (north < chunks[at + 1]) chunks[at + 1] = north;
    if (east > chunks[at + 2]) chunks[at + 2] = east;
    if (south > chunks[at + 3]) chunks[at + 3] = south;
  }
  return { boxes, chunks };
}

// The rows whose box meets a box, in their order.
function rowsWithin({ size, boxes, chunks }, west, north, east, south) {
  const meets = (all, at) => all[at] <= east && all[at + 2] >= west && all[at + 1] <= south && all[at + 3] >= north;
  const found = [];
  for (let chunk = 0; chunk * 4 < chunks.length; chunk++) {
    if (!meets(chunks, 4 * chunk)) continue;
    for (let row = chunk * CHUNK, end = Math.min(size, row + CHUNK); row < end; row++) if (meets(boxes, 4 * row)) found.push(row);
  }
  return found;
}

// What lies at a place, given in the layer's own measure: rows of points, lines and polygons. Of points that stand at one place as often as not
// the nearest and those that stand with it; lines within reach, the nearest first; the uppermost polygon.
function rowsAt(layer, at, pointReach, lineReach, drawn) {
  const { first, kinds, begin, x, y, classes } = layer;
  const reach = Math.max(pointReach, lineReach);
  const lines = [];
  let [points, least, area] = [[], 1, -1];
  for (const row of rowsWithin(layer, at.x - reach, at.y - reach, at.x + reach, at.y + reach)) {
    if (!drawn(classes[row])) continue;
    let [near, inside, touched] = [Infinity, false, false];
    for (let path = first[row]; path < first[row + 1]; path++) {
      const [from, to] = [begin[path], begin[path + 1]];
      if (kinds[path] === POINT) {
        const far = Math.hypot(x[from] - at.x, y[from] - at.y) / pointReach;
        if (far > least) continue;
        if (far < least) points = [];
        least = far;
        points.push(row);
      } else if (kinds[path] === LINE) {
        touched = true;
        for (let i = from + 1; i < to; i++) near = Math.min(near, fromSegment(at, x[i - 1], y[i - 1], x[i], y[i]));
      } else if (kinds[path] !== SIGN && crossings(layer, from, to, at)) inside = !inside;
    }
    if (touched && near <= lineReach) lines.push([near, row]);
    if (inside && (area < 0 || classes[row] >= classes[area])) area = row;
  }
  lines.sort((a, b) => a[0] - b[0]);
  return [...new Set([...points.slice(0, 4), ...lines.slice(0, 4).map(([, row]) => row), ...(area < 0 ? [] : [area])])];
}

function fromSegment({ x, y }, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(ax + share * dx - x, ay + share * dy - y);
}

// Whether a ray to the east crosses a ring an odd number of times.
function crossings({ x, y }, from, to, at) {
  let odd = false;
  for (let i = from, j = to - 1; i < to; j = i++) {
    if (y[i] > at.y !== y[j] > at.y && at.x < x[i] + ((x[j] - x[i]) * (at.y - y[i])) / (y[j] - y[i])) odd = !odd;
  }
  return odd;
}

function toLatLng({ origin }, x, y) {
  const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * (y + origin[1])))) * 180) / Math.PI;
  return L.latLng(lat, (x + origin[0] - 0.5) * 360);
}

// The place of a coordinate in the layer's own measure.
function fromLatLng({ origin }, { lat, lng }) {
  return { x: lng / 360 + 0.5 - origin[0], y: mercator(lat) - origin[1] };
}

function boundsOf(layer, rows) {
  const bounds = L.latLngBounds([]);
  for (const row of rows) {
    const [west, north, east, south] = layer.boxes.subarray(4 * row, 4 * row + 4);
    if (west <= east) bounds.extend(toLatLng(layer, west, north)).extend(toLatLng(layer, east, south));
  }
  return bounds;
}

// A place on a feature: the middle point of its longest path.
function placeOn(layer, row) {
  const { first, begin, kinds, x, y } = layer;
  let best = -1;
  for (let path = first[row]; path < first[row + 1]; path++) {
    if (kinds[path] !== SIGN && (best < 0 || begin[path + 1] - begin[path] > begin[best + 1] - begin[best])) best = path;
  }
  if (best < 0) return null;
  if (kinds[best] === RING) {
    const [west, north, east, south] = layer.boxes.subarray(4 * row, 4 * row + 4);
    return toLatLng(layer, (west + east) / 2, (north + south) / 2);
  }
  const [from, to] = [begin[best], begin[best + 1]];
  const far = [0];
  for (let i = from + 1; i < to; i++) far.push(far.at(-1) + Math.hypot(x[i] - x[i - 1], y[i] - y[i - 1]));
  const middle = far.at(-1) / 2;
  const after = far.findIndex((each) => each >= middle);
  if (!after) return toLatLng(layer, x[from], y[from]);
  const share = (middle - far[after - 1]) / (far[after] - far[after - 1]);
  const i = from + after;
  return toLatLng(layer, x[i - 1] + share * (x[i] - x[i - 1]), y[i - 1] + share * (y[i] - y[i - 1]));
}

// The paths of a feature of one kind, as Leaflet takes them.
function pathsOf(layer, row, wanted) {
  const found = [];
  for (let path = layer.first[row]; path < layer.first[row + 1]; path++) {
    if (!wanted.includes(layer.kinds[path])) continue;
    const points = [];
    for (let i = layer.begin[path]; i < layer.begin[path + 1]; i++) points.push(toLatLng(layer, layer.x[i], layer.y[i]));
    found.push(points);
  }
  return found;
}
