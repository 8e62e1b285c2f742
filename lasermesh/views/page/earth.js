// The globe itself: shaded sphere, land, graticule, night. Seen from far away (orthographic), north is up.

const MOST_RUNS = 400; // pieces of one coastline on the near side
const RING_POINTS = 90;
const TWILIGHTS_DEG = [0, 6, 12, 18]; // sunset; end of civil, nautical and astronomical twilight

// What the eye sees: three unit vectors (right, up, towards the eye) and where the centre is drawn.
class Eye {
  constructor() {
    this.lon = 0; // of the point in the middle, rad, in the frame that points are given in
    this.lat = 0;
    this.x = 0;
    this.y = 0;
    this.scale = 300; // CSS px per Earth radius
    this.m = new Float64Array(9);
  }

  turnTo(lon, lat) {
    const { m } = this;
    this.lon = lon;
    this.lat = lat;
    const [sinLon, cosLon, sinLat, cosLat] = [Math.sin(lon), Math.cos(lon), Math.sin(lat), Math.cos(lat)];
    m[0] = -sinLon;
    m[1] = cosLon;
    m[2] = 0;
    m[3] = -sinLat * cosLon;
    m[4] = -sinLat * sinLon;
    m[5] = cosLat;
    m[6] = cosLat * cosLon;
    m[7] = cosLat * sinLon;
    m[8] = sinLat;
  }

  place(other) {
    this.x = other.x;
    this.y = other.y;
    this.scale = other.scale;
  }
}

class Earth {
  constructor(scene) {
    this.canvas = document.createElement("canvas");
    this.ctx = this.canvas.getContext("2d");
    this.eye = new Eye(); // of Earth-fixed points
    this.drawn = null;
    const rings = coastRings(scene.coast);
    this.ringFirst = new Uint32Array(rings.length + 1);
    rings.forEach((ring, i) => (this.ringFirst[i + 1] = this.ringFirst[i] + ring.length / 3));
    this.coast = new Float32Array(rings.flat());
    this.closed = Uint8Array.from(rings, (ring) => (ring.closed ? 1 : 0));
    this.graticule = graticule();
    const most = Math.max(this.coast.length, this.graticule.points.length, 3 * RING_POINTS);
    this.seen = new Float32Array(most); // x and y in CSS px, z towards the eye
    this.night = new Float32Array(3 * RING_POINTS);
    this.nightFirst = new Uint32Array([0, RING_POINTS]);
    this.runs = {
      entry: new Float64Array(MOST_RUNS),
      exit: new Float64Array(MOST_RUNS),
      first: new Int32Array(MOST_RUNS),
      size: new Int32Array(MOST_RUNS),
      used: new Uint8Array(MOST_RUNS),
    };
  }

  // Draws on its own canvas, if what is there differs by what one could see.
  draw(eye, sky, width, height, ratio, show) {
    const lon = eye.lon - sky.angle;
    const was = this.drawn;
    const small = 0.15 / eye.scale;
    if (
      was !== null &&
      Math.abs(wrapDeg((was.lon - lon) / DEG)) * DEG < small &&
      Math.abs(was.lat - eye.lat) < small &&
      was.scale === eye.scale &&
      was.x === eye.x &&
      was.y === eye.y &&
      was.width === width &&
      was.height === height &&
      was.ratio === ratio &&
      was.night === show.night &&
      was.grid === show.grid &&
      (!show.night || sameDirection(was.sun, sky.sun))
    ) {
      return;
    }
    if (was === null || was.width !== width || was.height !== height || was.ratio !== ratio) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    this.drawn = { lon, lat: eye.lat, scale: eye.scale, x: eye.x, y: eye.y, width, height, ratio };
    this.drawn.night = show.night;
    this.drawn.grid = show.grid;
    this.drawn.sun = Float64Array.from(sky.sun);
    this.eye.place(eye);
    this.eye.turnTo(lon, eye.lat);
    const { ctx } = this;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    this.drawSphere(eye, sky);
    if (show.grid) this.drawGraticule();
    this.drawLand();
    if (show.night) this.drawNight(eye, sky);
    this.drawCoast();
    this.drawRim(eye);
  }

