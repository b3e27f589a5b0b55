// Arrays of a binary part of the page, by name; see Streams in spatial/outputs/webmap/streams.py.

function readStreams(bytes, parts) {
  return (name) => {
    const [at, count, kind] = parts[name];
    if (kind === "bits") return Uint8Array.from({ length: count }, (_, n) => (bytes[at + (n >> 3)] >> (n & 7)) & 1);
    if (kind === "float32") return readFloats(bytes, at, count);
    return readIntegers(bytes, at, count, kind === "steps");
  };
}

function readIntegers(bytes, at, count, steps) {
  const found = new Int32Array(count);
  let last = 0;
  for (let n = 0; n < count; n++) {
    let folded = 0, shift = 0, byte;
    do {
      byte = bytes[at++];
      folded |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    const value = (folded >>> 1) ^ -(folded & 1);
    last = steps ? last + value : value;
    found[n] = last;
  }
  return found;
}

// Bytes of one rank stand together.
function readFloats(bytes, at, count) {
  const view = new DataView(new ArrayBuffer(4));
  return Float32Array.from({ length: count }, (_, n) => {
    for (let rank = 0; rank < 4; rank++) view.setUint8(rank, bytes[at + rank * count + n]);
    return view.getFloat32(0, true);
  });
}
