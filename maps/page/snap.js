// How places are attached to the walking network in the page, decided as in spatial/network/snap.py and spatial/metrics/walking.py: by the
// nearest connector of at most 200 m that no wall, railway, expressway or shore bars; parks where ways run along them or cross their edge, and at gates.
//
// A place is { x, y } or { box: [west, south, east, north] }, metres; a source is { edge, along, gap }.

const SNAP_M = 200;
const BESIDE_M = 25;
const SPACING_M = 50;
const CLEAR_M = 0.1;
const TINY_M = 1e-6;
const WALLS_TOO = 2, WITHOUT_WALLS = 1;

function makeSnap(graph, read) {
  const ways = makeGrid(graph.x, graph.y, (v) => v + 1 < graph.x.length && graph.edgeOf[v] === graph.edgeOf[v + 1]);
  const barriers = readBarriers(read);
  const gates = read("gate_within");
  const gateX = read("gate_x"), gateY = read("gate_y");

  // The nearest connector that is free, of those to edges that are allowed.
  function snap(place, { limit = SNAP_M, bars = WALLS_TOO, open = false, main = false }) {
    const [west, south, east, north] = place.box || [place.x, place.y, place.x, place.y];
    let beyond = -1;
    for (const part of [0.125, 0.25, 0.5, 1]) {
      const radius = limit * part + TINY_M;
      const near = [];
      ways.around(west - radius, south - radius, east + radius, north + radius, (v) => {
        const edge = graph.edgeOf[v];
        if ((open && graph.private[edge]) || (main && !graph.main[edge])) return;
        const line = place.box ? fromBox(place.box, v) : fromPoint(place.x, place.y, v);
        if (line.gap <= radius && line.gap > beyond) near.push({ ...line, edge, v });
      });
      near.sort((a, b) => (Math.abs(a.gap - b.gap) > 1e-9 ? a.gap - b.gap : graph.private[a.edge] - graph.private[b.edge] || a.v - b.v));
      for (const line of near) {
        if (line.gap === 0 && place.box) return { edge: line.edge, along: withinBox(place.box, line.edge), gap: 0 };
        if (!barriers.bar(line, bars)) return { edge: line.edge, along: line.along, gap: line.gap };
      }
      beyond = radius;
    }
    return null;
  }

  function fromPoint(x, y, v) {
    const [toX, toY, t] = nearestOn(x, y, graph.x[v], graph.y[v], graph.x[v + 1], graph.y[v + 1]);
    return { x, y, toX, toY, gap: Math.hypot(toX - x, toY - y), along: graph.along[v] + t * (graph.along[v + 1] - graph.along[v]) };
  }

  // From a square to a straight piece: 0 where it runs into the square.
  function fromBox(box, v) {
    const [ax, ay, bx, by] = [graph.x[v], graph.y[v], graph.x[v + 1], graph.y[v + 1]];
    if (clipped(box, ax, ay, bx, by)) return { gap: 0, along: graph.along[v] };
    const long = graph.along[v + 1] - graph.along[v];
    let best = { gap: Infinity };
    const tryLine = (x, y, toX, toY, t) => {
      const gap = Math.hypot(toX - x, toY - y);
      if (gap < best.gap) best = { x, y, toX, toY, gap, along: graph.along[v] + t * long };
    };
    for (const [x, y] of corners(box)) tryLine(x, y, ...nearestOn(x, y, ax, ay, bx, by));
    [[ax, ay, 0], [bx, by, 1]].forEach(([x, y, t]) => tryLine(Math.min(Math.max(x, box[0]), box[2]), Math.min(Math.max(y, box[1]), box[3]), x, y, t));
    return best;
  }

  // Where on an edge that runs into a square the point nearest to its centre is.
  function withinBox(box, edge) {
    const x = (box[0] + box[2]) / 2, y = (box[1] + box[3]) / 2;
    let best = Infinity, along = 0;
    for (let v = graph.first[edge]; v < graph.first[edge + 1] - 1; v++) {
      const part = clipped(box, graph.x[v], graph.y[v], graph.x[v + 1], graph.y[v + 1]);
      if (!part) continue;
      const dx = graph.x[v + 1] - graph.x[v], dy = graph.y[v + 1] - graph.y[v];
      const [, , t] = nearestOn(x, y, graph.x[v], graph.y[v], graph.x[v + 1], graph.y[v + 1]);
      const kept = Math.min(Math.max(t, part[0]), part[1]);
      const away = Math.hypot(graph.x[v] + kept * dx - x, graph.y[v] + kept * dy - y);
      if (away < best) [best, along] = [away, graph.along[v] + kept * (graph.along[v + 1] - graph.along[v])];
    }
    return along;
  }

  // A piece of network under 1 km that joins nothing takes a place only where nothing else does; walls bar unless they bar everything.
  function attach(place) {
    for (const bars of [WALLS_TOO, WITHOUT_WALLS]) {
      for (const main of [true, false]) {
        const found = snap(place, { bars, main });
        if (found) return { ...found, enclosed: bars === WITHOUT_WALLS };
      }
    }
    return null;
  }

  // Places attached to a private street serve those who live along it, and as guests come in from the nearest public one.
  function attachAll(places) {
    const sources = [];
    for (const place of places) {
      const found = attach(place);
      if (!found) continue;
      sources.push(found);
      const guest = graph.private[found.edge] && !found.enclosed ? snap(place, { open: true, main: true }) : null;
      if (guest) sources.push(guest);
    }
    return sources;
  }

  function intoPark(box) {
    const [west, south, east, north] = box;
    const at = corners(box);
    const doors = [];
    for (let g = 0; g < gates.length; g++) {
      const [x, y] = [gateX[g] * STEP_M, gateY[g] * STEP_M];
      if (toEdge(box, x, y) <= gates[g]) doors.push({ x, y });
    }
    const crossings = [];
    ways.around(west, south, east, north, (v) => {
      if (!graph.grade[v - graph.edgeOf[v]]) return;
      at.forEach(([x, y], n) => meetingPoints(x, y, ...at[(n + 1) % 4], graph.x[v], graph.y[v], graph.x[v + 1], graph.y[v + 1]).forEach(([mx, my]) => crossings.push({ x: mx, y: my })));
    });
    const beside = doors.length ? [] : along(at).map((spot) => snap(spot, { limit: BESIDE_M, open: true, main: true })).filter(Boolean);
    const places = [...doors, ...crossings];
    return [...attachAll(places.length || beside.length ? places : [{ box }]), ...beside];
  }

  // Points at most 50 m apart round a square, from its south-eastern corner northwards.
  function along(at) {
    const side = at[1][1] - at[0][1];
    const count = Math.max(Math.ceil((4 * side) / SPACING_M), 1);
    return Array.from({ length: count }, (_, n) => {
      const gone = (4 * n) / count;
      const from = at[Math.floor(gone)], to = at[(Math.floor(gone) + 1) % 4], t = gone - Math.floor(gone);
      return { x: from[0] + t * (to[0] - from[0]), y: from[1] + t * (to[1] - from[1]) };
    });
  }

  return { intoPark, intoPoint: (x, y) => attachAll([{ x, y }]) };
}