  drawSphere(eye, sky) {
    const { ctx } = this;
    const { m, x, y, scale } = eye;
    const air = ctx.createRadialGradient(x, y, scale * 0.97, x, y, scale * 1.07);
    air.addColorStop(0, "rgba(86, 160, 255, 0.55)");
    air.addColorStop(0.3, "rgba(86, 160, 255, 0.5)");
    air.addColorStop(0.42, "rgba(80, 150, 255, 0.2)");
    air.addColorStop(1, "rgba(80, 150, 255, 0)");
    disc(ctx, x, y, scale * 1.07, air);
    const sunX = m[0] * sky.sun[0] + m[1] * sky.sun[1];
    const sunY = m[3] * sky.sun[0] + m[4] * sky.sun[1] + m[5] * sky.sun[2];
    const sunZ = m[6] * sky.sun[0] + m[7] * sky.sun[1] + m[8] * sky.sun[2];
    const shift = (sunZ > 0 ? 0.55 : 0.55 + 0.3 * -sunZ) * scale;
    const water = ctx.createRadialGradient(
      x + sunX * shift,
      y - sunY * shift,
      0,
      x + sunX * shift * 0.4,
      y - sunY * shift * 0.4,
      scale * 1.35,
    );
    water.addColorStop(0, "#18456d");
    water.addColorStop(0.5, "#103355");
    water.addColorStop(1, "#081b33");
    disc(ctx, x, y, scale, water);
  }

  drawLand() {
    const { ctx, eye, ringFirst, seen, closed } = this;
    look(eye, this.coast, this.coast.length / 3, seen);
    ctx.beginPath();
    for (let ring = 0; ring < closed.length; ring++) {
      if (closed[ring]) traceRing(ctx, seen, ringFirst[ring], ringFirst[ring + 1], eye, this.runs);
    }
    ctx.fillStyle = "#2a4f55";
    ctx.fill("evenodd");
  }

  drawCoast() {
    const { ctx, eye, ringFirst, seen, closed } = this;
    look(eye, this.coast, this.coast.length / 3, seen);
    ctx.beginPath();
    for (let ring = 0; ring < closed.length; ring++) {
      traceLine(ctx, seen, ringFirst[ring], ringFirst[ring + 1], closed[ring] === 1);
    }
    ctx.strokeStyle = "rgba(158, 205, 214, 0.55)";
    ctx.lineWidth = 0.8;
    ctx.stroke();
  }

  drawGraticule() {
    const { ctx, eye, graticule, seen } = this;
    look(eye, graticule.points, graticule.points.length / 3, seen);
    ctx.beginPath();
    for (let line = 0; line + 1 < graticule.first.length; line++) {
      traceLine(ctx, seen, graticule.first[line], graticule.first[line + 1], false);
    }
    ctx.strokeStyle = "rgba(190, 220, 255, 0.09)";
    ctx.lineWidth = 0.8;
    ctx.stroke();
  }

  // Four caps around the point where the Sun is below one's feet, each darker than the one around it.
  drawNight(eye, sky) {
    const { ctx, night, seen } = this;
    ctx.fillStyle = "rgba(1, 4, 14, 0.21)";
    for (const below of TWILIGHTS_DEG) {
      fillCap(night, sky.sun, below * DEG);
      look(eye, night, RING_POINTS, seen);
      ctx.beginPath();
      traceRing(ctx, seen, 0, RING_POINTS, eye, this.runs);
      ctx.fill();
    }
  }

  drawRim(eye) {
    const { ctx } = this;
    const { x, y, scale } = eye;
    const rim = ctx.createRadialGradient(x, y, scale * 0.72, x, y, scale);
    rim.addColorStop(0, "rgba(3, 8, 20, 0)");
    rim.addColorStop(0.8, "rgba(3, 8, 20, 0.16)");
    rim.addColorStop(0.95, "rgba(8, 22, 50, 0.26)");
    rim.addColorStop(1, "rgba(96, 168, 255, 0.34)");
    disc(ctx, x, y, scale, rim);
  }
}

function disc(ctx, x, y, radius, fill) {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = fill;
  ctx.fill();
}

function sameDirection(a, b) {
  return Math.abs(a[0] - b[0]) + Math.abs(a[1] - b[1]) + Math.abs(a[2] - b[2]) < 5e-4;
}

