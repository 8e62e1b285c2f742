// The picture: what is behind the Earth, the Earth, what is in front of it; then what is chosen, and names.

const BUCKETS = 16; // of link use; 0 is idle
// From idle to full: the upper half of viridis and on to pale yellow, so that busy is brighter, for
// colour-blind eyes too. All but idle stand out from water and land: contrast (WCAG) of 3 or more.
const RAMP = [
  "#3b5578",
  "#2bb39b",
  "#34b88f",
  "#3ebe83",
  "#49c377",
  "#5cc868",
  "#6fce5a",
  "#82d34c",
  "#98d83e",
  "#addc30",
  "#c4e02a",
  "#dee328",
  "#f8e625",
  "#feec50",
  "#fef187",
  "#fff7bd",
];
const LINK_COLOURS = ["#5fa8d8", "#e0a458"]; // without load: between satellites, to the ground
const IDLE_COLOURS = ["#6d8cb4", "#b09468"];
const GROUND_COLOUR = "#ffc46b";
const PATH_COLOUR = "#ff6fc4";
const LOST_COLOUR = "#ff5a4f";
const DARK_EDGE = "rgba(8, 12, 24, 0.9)";
// Of groups of satellites by size, then of kinds.
const NODE_COLOURS = ["#e8f1ff", "#8fd3ff", "#d5b3ff", "#7dfac0", "#ff9e8f", "#fff27a", "#6ff2ff", "#ffffff"];
const DIM = { behind: 0.3, dark: 0.5 };
const SEGMENTS_PER_STROKE = 200; // longer outlines take more than proportionally longer to fill
const CROWD = 8000; // links; wider than 1 px they would take several times longer
const BUSY_CROWD = 3000; // those with traffic, which are up to 4 px wide
const LABEL_GAP_PX = 9;
const MOST_LABELS = 90;
const LABEL_FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

class View {
  constructor(scene, sky, links, canvas) {
    this.scene = scene;
    this.sky = sky;
    this.links = links;
    this.canvas = canvas;
    this.ctx = canvas.getContext("2d");
    this.eye = new Eye();
    this.earth = new Earth(scene);
    this.seen = new Float32Array(3 * scene.nNodes);
    this.show = { isl: true, gsl: true, idle: true, labels: true, night: true, grid: true, behind: true };
    this.width = 0;
    this.free = 0; // width that the panel leaves
    this.height = 0;
    this.ratio = 1;
    // Links and satellites sorted into lists of one colour each, in front and behind: heads and next of each.
    this.linkHead = [new Int32Array(2 * BUCKETS), new Int32Array(2 * BUCKETS)];
    this.linkNext = [new Int32Array(links.n), new Int32Array(links.n)];
    this.styles = nodeStyles(scene);
    this.nodeHead = [new Int32Array(2 * NODE_COLOURS.length), new Int32Array(2 * NODE_COLOURS.length)];
    this.nodeNext = new Int32Array(scene.nNodes);
    this.labelWidth = new Float32Array(scene.nNodes);
    this.boxes = new Float32Array(4 * (MOST_LABELS + 1));
    this.nBoxes = 0;
  }

  resize(width, height, ratio) {
    this.width = width;
    this.height = height;
    this.ratio = ratio;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
  }

  // Where all nodes are on the canvas, for the sky and the eye as they are.
  project() {
    look(this.eye, this.sky.position, this.scene.nNodes, this.seen);
  }

  // Whether the Earth is not in the way.
  visible(node) {
    const p = 3 * node;
    if (!this.sky.present[node]) return false;
    if (this.seen[p + 2] >= 0) return true;
    return node < this.scene.nSatellites && !this.overDisc(this.seen[p], this.seen[p + 1]);
  }

  overDisc(x, y) {
    const { eye } = this;
    return (x - eye.x) ** 2 + (y - eye.y) ** 2 < eye.scale ** 2;
  }

  // `chosen`: {node, link, hover, path: rows, hops: of the path, dash: px}.
  draw(chosen) {
    const { ctx, eye, sky, show } = this;
    this.project();
    this.sortLinks();
    this.sortNodes();
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    ctx.clearRect(0, 0, this.width, this.height);
    if (show.behind) {
      this.drawLinks(1);
      this.drawNodes(1);
    }
    this.earth.draw(eye, sky, this.width, this.height, this.ratio, show);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalAlpha = 1;
    ctx.drawImage(this.earth.canvas, 0, 0);
    ctx.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.drawLinks(0);
    this.drawChosen(chosen);
    this.drawLost();
    this.drawNodes(0);
    this.drawSites(chosen);
    if (chosen.path.length) drawPathNodes(this, chosen.path);
    this.drawCutOff();
    this.drawMarks(chosen);
    this.drawLabels(chosen);
  }

