// The walking network in the page: streets, and who is within a distance of places on it. What is decided here is decided as in
// spatial/network (reach.py, contract.py): both connectors count, private streets serve those who live along them and let nobody through.

const STEP_M = 0.001;
// The page's lengths are whole millimetres; exactly at the limit is within.
const AT_LIMIT_M = 0.002;

// Returns { edges, x, y, first, along, length, edgeOf, private, main, grade }: vertices of edge e from first[e] to first[e + 1], metres.
function readGraph(read) {
  const nodeX = read("node_x"), nodeY = read("node_y");
  const start = read("start"), end = read("end"), inner = read("vertices");
  const stepX = read("step_x"), stepY = read("step_y");
  const edges = start.length;
  const first = new Int32Array(edges + 1);
  for (let e = 0; e < edges; e++) {
    end[e] += start[e];
    first[e + 1] = first[e] + inner[e] + 2;
  }
  const count = first[edges];
  const x = new Float64Array(count), y = new Float64Array(count), along = new Float64Array(count), length = new Float64Array(edges);
  const edgeOf = new Int32Array(count);
  let step = 0;
  for (let e = 0; e < edges; e++) {
    let atX = nodeX[start[e]], atY = nodeY[start[e]];
    for (let v = first[e]; v < first[e + 1]; v++) {
      if (v > first[e] && v < first[e + 1] - 1) {
        atX += stepX[step];
        atY += stepY[step++];
      } else if (v > first[e]) {
        atX = nodeX[end[e]];
        atY = nodeY[end[e]];
      }
      x[v] = atX * STEP_M;
      y[v] = atY * STEP_M;
      edgeOf[v] = e;
      if (v > first[e]) along[v] = along[v - 1] + Math.hypot(x[v] - x[v - 1], y[v] - y[v - 1]);
    }
    length[e] = along[first[e + 1] - 1];
  }
  return {
    nodes: nodeX.length, edges, start, end, x, y, first, along, length, edgeOf, private: read("private"), main: read("main"), grade: read("grade"),
    streets: streetsByNode(nodeX.length, start, end),
  };
}

function streetsByNode(nodes, start, end) {
  const from = new Int32Array(nodes + 1);
  for (let e = 0; e < start.length; e++) {
    from[start[e] + 1]++;
    from[end[e] + 1]++;
  }
  for (let n = 0; n < nodes; n++) from[n + 1] += from[n];
  const next = from.slice(), list = new Int32Array(2 * start.length);
  for (let e = 0; e < start.length; e++) {
    list[next[start[e]]++] = e;
    list[next[end[e]]++] = e;
  }
  return { from, list };
}

// Where people live, by street: homes of edge e from first[e] to first[e + 1]; those before first[0] are attached to none.
function readHomes(read, edges) {
  const edge = read("at_edge"), along = read("along"), gap = read("gap");
  const first = new Int32Array(edges + 1);
  for (let h = 0; h < edge.length; h++) first[edge[h]]++;
  for (let e = 0; e < edges; e++) first[e + 1] += first[e];
  return { count: edge.length, first, along: Float64Array.from(along, (mm) => mm * STEP_M), gap: Float64Array.from(gap, (mm) => mm * STEP_M) };
}

