// What the page is given: one JSON object whose large parts are base64 of gzip of little-endian numbers.

const ARRAYS = { i2: Int16Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, u1: Uint8Array };

const EARTH_KM = 6378.137; // WGS84's semi-major axis: the unit of length in all other files
const LIGHT_KM_PER_S = 299792.458;
const NONE = -1;
const ISL = 0; // kind of a link
const ABSENT = -32768; // x of a satellite without position, and both columns between two coastlines

async function unpack(blob) {
  const text = atob(blob.data);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  if (blob.type === "text") return new TextDecoder().decode(buffer);
  if (blob.type === "json") return JSON.parse(new TextDecoder().decode(buffer));
  return new ARRAYS[blob.type](buffer);
}

async function unpackAll(blobs) {
  const names = Object.keys(blobs).filter((name) => blobs[name] && blobs[name].type);
  const arrays = await Promise.all(names.map((name) => unpack(blobs[name])));
  return Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
}

// All that is shown, unpacked; times in s since the interval's start.
async function readScene() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [own, links, contacts, load, drops] = await Promise.all(
    [data, data.links, data.contacts, data.load || {}, data.drops || {}].map(unpackAll),
  );
  const nSites = data.n_nodes - data.n_satellites;
  const scene = {
    title: data.title,
    subtitle: data.subtitle || "",
    epochMs: data.epoch_ms,
    startS: data.start_s,
    durationS: data.stop_s - data.start_s,
    nSatellites: data.n_satellites,
    nNodes: data.n_nodes,
    names: own.names.split("\n"),
    groups: data.groups || [],
    kinds: data.kinds || [],
    frameS: own.frame_s,
    unit: data.position_unit_km / EARTH_KM,
    positions: own.positions,
    gmst: data.gmst_rad,
    earthRate: data.earth_rate_rad_per_s,
    sun: own.sun,
    sites: own.sites || new Float32Array(3 * nSites),
    hasPosition: own.has_position || new Uint8Array(data.n_nodes).fill(1),
    links: { a: links.a, b: links.b, rateGbps: links.rate_gbps, kind: links.kind },
    contacts: { link: contacts.link, startS: contacts.start_s, stopS: contacts.stop_s },
    contactsLeftOut: data.contacts.left_out || 0,
    load: data.load && {
      binS: data.load.bin_s,
      lastBinS: data.load.last_bin_s, // how long the last bin is
      nBins: data.load.n_bins,
      first: load.first,
      link: load.link,
      use: load.use,
      queueBytes: load.queue_bytes,
      dropped: load.dropped,
      bytes: load.bytes,
    },
    drops: data.drops
      ? {
          startS: data.drops.start_s,
          binS: data.drops.bin_s,
          stopS: data.drops.stop_s,
          nBins: data.drops.n_bins,
          causes: data.drops.causes,
          dropped: drops.dropped,
        }
      : null,
    flows: own.flows || [],
    flowsLeftOut: data.flows_left_out || 0,
    coast: own.coast || new Int16Array(0),
    notes: data.notes || [],
    summary: data.summary || null,
  };
  // Key frames are differences to the one before, which wrap around as 16-bit integers do.
  const perFrame = 3 * scene.nSatellites;
  for (let i = perFrame; i < scene.positions.length; i++) scene.positions[i] += scene.positions[i - perFrame];
  return scene;
}
