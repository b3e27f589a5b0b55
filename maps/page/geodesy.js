// Lengths and areas on the ellipsoid of WGS-84. Places are [latitude, longitude] in degrees, results metres and square metres.

const AXIS = 6378137;
const FLATTENING = 1 / 298.257223563;
const RADIANS = Math.PI / 180;

// Length of a path: the sum of its geodesics.
function pathLength(places) {
  return places.slice(1).reduce((sum, place, at) => sum + geodesicLength(places[at], place), 0);
}

// The shortest way between two places: Vincenty's inverse formula (1975), to well under a millimetre. Nearly opposite to one another it does not
// settle: no length then, rather than a wrong one.
function geodesicLength([latA, lonA], [latB, lonB]) {
  const minor = AXIS * (1 - FLATTENING);
  const [reducedA, reducedB] = [latA, latB].map((lat) => Math.atan((1 - FLATTENING) * Math.tan(lat * RADIANS)));
  const [sinA, cosA, sinB, cosB] = [Math.sin(reducedA), Math.cos(reducedA), Math.sin(reducedB), Math.cos(reducedB)];
  const apart = turned(lonB - lonA) * RADIANS;
  let lambda = apart;
  for (let round = 0; round < 200; round++) {
    const [sinLambda, cosLambda] = [Math.sin(lambda), Math.cos(lambda)];
    const sinSigma = Math.hypot(cosB * sinLambda, cosA * sinB - sinA * cosB * cosLambda);
    if (sinSigma === 0) return 0;
    const cosSigma = sinA * sinB + cosA * cosB * cosLambda;
    const sigma = Math.atan2(sinSigma, cosSigma);
    const sinAlpha = (cosA * cosB * sinLambda) / sinSigma;
    const cosSqAlpha = 1 - sinAlpha ** 2;
    const cosMiddle = cosSqAlpha === 0 ? 0 : cosSigma - (2 * sinA * sinB) / cosSqAlpha;
    const c = (FLATTENING / 16) * cosSqAlpha * (4 + FLATTENING * (4 - 3 * cosSqAlpha));
    const before = lambda;
    lambda = apart + (1 - c) * FLATTENING * sinAlpha * (sigma + c * sinSigma * (cosMiddle + c * cosSigma * (2 * cosMiddle ** 2 - 1)));
    if (Math.abs(lambda - before) > 1e-12) continue;
    const u = (cosSqAlpha * (AXIS ** 2 - minor ** 2)) / minor ** 2;
    const a = 1 + (u / 16384) * (4096 + u * (-768 + u * (320 - 175 * u)));
    const b = (u / 1024) * (256 + u * (-128 + u * (74 - 47 * u)));
    const inner = cosSigma * (2 * cosMiddle ** 2 - 1) - (b / 6) * cosMiddle * (4 * sinSigma ** 2 - 3) * (4 * cosMiddle ** 2 - 3);
    return minor * a * (sigma - b * sinSigma * (cosMiddle + (b / 4) * inner));
  }
  return NaN;
}

// Area of a polygon, given without its first place again: the ellipsoid is laid on the sphere of the same area (authalic latitudes), where the
// spherical excess of the strips between its edges and the equator adds up to it.
function polygonArea(places) {
  const eccentricity = Math.sqrt(FLATTENING * (2 - FLATTENING));
  const strip = (sine) => {
    const e = eccentricity * sine;
    return (1 - eccentricity ** 2) * (sine / (1 - e * e) - Math.log((1 - e) / (1 + e)) / (2 * eccentricity));
  };
  const pole = strip(1);
  const halves = places.map(([lat]) => Math.tan(Math.asin(Math.min(1, Math.max(-1, strip(Math.sin(lat * RADIANS)) / pole))) / 2));
  let excess = 0;
  places.forEach(([, lon], at) => {
    const next = (at + 1) % places.length;
    const east = Math.tan((turned(places[next][1] - lon) * RADIANS) / 2);
    excess += 2 * Math.atan2(east * (halves[at] + halves[next]), 1 + halves[at] * halves[next]);
  });
  return (Math.abs(excess) * AXIS ** 2 * pole) / 2;
}

// Whether the outline of a polygon crosses itself: such a one has no area.
function crossesItself(places) {
  const side = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
  const edges = places.map((place, at) => [place, places[(at + 1) % places.length]]);
  return edges.some(([a, b], one) => edges.some(([c, d], two) => {
    if (two < one + 2 || (one === 0 && two === edges.length - 1)) return false;
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
  }));
}

// A difference of longitudes, the short way round.
function turned(degrees) {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}