// Returns walkers: (sources, limit) → the homes within `limit` metres on foot of the nearest source { edge, along, gap }.
function makeWalk(graph, homes) {
  const { nodes, start, end, length, streets } = graph;
  const shut = graph.private;
  // A node for all, and the same node for whoever came along a private street: beyond it there are private streets only.
  const far = new Float64Array(2 * nodes).fill(Infinity);
  const touched = new Uint32Array(graph.edges);
  let run = 0;

  return (sources, limit) => {
    const most = limit + AT_LIMIT_M;
    const heap = makeHeap();
    const changed = [], reached = [];
    run++;
    const reach = (place, metres) => {
      if (metres > most || metres >= far[place]) return;
      if (far[place] === Infinity) changed.push(place);
      far[place] = metres;
      heap.push(metres, place);
    };
    const touch = (edge) => {
      if (touched[edge] === run) return;
      touched[edge] = run;
      reached.push(edge);
    };
    const on = new Map();
    for (const source of sources) {
      const { edge, along, gap } = source;
      const layer = shut[edge] ? nodes : 0;
      reach(layer + start[edge], gap + along);
      reach(layer + end[edge], gap + Math.max(length[edge] - along, 0));
      touch(edge);
      if (!on.has(edge)) on.set(edge, []);
      on.get(edge).push(source);
    }
    while (heap.size()) {
      const [metres, place] = heap.pop();
      if (metres > far[place]) continue;
      const behind = place >= nodes;
      const node = behind ? place - nodes : place;
      for (let n = streets.from[node]; n < streets.from[node + 1]; n++) {
        const edge = streets.list[n];
        touch(edge);
        if (behind && !shut[edge]) continue;
        const other = start[edge] === node ? end[edge] : start[edge];
        reach(other + (shut[edge] ? nodes : 0), metres + length[edge]);
      }
    }
    const found = [];
    for (const edge of reached) {
      const s = start[edge], t = end[edge];
      const fromStart = shut[edge] ? Math.min(far[s], far[nodes + s]) : far[s];
      const fromEnd = shut[edge] ? Math.min(far[t], far[nodes + t]) : far[t];
      for (let h = homes.first[edge]; h < homes.first[edge + 1]; h++) {
        const along = homes.along[h];
        let metres = Math.min(fromStart + along, fromEnd + Math.max(length[edge] - along, 0));
        for (const source of on.get(edge) || []) metres = Math.min(metres, source.gap + Math.abs(source.along - along));
        if (metres + homes.gap[h] <= most) found.push(h);
      }
    }
    changed.forEach((place) => { far[place] = Infinity; });
    return Uint32Array.from(found);
  };
}

// A binary heap of places by distance.
function makeHeap() {
  const keys = [], values = [];
  return {
    size: () => keys.length,
    push(key, value) {
      let at = keys.length;
      while (at > 0) {
        const above = (at - 1) >> 1;
        if (keys[above] <= key) break;
        keys[at] = keys[above];
        values[at] = values[above];
        at = above;
      }
      keys[at] = key;
      values[at] = value;
    },
    pop() {
      const first = [keys[0], values[0]];
      const key = keys.pop(), value = values.pop();
      const count = keys.length;
      if (!count) return first;
      let at = 0;
      for (;;) {
        let below = 2 * at + 1;
        if (below >= count) break;
        if (below + 1 < count && keys[below + 1] < keys[below]) below++;
        if (keys[below] >= key) break;
        keys[at] = keys[below];
        values[at] = values[below];
        at = below;
      }
      keys[at] = key;
      values[at] = value;
      return first;
    },
  };
}

// The city's metres, relative to the corner of the page's coordinates, and degrees: polynomials; see fitted_projection in walking_graph.py.
function makeProjection({ degree, metres, degrees, to_x, to_y, to_lon, to_lat }) {
  const sum = (coefficients, u, v) => {
    let total = 0, n = 0, left = 1;
    for (let i = 0; i <= degree; i++) {
      let right = left;
      for (let j = 0; j <= degree - i; j++) {
        total += coefficients[n++] * right;
        right *= v;
      }
      left *= u;
    }
    return total;
  };
  const part = ([first, second, halfFirst, halfSecond], a, b) => [(a - first) / halfFirst, (b - second) / halfSecond];
  return {
    toMetres(lon, lat) {
      const [u, v] = part(degrees, lon, lat);
      return [metres[0] + metres[2] * sum(to_x, u, v), metres[1] + metres[3] * sum(to_y, u, v)];
    },
    toDegrees(x, y) {
      const [u, v] = part(metres, x, y);
      return [degrees[0] + degrees[2] * sum(to_lon, u, v), degrees[1] + degrees[3] * sum(to_lat, u, v)];
    },
    holds: (lon, lat) => part(degrees, lon, lat).every((each) => Math.abs(each) <= 1),
  };
}