  linkShown(link) {
    const { show, links } = this;
    const kind = this.scene.links.kind[link];
    if (kind === ISL ? !show.isl : !show.gsl) return false;
    return show.idle || !this.scene.load || links.bucket[link] > 0;
  }

  sortLinks() {
    const { scene, links, seen, linkHead, linkNext } = this;
    const { a, b, kind } = scene.links;
    const { present } = this.sky;
    linkHead[0].fill(NONE);
    linkHead[1].fill(NONE);
    for (let i = 0; i < links.nActive; i++) {
      const link = links.active[i];
      if (!this.linkShown(link)) continue;
      const p = a[link];
      const q = b[link];
      if (!present[p] || !present[q]) continue;
      const list = kind[link] * BUCKETS + links.bucket[link];
      const pz = seen[3 * p + 2];
      const qz = seen[3 * q + 2];
      if (pz >= 0 || qz >= 0) {
        linkNext[0][link] = linkHead[0][list];
        linkHead[0][list] = link;
      }
      if (pz < 0 || qz < 0) {
        // A straight line between two points over the disc stays over it: hidden.
        if (this.overDisc(seen[3 * p], seen[3 * p + 1]) && this.overDisc(seen[3 * q], seen[3 * q + 1]))
          continue;
        linkNext[1][link] = linkHead[1][list];
        linkHead[1][list] = link;
      }
    }
  }