// Points as the eye sees them: x, y in CSS px (y down), z in Earth radii towards the eye.
function look(eye, points, n, seen) {
  const { m, x, y, scale } = eye;
  const [m0, m1, m3, m4, m5, m6, m7, m8] = [m[0], m[1], m[3], m[4], m[5], m[6], m[7], m[8]];
  for (let i = 0, p = 0; i < n; i++, p += 3) {
    const px = points[p];
    const py = points[p + 1];
    const pz = points[p + 2];
    seen[p] = x + scale * (m0 * px + m1 * py);
    seen[p + 1] = y - scale * (m3 * px + m4 * py + m5 * pz);
    seen[p + 2] = m6 * px + m7 * py + m8 * pz;
  }
}

// The near parts of a line, with straight edges.
function traceLine(ctx, seen, first, stop, closed) {
  let down = false;
  for (let i = first, p = 3 * first; i < stop; i++, p += 3) {
    if (seen[p + 2] < 0) {
      down = false;
    } else if (down) {
      ctx.lineTo(seen[p], seen[p + 1]);
    } else {
      ctx.moveTo(seen[p], seen[p + 1]);
      down = true;
    }
  }
  if (closed && down && seen[3 * first + 2] >= 0) ctx.lineTo(seen[3 * first], seen[3 * first + 1]);
}