// Anticlockwise from the south-eastern corner.
function corners([west, south, east, north]) {
  return [[east, south], [east, north], [west, north], [west, south]];
}

function toEdge(box, x, y) {
  const at = corners(box);
  return Math.min(...at.map((from, n) => {
    const [toX, toY] = nearestOn(x, y, ...from, ...at[(n + 1) % 4]);
    return Math.hypot(toX - x, toY - y);
  }));
}

// The point of a straight piece that is nearest to a place, and how far along it, 0–1.
function nearestOn(x, y, ax, ay, bx, by) {
  const dx = bx - ax, dy = by - ay;
  const square = dx * dx + dy * dy;
  const t = square > 0 ? Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / square, 0), 1) : 0;
  return t === 1 ? [bx, by, 1] : [ax + t * dx, ay + t * dy, t];
}

// The part of a straight piece that lies in a square, as two shares of its length; null for none.
function clipped([west, south, east, north], ax, ay, bx, by) {
  let low = 0, high = 1;
  for (const [from, step, least, most] of [[ax, bx - ax, west, east], [ay, by - ay, south, north]]) {
    if (step === 0) {
      if (from < least || from > most) return null;
      continue;
    }
    const one = (least - from) / step, two = (most - from) / step;
    low = Math.max(low, Math.min(one, two));
    high = Math.min(high, Math.max(one, two));
  }
  return low <= high ? [low, high] : null;
}

// Where two straight pieces meet: no point, one, or the two ends of what they share.
function meetingPoints(ax, ay, bx, by, cx, cy, dx, dy) {
  const rx = bx - ax, ry = by - ay, sx = dx - cx, sy = dy - cy;
  const cross = rx * sy - ry * sx, qx = cx - ax, qy = cy - ay;
  if (cross !== 0) {
    const t = (qx * sy - qy * sx) / cross, u = (qx * ry - qy * rx) / cross;
    return t >= 0 && t <= 1 && u >= 0 && u <= 1 ? [[ax + t * rx, ay + t * ry]] : [];
  }
  if (qx * ry - qy * rx !== 0) return [];
  const square = rx * rx + ry * ry;
  if (!square) return [];
  const one = (qx * rx + qy * ry) / square, two = one + (sx * rx + sy * ry) / square;
  const low = Math.max(0, Math.min(one, two)), high = Math.min(1, Math.max(one, two));
  return low > high ? [] : [[ax + low * rx, ay + low * ry], [ax + high * rx, ay + high * ry]];
}