  drawLinks(back) {
    const { ctx, scene, linkHead, linkNext } = this;
    const { a, b } = scene.links;
    const crowd = Math.min(1, 0.45 + 900 / (900 + this.links.nActive));
    const crowded = scene.load ? this.links.nBusy() > BUSY_CROWD : this.links.nActive > CROWD;
    const widest = crowded ? 1 : 4; // px
    for (let list = 0; list < 2 * BUCKETS; list++) {
      let link = linkHead[back][list];
      if (link === NONE) continue;
      const bucket = list % BUCKETS;
      const kind = list < BUCKETS ? 0 : 1;
      if (!scene.load) {
        ctx.strokeStyle = LINK_COLOURS[kind];
        ctx.globalAlpha = kind ? 0.85 : 0.5 * crowd;
        ctx.lineWidth = kind ? Math.min(widest, 1.3) : 1;
      } else if (bucket === 0) {
        ctx.strokeStyle = IDLE_COLOURS[kind];
        ctx.globalAlpha = 0.34 * crowd;
        ctx.lineWidth = 0.8;
      } else {
        ctx.strokeStyle = RAMP[bucket];
        ctx.globalAlpha = 0.95;
        ctx.lineWidth = Math.min(widest, 2 + (1.8 * bucket) / BUCKETS);
      }
      if (back) ctx.globalAlpha *= DIM.behind;
      ctx.beginPath();
      for (let n = 1; link !== NONE; link = linkNext[back][link], n++) {
        this.traceSegment(a[link], b[link], back);
        if (n % SEGMENTS_PER_STROKE === 0) {
          ctx.stroke();
          ctx.beginPath();
        }
      }
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
  }

  // The part of the line between two nodes that is in front of the Earth's centre, or the part behind it.
  traceSegment(p, q, back) {
    const { ctx, seen } = this;
    let px = seen[3 * p];
    let py = seen[3 * p + 1];
    let qx = seen[3 * q];
    let qy = seen[3 * q + 1];
    const pz = seen[3 * p + 2];
    const qz = seen[3 * q + 2];
    if (pz < 0 !== qz < 0) {
      const part = pz / (pz - qz);
      const x = px + (qx - px) * part;
      const y = py + (qy - py) * part;
      if (pz < 0 === (back === 1)) {
        qx = x;
        qy = y;
      } else {
        px = x;
        py = y;
      }
    } else if (pz < 0 !== (back === 1)) {
      return;
    }
    ctx.moveTo(px, py);
    ctx.lineTo(qx, qy);
  }

  sortNodes() {
    const { scene, seen, nodeHead, nodeNext } = this;
    const { ofNode } = this.styles;
    const { present, lit } = this.sky;
    nodeHead[0].fill(NONE);
    nodeHead[1].fill(NONE);
    for (let node = 0; node < scene.nSatellites; node++) {
      if (!present[node]) continue;
      const back = seen[3 * node + 2] < 0 ? 1 : 0;
      if (back && this.overDisc(seen[3 * node], seen[3 * node + 1])) continue;
      const list = 2 * ofNode[node] + lit[node];
      nodeNext[node] = nodeHead[back][list];
      nodeHead[back][list] = node;
    }
  }

  dotSize() {
    const n = this.scene.nSatellites;
    const crowd = n > 4000 ? 0.75 : n < 200 ? 1.6 : 1;
    return Math.min(6, Math.max(1.3, 1 + this.eye.scale * 0.0042)) * crowd;
  }

  drawNodes(back) {
    const { ctx, seen, nodeHead, nodeNext } = this;
    for (let list = 0; list < 2 * NODE_COLOURS.length; list++) {
      let node = nodeHead[back][list];
      if (node === NONE) continue;
      const size = this.dotSize() * (this.styles.large[list >> 1] ? 1.9 : 1);
      ctx.fillStyle = NODE_COLOURS[list >> 1];
      ctx.globalAlpha = (list % 2 ? 1 : DIM.dark) * (back ? 0.45 : 1);
      for (; node !== NONE; node = nodeNext[node]) {
        ctx.fillRect(seen[3 * node] - size / 2, seen[3 * node + 1] - size / 2, size, size);
      }
    }
    ctx.globalAlpha = 1;
  }

  // Crosses on satellites of a mesh that have no link.
  drawCutOff() {
    const { ctx, seen, links, scene } = this;
    const reach = this.dotSize() / 2 + 2;
    ctx.beginPath();
    for (let node = 0; node < scene.nSatellites; node++) {
      if (links.cutOff(node) && this.visible(node)) crossAt(ctx, seen[3 * node], seen[3 * node + 1], reach);
    }
    strokeLost(ctx, 1.8, 4);
  }

  drawSites() {
    const { ctx, scene, seen } = this;
    const radius = Math.min(5, Math.max(2.4, this.eye.scale * 0.008));
    ctx.beginPath();
    for (let node = scene.nSatellites; node < scene.nNodes; node++) {
      if (!this.sky.present[node] || seen[3 * node + 2] < 0) continue;
      ctx.moveTo(seen[3 * node] + radius, seen[3 * node + 1]);
      ctx.arc(seen[3 * node], seen[3 * node + 1], radius, 0, 2 * Math.PI);
    }
    ctx.strokeStyle = DARK_EDGE;
    ctx.lineWidth = 2;
    ctx.stroke();
    ctx.fillStyle = GROUND_COLOUR;
    ctx.fill();
  }

  // A dot on the middle of links that lost packets in this bin.
  drawLost() {
    const { ctx, scene, links, seen } = this;
    const { load } = scene;
    if (!load || links.bin === NONE) return;
    ctx.beginPath();
    for (let i = load.first[links.bin]; i < load.first[links.bin + 1]; i++) {
      if (load.dropped[2 * i] + load.dropped[2 * i + 1] === 0) continue;
      const a = 3 * scene.links.a[load.link[i]];
      const b = 3 * scene.links.b[load.link[i]];
      if (seen[a + 2] < 0 || seen[b + 2] < 0) continue;
      const x = (seen[a] + seen[b]) / 2;
      const y = (seen[a + 1] + seen[b + 1]) / 2;
      ctx.moveTo(x + 3.2, y);
      ctx.arc(x, y, 3.2, 0, 2 * Math.PI);
    }
    ctx.fillStyle = LOST_COLOUR;
    ctx.strokeStyle = DARK_EDGE;
    ctx.lineWidth = 1.5;
    ctx.stroke();
    ctx.fill();
  }

  // The links of the chosen node, the chosen link, and the path of the chosen flow.
  drawChosen(chosen) {
    const { ctx, scene, links, sky } = this;
    const { a, b } = scene.links;
    if (chosen.node !== NONE) {
      ctx.beginPath();
      for (let i = 0; i < links.nActive; i++) {
        const link = links.active[i];
        if (a[link] !== chosen.node && b[link] !== chosen.node) continue;
        if (sky.present[a[link]] && sky.present[b[link]]) this.traceSegment(a[link], b[link], 0);
      }
      ctx.strokeStyle = "rgba(255, 255, 255, 0.85)";
      ctx.lineWidth = 1.4;
      ctx.stroke();
    }
    if (chosen.link !== NONE && sky.present[a[chosen.link]] && sky.present[b[chosen.link]]) {
      ctx.beginPath();
      this.traceSegment(a[chosen.link], b[chosen.link], 0);
      if (links.up[chosen.link] === NONE) ctx.setLineDash([3, 5]);
      ctx.strokeStyle = "rgba(255, 255, 255, 0.95)";
      ctx.lineWidth = 3;
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (chosen.path.length > 1) drawPath(this, chosen);
  }

  // Rings around the chosen node and the one under the pointer; broken where the Earth hides it.
  drawMarks({ node, hover }) {
    const { ctx, seen } = this;
    for (const [which, radius, style] of [
      [hover, 7, "rgba(255, 255, 255, 0.55)"],
      [node, 9, "#ffffff"],
    ]) {
      if (which === NONE || !this.sky.present[which]) continue;
      ctx.beginPath();
      ctx.arc(seen[3 * which], seen[3 * which + 1], radius, 0, 2 * Math.PI);
      ctx.strokeStyle = style;
      ctx.lineWidth = 1.8;
      if (!this.visible(which)) ctx.setLineDash([3, 3]);
      ctx.stroke();
      ctx.setLineDash([]);
    }
  }

  // Names, most wanted first, each only where it covers no other.
  drawLabels({ node, path, hover }) {
    const { ctx, scene, show } = this;
    ctx.font = LABEL_FONT;
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3;
    ctx.strokeStyle = "rgba(4, 8, 18, 0.85)";
    this.nBoxes = 0;
    if (node !== NONE) this.drawLabel(node, "#ffffff");
    if (hover !== NONE && hover !== node) this.drawLabel(hover, "#ffffff");
    for (let i = -1; i < path.length - 1; i++) {
      const which = i < 0 ? path[path.length - 1] : path[i]; // the ends before the others
      if (which !== node && which !== hover) this.drawLabel(which, "#ffd0ec");
    }
    if (show.labels) {
      for (let site = scene.nSatellites; site < scene.nNodes && this.nBoxes < MOST_LABELS; site++) {
        if (site !== node && site !== hover && !path.includes(site)) this.drawLabel(site, "#ffe3b5");
      }
      if (this.fewInSight()) {
        for (let row = 0; row < scene.nSatellites && this.nBoxes < MOST_LABELS; row++) {
          if (row !== node && row !== hover && !path.includes(row)) this.drawLabel(row, "#c4d4ea");
        }
      }
    }
    ctx.lineJoin = "miter";
  }

  // Whether so few satellites are in the window that all can be named.
  fewInSight() {
    const { scene, seen } = this;
    let n = 0;
    for (let node = 0; node < scene.nSatellites && n <= 40; node++) {
      if (this.inWindow(seen[3 * node], seen[3 * node + 1]) && this.visible(node)) n++;
    }
    return n <= 40;
  }

  inWindow(x, y) {
    return x > 0 && y > 0 && x < this.width && y < this.height;
  }

  drawLabel(node, style) {
    const { ctx, scene, seen, boxes, labelWidth } = this;
    let x = seen[3 * node] + LABEL_GAP_PX;
    const y = seen[3 * node + 1];
    if (this.nBoxes >= MOST_LABELS || !this.visible(node) || !this.inWindow(x, y)) return;
    const name = scene.names[node];
    if (labelWidth[node] === 0) labelWidth[node] = ctx.measureText(name).width;
    if (x + labelWidth[node] > this.free) x -= labelWidth[node] + 2 * LABEL_GAP_PX;
    const right = x + labelWidth[node] + 4;
    for (let i = 0; i < 4 * this.nBoxes; i += 4) {
      if (x < boxes[i + 2] && right > boxes[i] && y - 8 < boxes[i + 3] && y + 8 > boxes[i + 1]) return;
    }
    const box = 4 * this.nBoxes++;
    boxes[box] = x - 4;
    boxes[box + 1] = y - 8;
    boxes[box + 2] = right;
    boxes[box + 3] = y + 8;
    ctx.strokeText(name, x, y);
    ctx.fillStyle = style;
    ctx.fillText(name, x, y);
  }
}

// A style for each satellite, as an index into NODE_COLOURS: by its kind where it has one, else by its group.
// The largest group has the first; groups of at most a twentieth of all satellites are drawn larger, on top.
function nodeStyles(scene) {
  const ofNode = new Uint8Array(scene.nNodes);
  const large = new Uint8Array(NODE_COLOURS.length);
  const groups = scene.groups.filter((group) => group.kind === "satellite");
  const sorted = groups.concat().sort((p, q) => q.size - p.size);
  const style = (place) =>
    place < NODE_COLOURS.length ? place : 1 + ((place - 1) % (NODE_COLOURS.length - 1));
  const ofGroup = groups.map((group) => style(sorted.indexOf(group)));
  groups.forEach(({ first, size }, i) => {
    ofNode.fill(ofGroup[i], first, first + size);
    if (size * 20 <= scene.nSatellites) large[ofGroup[i]] = 1;
  });
  const ofKind = scene.kinds.map((kind, i) => style(groups.length + i));
  scene.kinds.forEach(({ rows }, i) => {
    for (const row of rows) ofNode[row] = ofKind[i];
    if (rows.length * 20 <= scene.nSatellites) large[ofKind[i]] = 1;
  });
  const own = groups.map(({ first, size }, i) => ofNode.subarray(first, first + size).includes(ofGroup[i]));
  // What the key names; not groups whose satellites all are of a kind.
  const named = groups.map((group, i) => [group.name, ofGroup[i]]).filter((_, i) => own[i]);
  return { ofNode, large, named: named.concat(scene.kinds.map((kind, i) => [kind.name, ofKind[i]])) };
}
