// Which links are up at an instant, and what they carry in the bin of time that holds it.

const FULL = 255; // of use in the data
const LEAST_SCALE = 0.02; // of use: smaller steps than the data has would be made visible

class Links {
  constructor(scene) {
    this.scene = scene;
    const { links, load } = scene;
    this.n = links.a.length;
    this.up = new Int32Array(this.n).fill(NONE); // the contact by which a link is up now
    this.active = new Uint32Array(this.n); // the first nActive: links that are up
    this.nActive = 0;
    this.next = 0; // contacts from here on start later
    this.t = -Infinity;
    this.bin = NONE;
    this.row = new Int32Array(this.n).fill(NONE); // of load, in this bin
    this.bucket = new Uint8Array(this.n); // 0: idle, 1..15: use of the busier direction
    this.scale = 1; // the use that has the brightest colour
    this.pairs = null;
    this.ofLink = null;
    this.degree = new Uint16Array(scene.nNodes); // links that are up
    this.meshed = new Uint8Array(scene.nNodes); // satellites that at some time have a link to another one
    for (let i = 0; i < this.n; i++) {
      if (links.kind[i] === ISL) this.meshed[links.a[i]] = this.meshed[links.b[i]] = 1;
    }
    this.greatest = load ? load.use.reduce((most, use) => Math.max(most, use), 0) / FULL : 0;
  }

  at(t) {
    const { contacts, durationS } = this.scene;
    // Contacts are half-open, but the interval's last instant is shown as they left it.
    t = Math.min(t, durationS * (1 - 1e-6));
    if (t < this.t) this.rewind();
    // Those that ended first, since a link may come back at the instant it goes.
    let kept = 0;
    for (let i = 0; i < this.nActive; i++) {
      const link = this.active[i];
      if (contacts.stopS[this.up[link]] > t) this.active[kept++] = link;
      else this.take(link);
    }
    this.nActive = kept;
    for (; this.next < contacts.link.length && contacts.startS[this.next] <= t; this.next++) {
      const link = contacts.link[this.next];
      if (contacts.stopS[this.next] <= t) continue;
      if (this.up[link] === NONE) {
        this.active[this.nActive++] = link;
        this.degree[this.scene.links.a[link]]++;
        this.degree[this.scene.links.b[link]]++;
      }
      this.up[link] = this.next;
    }
    this.t = t;
    if (this.scene.load) this.enterBin(this.binAt(t));
  }

  rewind() {
    for (let i = 0; i < this.nActive; i++) this.take(this.active[i]);
    this.nActive = 0;
    this.next = 0;
  }

  take(link) {
    this.up[link] = NONE;
    this.degree[this.scene.links.a[link]]--;
    this.degree[this.scene.links.b[link]]--;
  }

  // Whether a satellite of a mesh has no link at all: it failed, or all its neighbours or lasers did.
  cutOff(node) {
    return this.meshed[node] === 1 && this.degree[node] === 0;
  }

  nCutOff() {
    let n = 0;
    for (let node = 0; node < this.scene.nSatellites; node++) n += this.cutOff(node) ? 1 : 0;
    return n;
  }

  // Contacts of a link, in order of time.
  contactsOf(link) {
    const { contacts } = this.scene;
    if (this.ofLink === null) {
      this.ofLink = Array.from({ length: this.n }, () => []);
      contacts.link.forEach((each, contact) => this.ofLink[each].push(contact));
    }
    return this.ofLink[link];
  }

  // Whether a link is up, give or take what instants are rounded by: paths change when links do.
  upAbout(link) {
    if (this.up[link] !== NONE) return true;
    const { contacts, durationS } = this.scene;
    const off = 2e-6 + durationS * 2 ** -22;
    return this.contactsOf(link).some(
      (contact) => contacts.startS[contact] <= this.t + off && contacts.stopS[contact] >= this.t - off,
    );
  }

  // When a link that is down now was up last and is up again; null for never in this interval.
  around(link) {
    const { startS, stopS } = this.scene.contacts;
    const before = this.contactsOf(link).filter((contact) => stopS[contact] <= this.t);
    const after = this.contactsOf(link).find((contact) => startS[contact] > this.t);
    return [
      before.length ? Math.max(...before.map((contact) => stopS[contact])) : null,
      after === undefined ? null : startS[after],
    ];
  }

