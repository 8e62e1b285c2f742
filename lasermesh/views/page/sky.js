// Where everything is: positions of all nodes, the Sun and the Earth's angle at one instant.
//
// Lengths are in Earth radii (EARTH_KM), the frame is inertial. Between two key frames a satellite's
// direction turns evenly on a great circle and its distance changes evenly.

const FLATTENING = 1 / 298.257223563; // WGS84
const E2 = FLATTENING * (2 - FLATTENING);
// Numbers of a satellite between two key frames: direction at the first (3), direction 90 degrees ahead (3),
// distance at the first, and by how much it grows.
const PER_ORBIT = 8;
const DEG = Math.PI / 180;

class Sky {
  constructor(scene) {
    this.scene = scene;
    this.position = new Float32Array(3 * scene.nNodes);
    this.present = new Uint8Array(scene.nNodes);
    this.lit = new Uint8Array(scene.nNodes);
    this.sun = new Float64Array(3);
    this.angle = 0; // of the Earth: where longitude 0 is, from the inertial x axis
    this.frame = NONE;
    this.orbits = new Float32Array(PER_ORBIT * scene.nSatellites);
    this.turn = new Float32Array(scene.nSatellites);
    const nSites = scene.nNodes - scene.nSatellites;
    this.siteFixed = new Float64Array(3 * nSites); // Earth-fixed
    for (let i = 0; i < nSites; i++) {
      const [lat, lon, heightM] = scene.sites.subarray(3 * i, 3 * i + 3);
      const sin = Math.sin(lat * DEG);
      const cos = Math.cos(lat * DEG);
      const normal = 1 / Math.sqrt(1 - E2 * sin * sin);
      const height = heightM / 1000 / EARTH_KM;
      this.siteFixed[3 * i] = (normal + height) * cos * Math.cos(lon * DEG);
      this.siteFixed[3 * i + 1] = (normal + height) * cos * Math.sin(lon * DEG);
      this.siteFixed[3 * i + 2] = (normal * (1 - E2) + height) * sin;
    }
    for (let i = 0; i < nSites; i++) {
      this.present[scene.nSatellites + i] = scene.hasPosition[scene.nSatellites + i];
    }
  }