function readBarriers(read) {
  const size = read("barrier_size"), wall = read("barrier_wall"), shell = read("barrier_shell");
  const x = Float64Array.from(read("barrier_x"), (mm) => mm * STEP_M), y = Float64Array.from(read("barrier_y"), (mm) => mm * STEP_M);
  const owner = new Int32Array(x.length);
  const first = new Int32Array(size.length + 1);
  size.forEach((count, n) => {
    first[n + 1] = first[n] + count;
    owner.fill(n, first[n], first[n + 1]);
  });
  const grid = makeGrid(x, y, (v) => v + 1 < x.length && owner[v] === owner[v + 1]);

  // Whether a connector crosses a barrier farther than 0.1 m from its ends; a shore does not bar whoever stands within it.
  function bar(line, bars) {
    const dx = line.toX - line.x, dy = line.toY - line.y;
    if (line.gap <= 2 * CLEAR_M) return false;
    const low = CLEAR_M / line.gap, high = 1 - low;
    const [ax, ay, bx, by] = [line.x + low * dx, line.y + low * dy, line.x + high * dx, line.y + high * dy];
    let barred = false;
    grid.around(Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by), (v) => {
      const n = owner[v];
      if (barred || (bars === WITHOUT_WALLS && wall[n])) return;
      if (!meetingPoints(ax, ay, bx, by, x[v], y[v], x[v + 1], y[v + 1]).length) return;
      barred = !(shell[n] && insideRing(line.x, line.y, x, y, first[n], first[n + 1]));
    });
    return barred;
  }
  return { bar };
}

function insideRing(px, py, x, y, from, to) {
  let inside = false;
  for (let v = from; v < to - 1; v++) {
    if (y[v] > py !== y[v + 1] > py && px < x[v] + ((py - y[v]) / (y[v + 1] - y[v])) * (x[v + 1] - x[v])) inside = !inside;
  }
  return inside;
}

// Straight pieces from vertex v to v + 1, by the cells of a grid that they run through.
function makeGrid(x, y, isPiece) {
  let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
  for (let v = 0; v < x.length; v++) {
    west = Math.min(west, x[v]);
    south = Math.min(south, y[v]);
    east = Math.max(east, x[v]);
    north = Math.max(north, y[v]);
  }
  if (!x.length) return { around: () => {} };
  const cell = Math.max(64, Math.max(east - west, north - south) / 1200);
  const columns = Math.floor((east - west) / cell) + 1, rows = Math.floor((north - south) / cell) + 1;
  const clamp = (value, most) => Math.min(Math.max(Math.floor(value), 0), most - 1);
  const cells = (x0, y0, x1, y1, visit) => {
    const c0 = clamp((x0 - west) / cell, columns), c1 = clamp((x1 - west) / cell, columns);
    const r0 = clamp((y0 - south) / cell, rows), r1 = clamp((y1 - south) / cell, rows);
    for (let r = r0; r <= r1; r++) for (let c = c0; c <= c1; c++) visit(r * columns + c, c, r);
  };
  const eachPiece = (visit) => {
    for (let v = 0; v + 1 < x.length; v++) {
      if (!isPiece(v)) continue;
      const [ax, ay, bx, by] = [x[v], y[v], x[v + 1], y[v + 1]];
      cells(Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by), (n, c, r) => {
        const midX = west + (c + 0.5) * cell, midY = south + (r + 0.5) * cell;
        const [toX, toY] = nearestOn(midX, midY, ax, ay, bx, by);
        if (Math.hypot(toX - midX, toY - midY) <= cell * 0.7072) visit(n, v);
      });
    }
  };
  const from = new Int32Array(columns * rows + 1);
  eachPiece((n) => { from[n + 1]++; });
  for (let n = 0; n < columns * rows; n++) from[n + 1] += from[n];
  const next = from.slice(0, -1), list = new Int32Array(from[columns * rows]);
  eachPiece((n, v) => { list[next[n]++] = v; });
  const seen = new Uint32Array(x.length);
  let run = 0;
  return {
    // Every piece whose cells meet a box, once.
    around(x0, y0, x1, y1, visit) {
      if (x1 < west || x0 > east || y1 < south || y0 > north) return;
      run++;
      cells(x0, y0, x1, y1, (n) => {
        for (let at = from[n]; at < from[n + 1]; at++) {
          const v = list[at];
          if (seen[v] === run) continue;
          seen[v] = run;
          visit(v);
        }
      });
    },
  };
}
