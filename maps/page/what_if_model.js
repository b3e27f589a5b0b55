// Whom a new park or facility would serve: the figures of the table, computed anew in the page as spatial/metrics computes them.
//
// A site is { kind, area, lon, lat }: number of its kind, m² of a park. `place` says how it stands and whom it reaches, `evaluate` what changes.

function makeModel(bytes, what, rows) {
  const read = readStreams(bytes, what.streams);
  const graph = readGraph(read);
  const homes = readHomes(read, graph.edges);
  const homeX = read("home_x"), homeY = read("home_y");
  const snap = makeSnap(graph, read);
  const walk = makeWalk(graph, homes);
  const projection = makeProjection(what.projection);
  const reached = what.reaches.map((_, n) => read("reached_" + n));
  const tables = what.shares.map((table, n) => readShares(read, n, homes.count, table.city));
  const extent = readRings(read, "extent");
  const grounds = what.kinds.map((kind) => readRings(read, "grounds_" + kind.grounds));
  const bases = what.measures.map(() => null);
  const known = new Map();

  // Returns { x, y, box, refused, reaches }: why there is no figure, or the homes within reach by what they reach.
  function place(site) {
    const key = [site.kind, site.area, site.lon, site.lat].join();
    if (!known.has(key)) {
      if (known.size > 400) known.clear();
      known.set(key, placed(site));
    }
    return known.get(key);
  }

  function placed({ kind, area, lon, lat }) {
    const { park, reaches } = what.kinds[kind];
    const [x, y] = projection.toMetres(lon, lat);
    const half = Math.sqrt(area) / 2;
    const box = park ? [x - half, y - half, x + half, y + half] : null;
    const refuse = (refused) => ({ x, y, box, refused, reaches: new Map() });
    if (!projection.holds(lon, lat) || (extent.length && !withinRings(extent, x, y))) return refuse("outside");
    if (park ? grounds[kind].some((ring) => touchesRing(box, ring)) || withinRings(grounds[kind], x, y) : withinRings(grounds[kind], x, y)) {
      return refuse(park ? "touches" : "inside");
    }
    const sources = park ? snap.intoPark(box) : snap.intoPoint(x, y);
    if (!sources.length) return refuse("far");
    const walks = new Map();
    const found = new Map();
    for (const reach of reaches) {
      const metres = radius(reach, park ? area : Infinity);
      if (!metres) continue;
      if (!walks.has(metres)) walks.set(metres, walk(sources, metres));
      found.set(reach, walks.get(metres));
    }
    return { x, y, box, refused: null, reaches: found };
  }

  // How far a site of a size serves, metres; 0 where it is too small.
  function radius(reach, area) {
    return what.reaches[reach].limits.reduce((metres, [least, most]) => (area >= least ? most : metres), 0);
  }

  function base(index) {
    if (bases[index]) return bases[index];
    const measure = what.measures[index];
    const { first, row, people, city } = tables[measure.shares];
    const served = Uint8Array.from({ length: homes.count }, (_, home) => (measure.reaches.every((reach) => reached[reach][home]) ? 1 : 0));
    const all = new Float64Array(rows), before = new Float64Array(rows);
    for (let home = 0; home < homes.count; home++) {
      for (let n = first[home]; n < first[home + 1]; n++) {
        const into = city >= 0 ? [row[n], city] : [row[n]];
        for (const r of into) {
          all[r] += people[n];
          if (served[home]) before[r] += people[n];
        }
      }
    }
    bases[index] = { served, all, before };
    return bases[index];
  }

  // Returns { all, before, gained, homes }: residents by row, those served now and those newly served by the sites together; and their homes.
  function evaluate(index, sites) {
    const measure = what.measures[index];
    const { served, all, before } = base(index);
    const { first, row, people, city } = tables[measure.shares];
    const within = new Map();
    for (const site of sites) {
      for (const [reach, list] of site.reaches) {
        if (!measure.reaches.includes(reach)) continue;
        if (!within.has(reach)) within.set(reach, new Set());
        for (const home of list) within.get(reach).add(home);
      }
    }
    const gained = new Float64Array(rows), newly = [];
    for (const home of new Set([...within.values()].flatMap((set) => [...set]))) {
      if (served[home] || !measure.reaches.every((reach) => reached[reach][home] || within.get(reach)?.has(home))) continue;
      let counted = false;
      for (let n = first[home]; n < first[home + 1]; n++) {
        counted = true;
        gained[row[n]] += people[n];
        if (city >= 0) gained[city] += people[n];
      }
      if (counted) newly.push(home);
    }
    return { all, before, gained, homes: newly };
  }

  return { place, evaluate, radius, projection, home: (n) => [homeX[n], homeY[n]] };
}

// Who lives where: shares of home h from first[h] to first[h + 1]. `city` is the row that is the sum of the others, -1 where it stands for itself.
function readShares(read, n, homes, city) {
  const home = read("share_home_" + n);
  const first = new Int32Array(homes + 1);
  for (const each of home) first[each + 1]++;
  for (let h = 0; h < homes; h++) first[h + 1] += first[h];
  return { first, row: read("share_row_" + n), people: read("share_people_" + n), city };
}

// Rings as { x, y, box }, metres.
function readRings(read, name) {
  const x = read(name + "_x"), y = read(name + "_y");
  let from = 0;
  return [...read(name + "_size")].map((count) => {
    const ring = { x: Float64Array.from(x.subarray(from, from + count), (mm) => mm * STEP_M), y: Float64Array.from(y.subarray(from, from + count), (mm) => mm * STEP_M) };
    from += count;
    return { ...ring, box: [Math.min(...ring.x), Math.min(...ring.y), Math.max(...ring.x), Math.max(...ring.y)] };
  });
}

// Whether a place lies in polygons that do not overlap, given by all their rings.
function withinRings(rings, x, y) {
  return rings.filter(({ box, ...ring }) => x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3] && insideRing(x, y, ring.x, ring.y, 0, ring.x.length)).length % 2 === 1;
}

function touchesRing(box, ring) {
  if (box[0] > ring.box[2] || box[2] < ring.box[0] || box[1] > ring.box[3] || box[3] < ring.box[1]) return false;
  for (let v = 0; v + 1 < ring.x.length; v++) if (clipped(box, ring.x[v], ring.y[v], ring.x[v + 1], ring.y[v + 1])) return true;
  return false;
}

function boxesTouch(one, two) {
  return one[0] <= two[2] && two[0] <= one[2] && one[1] <= two[3] && two[1] <= one[3];
}