  // Fills everything for t, in s since the interval's start.
  at(t) {
    const { scene, position, orbits, turn } = this;
    const { frameS, sun } = scene;
    let k = this.frame < 0 ? 0 : this.frame;
    const last = Math.max(frameS.length - 2, 0);
    if (t < frameS[k] || (k < last && t >= frameS[k + 1])) {
      let low = 0;
      let high = last;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (frameS[middle] <= t) low = middle;
        else high = middle - 1;
      }
      k = low;
    }
    if (k !== this.frame) this.enterFrame(k);
    const span = frameS.length > 1 ? frameS[k + 1] - frameS[k] : 0;
    const u = span > 0 ? Math.min(Math.max((t - frameS[k]) / span, 0), 1) : 0;
    for (let i = 0, o = 0, p = 0; i < scene.nSatellites; i++, o += PER_ORBIT, p += 3) {
      const phase = turn[i] * u;
      const radius = orbits[o + 6] + orbits[o + 7] * u;
      const c = Math.cos(phase) * radius;
      const s = Math.sin(phase) * radius;
      position[p] = orbits[o] * c + orbits[o + 3] * s;
      position[p + 1] = orbits[o + 1] * c + orbits[o + 4] * s;
      position[p + 2] = orbits[o + 2] * c + orbits[o + 5] * s;
    }
    this.angle = scene.gmst + scene.earthRate * t;
    const cos = Math.cos(this.angle);
    const sin = Math.sin(this.angle);
    const fixed = this.siteFixed;
    for (let i = 0, p = 3 * scene.nSatellites; i < fixed.length; i += 3, p += 3) {
      position[p] = cos * fixed[i] - sin * fixed[i + 1];
      position[p + 1] = sin * fixed[i] + cos * fixed[i + 1];
      position[p + 2] = fixed[i + 2];
    }
    const a = 3 * k;
    const b = frameS.length > 1 ? a + 3 : a;
    for (let i = 0; i < 3; i++) this.sun[i] = sun[a + i] + (sun[b + i] - sun[a + i]) * u;
    const length = Math.hypot(this.sun[0], this.sun[1], this.sun[2]) || 1;
    for (let i = 0; i < 3; i++) this.sun[i] /= length;
    this.fillLit();
  }

  enterFrame(k) {
    const { scene, orbits, turn, present } = this;
    const { positions, unit, nSatellites } = scene;
    const step = scene.frameS.length > 1 ? 3 * nSatellites : 0;
    for (let i = 0, o = 0, p = 3 * nSatellites * k; i < nSatellites; i++, o += PER_ORBIT, p += 3) {
      const q = p + step;
      present[i] = positions[p] !== ABSENT && positions[q] !== ABSENT && scene.hasPosition[i] ? 1 : 0;
      const r0 = Math.hypot(positions[p], positions[p + 1], positions[p + 2]) || 1;
      const r1 = Math.hypot(positions[q], positions[q + 1], positions[q + 2]) || 1;
      const ax = positions[p] / r0;
      const ay = positions[p + 1] / r0;
      const az = positions[p + 2] / r0;
      const bx = positions[q] / r1;
      const by = positions[q + 1] / r1;
      const bz = positions[q + 2] / r1;
      const along = ax * bx + ay * by + az * bz;
      let nx = bx - along * ax;
      let ny = by - along * ay;
      let nz = bz - along * az;
      const across = Math.hypot(nx, ny, nz);
      if (across > 0) {
        nx /= across;
        ny /= across;
        nz /= across;
      }
      orbits[o] = ax;
      orbits[o + 1] = ay;
      orbits[o + 2] = az;
      orbits[o + 3] = nx;
      orbits[o + 4] = ny;
      orbits[o + 5] = nz;
      orbits[o + 6] = r0 * unit;
      orbits[o + 7] = (r1 - r0) * unit;
      turn[i] = Math.atan2(across, along);
    }
    this.frame = k;
  }

  // Whether the Sun's centre is above the limb of the Earth, an ellipsoid, as seen from each satellite.
  fillLit() {
    const { position, lit } = this;
    const stretch = 1 / (1 - FLATTENING);
    const length = Math.hypot(this.sun[0], this.sun[1], this.sun[2] * stretch);
    const x = this.sun[0] / length;
    const y = this.sun[1] / length;
    const z = (this.sun[2] * stretch) / length;
    for (let i = 0, p = 0; i < this.scene.nSatellites; i++, p += 3) {
      const pz = position[p + 2] * stretch;
      const along = position[p] * x + position[p + 1] * y + pz * z;
      const squared = position[p] * position[p] + position[p + 1] * position[p + 1] + pz * pz;
      lit[i] = along >= 0 || squared - along * along >= 1 ? 1 : 0;
    }
  }

  // Geodetic latitude and longitude in degrees and height in km of a node (Bowring's formula, one step: below
  // a millimetre at these heights, as K. M. Borkowski, Bulletin Geodesique 63 (1989), compares).
  geodetic(node) {
    const p = 3 * node;
    const x = this.position[p];
    const y = this.position[p + 1];
    const z = this.position[p + 2];
    const axis = Math.hypot(x, y);
    const b = 1 - FLATTENING;
    const second = E2 / (1 - E2);
    const beta = Math.atan2(z, axis * b);
    const lat = Math.atan2(z + second * b * Math.sin(beta) ** 3, axis - E2 * Math.cos(beta) ** 3);
    const normal = 1 / Math.sqrt(1 - E2 * Math.sin(lat) ** 2);
    const height = axis * Math.cos(lat) + z * Math.sin(lat) - 1 / normal; // good at the poles too
    return {
      latDeg: lat / DEG,
      lonDeg: wrapDeg((Math.atan2(y, x) - this.angle) / DEG),
      heightKm: height * EARTH_KM,
    };
  }

  // nan where one of them has no position.
  rangeKm(a, b) {
    const p = this.position;
    if (!this.present[a] || !this.present[b]) return NaN;
    return (
      EARTH_KM * Math.hypot(p[3 * a] - p[3 * b], p[3 * a + 1] - p[3 * b + 1], p[3 * a + 2] - p[3 * b + 2])
    );
  }

  // Angle in degrees of a direction above the horizon of a ground site; geodetic vertical, no refraction.
  elevationDeg(site, x, y, z) {
    const [lat, lon] = this.scene.sites.subarray(3 * (site - this.scene.nSatellites));
    const along = lon * DEG + this.angle;
    const up = Math.cos(lat * DEG) * (Math.cos(along) * x + Math.sin(along) * y) + Math.sin(lat * DEG) * z;
    return Math.asin(Math.min(1, Math.max(-1, up / Math.hypot(x, y, z)))) / DEG;
  }

  sunElevationDeg(site) {
    return this.elevationDeg(site, this.sun[0], this.sun[1], this.sun[2]);
  }

  elevationOfDeg(site, satellite) {
    const p = this.position;
    const s = 3 * site;
    const q = 3 * satellite;
    return this.elevationDeg(site, p[q] - p[s], p[q + 1] - p[s + 1], p[q + 2] - p[s + 2]);
  }
}

function wrapDeg(angle) {
  return ((((angle + 180) % 360) + 360) % 360) - 180;
}