  // Make that use the brightest colour.
  scaleTo(use) {
    this.scale = Math.max(use, LEAST_SCALE);
    const { bin } = this;
    if (bin === NONE) return;
    this.leaveBin();
    this.enterBin(bin);
  }

  binAt(t) {
    const { binS, nBins } = this.scene.load;
    return Math.min(Math.max(Math.floor(t / binS), 0), nBins - 1);
  }

  enterBin(bin) {
    if (bin === this.bin) return;
    this.leaveBin();
    const { load } = this.scene;
    const full = this.scale * FULL;
    for (let i = load.first[bin]; i < load.first[bin + 1]; i++) {
      const use = Math.max(load.use[2 * i], load.use[2 * i + 1]);
      this.row[load.link[i]] = i;
      const anything = use > 0 || load.bytes[2 * i] > 0 || load.bytes[2 * i + 1] > 0;
      this.bucket[load.link[i]] = anything ? Math.min(15, 1 + Math.floor((use * 15) / full)) : 0;
    }
    this.bin = bin;
  }

  leaveBin() {
    if (this.bin === NONE) return;
    const { load } = this.scene;
    for (let i = load.first[this.bin]; i < load.first[this.bin + 1]; i++) {
      this.row[load.link[i]] = NONE;
      this.bucket[load.link[i]] = 0;
    }
    this.bin = NONE;
  }

  // How many links carry something in this bin.
  nBusy() {
    const { load } = this.scene;
    return load && this.bin !== NONE ? load.first[this.bin + 1] - load.first[this.bin] : 0;
  }

  // The link between two nodes, or NONE.
  between(a, b) {
    const { links, nNodes } = this.scene;
    if (this.pairs === null) {
      this.pairs = new Map();
      for (let i = 0; i < this.n; i++) this.pairs.set(key(links.a[i], links.b[i]), i);
    }
    const found = this.pairs.get(key(a, b));
    return found === undefined ? NONE : found;

    function key(p, q) {
      return p < q ? p * nNodes + q : q * nNodes + p;
    }
  }

  // All links of a node that are up, by number.
  upOf(node) {
    const { links } = this.scene;
    const found = [];
    for (let i = 0; i < this.nActive; i++) {
      const link = this.active[i];
      if (links.a[link] === node || links.b[link] === node) found.push(link);
    }
    return found.sort((p, q) => p - q);
  }

  // Numbers of one direction of a link (0: from a to b) in this bin; null without load.
  direction(link, side) {
    const { load, links } = this.scene;
    const rateGbps = links.rateGbps[2 * link + side];
    if (!load) return { rateGbps, use: null, queueBytes: null, dropped: null, gbps: null };
    const row = this.row[link];
    if (row === NONE) return { rateGbps, use: 0, queueBytes: 0, dropped: 0, gbps: 0 };
    const at = 2 * row + side;
    const lengthS = this.bin === load.nBins - 1 ? load.lastBinS : load.binS;
    return {
      rateGbps,
      use: load.use[at] / 255,
      queueBytes: load.queueBytes[at],
      dropped: load.dropped[at],
      gbps: (load.bytes[at] * 8) / lengthS / 1e9,
    };
  }

  // Packets lost in the whole interval, in each direction.
  lostOf(link) {
    const { load } = this.scene;
    const lost = [0, 0];
    for (let i = 0; i < load.link.length; i++) {
      if (load.link[i] !== link) continue;
      lost[0] += load.dropped[2 * i];
      lost[1] += load.dropped[2 * i + 1];
    }
    return lost;
  }

  // The busiest links that are up now: [link, use of the busier direction], at most `most`.
  busiest(most) {
    const { load } = this.scene;
    const found = [];
    for (let i = load.first[this.bin]; i < load.first[this.bin + 1]; i++) {
      const use = Math.max(load.use[2 * i], load.use[2 * i + 1]);
      if (use === 0 || this.up[load.link[i]] === NONE) continue;
      if (found.length === most && use <= found[most - 1][1]) continue;
      found.push([load.link[i], use]);
      found.sort((p, q) => q[1] - p[1] || p[0] - q[0]);
      found.length = Math.min(found.length, most);
    }
    return found.map(([link, use]) => [link, use / 255]);
  }
}