// The near part of a region whose edge runs counter-clockwise and which is smaller than half the sphere.
// Where the edge leaves the near side, the limb takes over, counter-clockwise, until the edge comes back.
function traceRing(ctx, seen, first, stop, eye, runs) {
  const n = stop - first;
  let near = 0;
  let start = NONE;
  for (let i = 0; i < n; i++) {
    const here = seen[3 * (first + i) + 2] >= 0;
    if (here) near++;
    else if (seen[3 * (first + ((i + 1) % n)) + 2] >= 0) start = i;
  }
  if (near === 0) return;
  if (near === n) {
    ctx.moveTo(seen[3 * first], seen[3 * first + 1]);
    for (let i = first + 1; i < stop; i++) ctx.lineTo(seen[3 * i], seen[3 * i + 1]);
    ctx.closePath();
    return;
  }
  let nRuns = 0;
  for (let k = 0; k < n; k++) {
    const i = first + ((start + k) % n);
    const j = first + ((start + k + 1) % n);
    const hereNear = seen[3 * i + 2] >= 0;
    const thereNear = seen[3 * j + 2] >= 0;
    if (!hereNear && thereNear && nRuns < MOST_RUNS) {
      runs.entry[nRuns] = limbAngle(seen, i, j, eye);
      runs.first[nRuns] = j - first;
      runs.size[nRuns] = 0;
      runs.used[nRuns] = 0;
      nRuns++;
    }
    if (thereNear) runs.size[nRuns - 1]++;
    if (hereNear && !thereNear) runs.exit[nRuns - 1] = limbAngle(seen, i, j, eye);
  }
  for (let begin = 0; begin < nRuns; begin++) {
    if (runs.used[begin]) continue;
    ctx.moveTo(
      eye.x + eye.scale * Math.cos(runs.entry[begin]),
      eye.y - eye.scale * Math.sin(runs.entry[begin]),
    );
    let run = begin;
    do {
      runs.used[run] = 1;
      for (let k = 0; k < runs.size[run]; k++) {
        const p = 3 * (first + ((runs.first[run] + k) % n));
        ctx.lineTo(seen[p], seen[p + 1]);
      }
      const exit = runs.exit[run];
      let ahead = Infinity;
      for (let other = 0; other < nRuns; other++) {
        const angle = (((runs.entry[other] - exit) % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI);
        if (angle < ahead && (other === begin || !runs.used[other])) {
          ahead = angle;
          run = other;
        }
      }
      ctx.arc(eye.x, eye.y, eye.scale, -exit, -(exit + ahead), true);
    } while (run !== begin);
    ctx.closePath();
  }
}

// Where on the limb, as an angle from the right through up, the edge between two points crosses it.
function limbAngle(seen, i, j, eye) {
  const part = seen[3 * i + 2] / (seen[3 * i + 2] - seen[3 * j + 2]);
  const x = seen[3 * i] + (seen[3 * j] - seen[3 * i]) * part;
  const y = seen[3 * i + 1] + (seen[3 * j + 1] - seen[3 * i + 1]) * part;
  return Math.atan2(eye.y - y, x - eye.x);
}

// The circle where the Sun stands `below` under the horizon, counter-clockwise around the midnight point.
function fillCap(points, sun, below) {
  const across = Math.hypot(sun[0], sun[1]) || 1;
  const u = [sun[1] / across, -sun[0] / across, 0];
  // u, v and the midnight point are a right-handed frame: v = midnight x u
  const v = [-sun[1] * u[2] + sun[2] * u[1], -sun[2] * u[0] + sun[0] * u[2], -sun[0] * u[1] + sun[1] * u[0]];
  const sin = Math.sin(below);
  const cos = Math.cos(below);
  for (let i = 0; i < RING_POINTS; i++) {
    const c = cos * Math.cos((2 * Math.PI * i) / RING_POINTS);
    const s = cos * Math.sin((2 * Math.PI * i) / RING_POINTS);
    for (let axis = 0; axis < 3; axis++) points[3 * i + axis] = -sun[axis] * sin + u[axis] * c + v[axis] * s;
  }
}

// Coastlines as Earth-fixed points on the ellipsoid, flat [x, y, z, ...]. Lines that end where others begin
// (cut at 180 degrees) are joined; `closed` ones run counter-clockwise and can be filled.
function coastRings(coast) {
  const lines = [];
  let line = [];
  for (let i = 0; i <= coast.length; i += 2) {
    if (i === coast.length || coast[i] === ABSENT) {
      if (line.length > 1) lines.push(line);
      line = [];
    } else {
      line.push([coast[i] / 100, coast[i + 1] / 100]);
    }
  }
  const same = (p, q) =>
    p[1] === q[1] && (p[0] === q[0] || (Math.abs(p[0]) === 180 && Math.abs(q[0]) === 180));
  const rings = [];
  while (lines.length) {
    let chain = lines.shift();
    for (;;) {
      if (same(chain[0], chain[chain.length - 1])) break;
      const next = lines.findIndex((other) => same(other[0], chain[chain.length - 1]));
      if (next < 0) break;
      chain = chain.concat(lines.splice(next, 1)[0].slice(1));
    }
    const closed = chain.length > 3 && same(chain[0], chain[chain.length - 1]);
    if (closed) {
      chain.pop();
      if (!counterClockwise(chain)) chain.reverse();
    }
    const points = chain.flatMap(([lon, lat]) => onEllipsoid(lon, lat));
    points.closed = closed;
    rings.push(points);
  }
  return rings;
}

// Whether the smaller side of a ring is on its left, seen from above; a ring around a pole holds that pole.
function counterClockwise(ring) {
  let around = 0;
  let area = 0;
  let sum = 0;
  for (let i = 0; i < ring.length; i++) {
    const [lon, lat] = ring[i];
    const [lonNext, latNext] = ring[(i + 1) % ring.length];
    const step = wrapDeg(lonNext - lon) * DEG;
    const sin = (Math.sin(lat * DEG) + Math.sin(latNext * DEG)) / 2;
    around += step;
    area -= step * sin;
    sum += sin;
  }
  if (Math.abs(around) > Math.PI) return around > 0 === sum > 0;
  return area > 0;
}

function onEllipsoid(lon, lat) {
  const sin = Math.sin(lat * DEG);
  const normal = 1 / Math.sqrt(1 - E2 * sin * sin);
  const axis = normal * Math.cos(lat * DEG);
  return [axis * Math.cos(lon * DEG), axis * Math.sin(lon * DEG), normal * (1 - E2) * sin];
}

// Meridians and parallels, every 30 degrees.
function graticule() {
  const points = [];
  const first = [0];
  for (let lon = -180; lon < 180; lon += 30) {
    for (let lat = -88; lat <= 88; lat += 4) points.push(...onEllipsoid(lon, lat));
    first.push(points.length / 3);
  }
  for (let lat = -60; lat <= 60; lat += 30) {
    for (let lon = -180; lon <= 180; lon += 4) points.push(...onEllipsoid(lon, lat));
    first.push(points.length / 3);
  }
  return { points: Float32Array.from(points), first };
}
