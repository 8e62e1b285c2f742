// Time, pointer and keyboard; what is chosen; the loop that draws only when something changed.

const SPEEDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const PLAY_S = 30; // about how long the interval takes at the speed that is set at first
const MOST_RATIO = 2.5; // canvas px per CSS px; more is not seen and costs
const MOST_STALL_S = 0.1; // of one frame; a page that was asleep does not jump
const REFRESH_MS = 180; // of the panel's numbers while playing
const TURN_MS = 450;
const WIDE_PX = 860; // as in the style
const LEAST_FIT_PX = 160;
const FIRST_LAT = 22 * DEG;
const LEAST_ZOOM = 0.4;
const MOST_ZOOM = 60;
const TIMES_KEPT = 240;
const SCALED_BELOW = 0.5; // greatest use of a run, up to which the ramp goes at first

class App {
  constructor(scene) {
    this.scene = scene;
    this.sky = new Sky(scene);
    this.links = new Links(scene);
    this.canvas = byId("globe");
    this.view = new View(scene, this.sky, this.links, this.canvas);
    this.drops = scene.load ? new Drops(scene) : null;
    this.chosen = { node: NONE, link: NONE, flow: NONE, hover: NONE, path: [], hops: [], dash: 0 };
    this.t = 0;
    this.playing = false;
    this.speed =
      SPEEDS.find((speed) => speed * PLAY_S >= scene.durationS * 0.75) || SPEEDS[SPEEDS.length - 1];
    this.fixed = true; // the view turns with the Earth
    this.lon = this.firstLon();
    this.lat = FIRST_LAT;
    this.zoom = 1;
    this.follow = false;
    this.turning = null;
    this.waiting = false;
    this.lastTick = null;
    this.refreshed = 0;
    this.frames = 0;
    this.times = new Float64Array(TIMES_KEPT);
    this.update();
    this.reach = this.farthest();
    this.view.show.scaled = this.links.greatest > 0 && this.links.greatest < SCALED_BELOW;
    this.panel = new Panel(this);
    this.scaleColours();
    this.player = new Player(this);
    this.pointer = new Pointer(this);
    this.connect();
    this.resize();
    this.readHash();
  }

  // Over the first ground sites, if there are any; else over the Atlantic.
  firstLon() {
    const { nSatellites, nNodes, sites } = this.scene;
    let [x, y] = [0, 0];
    for (let i = 0; i < nNodes - nSatellites; i++) {
      x += Math.cos(sites[3 * i + 1] * DEG);
      y += Math.sin(sites[3 * i + 1] * DEG);
    }
    return Math.hypot(x, y) < 0.05 * (nNodes - nSatellites) || nNodes === nSatellites
      ? -20 * DEG
      : Math.atan2(y, x);
  }

  // What nine of ten satellites stay within, in Earth radii.
  farthest() {
    const { position, present } = this.sky;
    const radii = [];
    for (let i = 0; i < this.scene.nSatellites; i++) {
      if (present[i]) radii.push(Math.hypot(position[3 * i], position[3 * i + 1], position[3 * i + 2]));
    }
    radii.sort((p, q) => p - q);
    return Math.max(1.06, radii[Math.floor(radii.length * 0.9)] || 1.06);
  }

  // ------------------------------------------------------------------------------------------------- drawing

  // Brings sky, links, path and eye to the time and view that are set.
  update() {
    this.sky.at(this.t);
    this.links.at(this.t);
    const flow = this.scene.flows[this.chosen.flow];
    const index = flow ? pathIndex(flow, this.t) : NONE;
    this.chosen.path = index < 0 ? NO_PATH : flow.paths[index][1];
    this.chosen.hops = pathHops(this.scene, this.links, this.chosen.path);
    if (this.follow && this.chosen.node !== NONE) this.lookAt(this.chosen.node);
    this.view.eye.turnTo(this.lon + (this.fixed ? this.sky.angle : 0), this.lat);
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => this.tick(now));
  }

  tick(now) {
    this.waiting = false;
    const elapsed = this.lastTick === null ? 0 : Math.min((now - this.lastTick) / 1000, MOST_STALL_S);
    const goesOn = this.playing || this.turning !== null;
    this.lastTick = goesOn ? now : null;
    if (this.playing) {
      this.t = Math.min(this.t + elapsed * this.speed, this.scene.durationS);
      this.chosen.dash = (this.chosen.dash + elapsed * 24) % 16;
      if (this.t >= this.scene.durationS) this.pause();
    }
    if (this.turning !== null) this.turn(now);
    const start = performance.now();
    this.update();
    this.view.draw(this.chosen);
    this.times[this.frames % TIMES_KEPT] = performance.now() - start;
    this.frames++;
    this.player.show();
    if (!this.playing || now - this.refreshed > REFRESH_MS) {
      this.refreshed = now;
      this.panel.refresh();
      if (goesOn) this.pointer.hoverAgain();
    }
    if (goesOn) this.redraw();
  }

  resize() {
    const open = !document.body.classList.contains("panel-closed");
    const { innerWidth: width, innerHeight: height } = window;
    // The panel is at the right of a wide window and at the bottom of a narrow one, where the heading needs
    // room too.
    const wide = width >= WIDE_PX;
    const free = width - (open && wide ? byId("panel").offsetWidth : 0);
    const top = wide ? 0 : byId("heading").offsetHeight;
    const bottom = height - byId("player").offsetHeight - (open && !wide ? byId("panel").offsetHeight : 0);
    const { view } = this;
    view.resize(width, height, Math.min(window.devicePixelRatio || 1, MOST_RATIO));
    view.free = free;
    view.eye.x = Math.round(free / 2);
    view.eye.y = Math.round((top + bottom) / 2);
    this.fit = (Math.max(Math.min(free, bottom - top), LEAST_FIT_PX) * 0.47) / this.reach;
    view.eye.scale = this.fit * this.zoom;
    this.player.resize();
    this.redraw();
  }

  // --------------------------------------------------------------------------------------------------- state

  setTime(t) {
    this.t = Math.min(Math.max(Number(t) || 0, 0), this.scene.durationS);
    this.redraw();
    this.remember();
  }

  step(direction) {
    const { load, durationS } = this.scene;
    this.setTime(this.t + direction * (load ? load.binS : durationS / 200));
  }

  play() {
    if (this.t >= this.scene.durationS) this.t = 0;
    this.playing = true;
    this.lastTick = null;
    this.player.markPlaying();
    this.redraw();
  }

  pause() {
    this.playing = false;
    this.player.markPlaying();
    this.redraw();
    this.remember();
  }

  setSpeed(speed) {
    this.speed = speed;
    this.player.markSpeed();
  }

  // The ramp of colours goes to the greatest use of the interval, in whole percent, or to 100 %.
  scaleColours() {
    if (!this.scene.load) return;
    this.links.scaleTo(this.view.show.scaled ? Math.ceil(this.links.greatest * 100) / 100 : 1);
    markScale(this.links.scale);
  }

  faster(steps) {
    const at = SPEEDS.indexOf(this.speed) + steps;
    this.setSpeed(SPEEDS[Math.min(Math.max(at, 0), SPEEDS.length - 1)]);
  }

  setZoom(zoom) {
    this.zoom = Math.min(Math.max(zoom, LEAST_ZOOM), MOST_ZOOM);
    this.view.eye.scale = this.fit * this.zoom;
    this.redraw();
  }

  rotate(dLon, dLat) {
    if (this.follow) this.setFollow(false);
    this.turning = null;
    this.lon = wrapDeg((this.lon + dLon) / DEG) * DEG;
    this.lat = Math.min(Math.max(this.lat + dLat, -90 * DEG), 90 * DEG);
    this.redraw();
  }

  // Earth-fixed or inertial; what is in the middle stays there.
  setFixed(fixed) {
    if (fixed === this.fixed) return;
    this.lon = wrapDeg((this.lon + (fixed ? -this.sky.angle : this.sky.angle)) / DEG) * DEG;
    this.fixed = fixed;
    byId("fixed").setAttribute("aria-pressed", String(fixed));
    byId("inertial").setAttribute("aria-pressed", String(!fixed));
    this.say(fixed ? "Earth-fixed view" : "Inertial view");
    this.redraw();
    this.remember();
  }

  setFollow(follow) {
    this.follow = follow;
    this.panel.cards.node.key = null;
    this.redraw();
  }

  home() {
    this.setFollow(false);
    this.setFixed(true);
    this.lon = this.firstLon();
    this.lat = FIRST_LAT;
    this.setZoom(1);
  }

  // Choose by row: {node}, {link} or {flow}; null lets go. A node and a link are not chosen together.
  select({ node, link, flow }) {
    const { chosen, scene } = this;
    const row = (value) => (value === null ? NONE : value);
    if (node !== undefined) {
      chosen.node = row(node);
      chosen.link = NONE;
      this.follow = false;
    }
    if (link !== undefined) {
      chosen.link = row(link);
      chosen.node = NONE;
      this.follow = false;
    }
    if (flow !== undefined) {
      chosen.flow = row(flow);
      markFlow(this);
      this.player.resize();
    }
    if (node !== undefined && node !== null) this.say(scene.names[node]);
    if (link !== undefined && link !== null) {
      this.say(`${scene.names[scene.links.a[link]]} to ${scene.names[scene.links.b[link]]}`);
    }
    if (flow !== undefined && flow !== null) this.say(`Flow ${scene.flows[flow].name}`);
    this.update();
    this.panel.refresh();
    if (flow !== undefined && flow !== null) this.panel.bringUp("flow");
    else this.panel.bringUp("node");
    this.redraw();
    this.remember();
  }

  deselect() {
    if (this.chosen.node !== NONE || this.chosen.link !== NONE) this.select({ node: null });
    else if (this.chosen.flow !== NONE) this.select({ flow: null });
  }

  // The view's longitude and latitude with a node in the middle.
  placeOf(node) {
    const [x, y, z] = this.sky.position.subarray(3 * node, 3 * node + 3);
    const lon = Math.atan2(y, x) - (this.fixed ? this.sky.angle : 0);
    return [wrapDeg(lon / DEG) * DEG, Math.atan2(z, Math.hypot(x, y))];
  }

  lookAt(node) {
    if (this.sky.present[node]) [this.lon, this.lat] = this.placeOf(node);
  }

  turnToNode(node) {
    if (!this.sky.present[node]) return;
    if (calm()) this.lookAt(node);
    else this.turning = { node, start: null, lon: this.lon, lat: this.lat };
    this.redraw();
  }

  turn(now) {
    const { turning } = this;
    if (turning.start === null) turning.start = now;
    const part = Math.min((now - turning.start) / TURN_MS, 1);
    const eased = part * part * (3 - 2 * part);
    const [lon, lat] = this.placeOf(turning.node);
    this.lon = wrapDeg((turning.lon + wrapDeg((lon - turning.lon) / DEG) * DEG * eased) / DEG) * DEG;
    this.lat = turning.lat + (lat - turning.lat) * eased;
    if (part === 1) this.turning = null;
  }

  // Links up now: between satellites, to the ground.
  nUp() {
    let ground = 0;
    for (let i = 0; i < this.links.nActive; i++)
      ground += this.scene.links.kind[this.links.active[i]] === ISL ? 0 : 1;
    return [this.links.nActive - ground, ground];
  }

  // An instant, in s since the topology's epoch.
  timeText(t) {
    return `t = ${(this.scene.startS + t).toFixed(timeDigits(this.scene.durationS))} s`;
  }

  say(text) {
    byId("live").textContent = text;
  }

  // ------------------------------------------------------------------------------------------------ the link

  // What is seen, in the address, so that it can be kept or sent: #t=12&node=Tokyo&flow=...&view=inertial
  remember() {
    clearTimeout(this.remembering);
    if (this.playing) return;
    this.remembering = setTimeout(() => {
      const { node, flow } = this.chosen;
      const parts = new URLSearchParams({ t: Number(this.t.toFixed(6)) });
      if (node !== NONE) parts.set("node", this.scene.names[node]);
      if (flow !== NONE) parts.set("flow", this.scene.flows[flow].name);
      if (!this.fixed) parts.set("view", "inertial");
      try {
        history.replaceState(null, "", `#${parts}`);
      } catch {
        // Some browsers keep the address of local files as it is.
      }
    }, 300);
  }

  readHash() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const node = this.scene.names.indexOf(parts.get("node"));
    const flow = this.scene.flows.findIndex(({ name }) => name === parts.get("flow"));
    if (parts.has("t")) this.setTime(parts.get("t"));
    if (parts.get("view") === "inertial") this.setFixed(false);
    if (flow >= 0) this.select({ flow });
    if (node >= 0) {
      this.select({ node });
      this.update();
      this.lookAt(node);
    }
    if (!parts.has("t") && !calm() && this.scene.durationS > 0) this.play();
  }

  // --------------------------------------------------------------------------------------------- connections

  connect() {
    window.addEventListener("resize", () => this.resize());
    const on = (id, act) => byId(id).addEventListener("click", act);
    on("fixed", () => this.setFixed(true));
    on("inertial", () => this.setFixed(false));
    on("closer", () => this.setZoom(this.zoom * 1.3));
    on("farther", () => this.setZoom(this.zoom / 1.3));
    on("home", () => this.home());
    on("help-open", () => byId("help").showModal());
    on("help-close", () => byId("help").close());
    const toggle = () => {
      const closed = document.body.classList.toggle("panel-closed");
      byId("panel-toggle").setAttribute("aria-expanded", String(!closed));
      this.resize();
    };
    on("panel-toggle", toggle);
    if (window.innerWidth < WIDE_PX) toggle();
    window.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const target = document.activeElement || document.body;
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    if (target.matches("input[type=search], select, textarea")) return;
    if (target.matches("input[type=range]") && SLIDER_KEYS.includes(event.key)) return;
    const act = this.actOf(event, target.matches("button, summary, input[type=checkbox]"));
    if (!act) return;
    act();
    event.preventDefault();
  }

  // What a key does; a focused button keeps the keys that press it.
  actOf(event, onButton) {
    const turn = 8 * DEG * Math.min(1, 1 / this.zoom);
    if (event.shiftKey) {
      const turned = {
        ArrowLeft: () => this.rotate(-turn, 0),
        ArrowRight: () => this.rotate(turn, 0),
        ArrowUp: () => this.rotate(0, turn),
        ArrowDown: () => this.rotate(0, -turn),
      }[event.key];
      if (turned) return turned;
    }
    if (event.key === " ") return onButton ? null : () => (this.playing ? this.pause() : this.play());
    return {
      ArrowLeft: () => this.step(-1),
      ArrowRight: () => this.step(1),
      ArrowUp: () => this.setZoom(this.zoom * 1.15),
      ArrowDown: () => this.setZoom(this.zoom / 1.15),
      "+": () => this.setZoom(this.zoom * 1.15),
      "=": () => this.setZoom(this.zoom * 1.15),
      "-": () => this.setZoom(this.zoom / 1.15),
      ",": () => this.faster(-1),
      ".": () => this.faster(1),
      f: () => this.setFixed(true),
      i: () => this.setFixed(false),
      e: () => this.setFixed(!this.fixed),
      Home: () => this.home(),
      "?": () => byId("help").showModal(),
      "/": () => byId("search").focus(),
      Escape: () => this.deselect(),
    }[event.key];
  }

  // For tests and the benchmark.
  hooks() {
    const value = (row) => (row === NONE ? null : row);
    return {
      now: () => this.t,
      setTime: (t) => {
        this.setTime(t);
        this.update();
        this.panel.refresh();
        this.player.show();
      },
      play: () => this.play(),
      pause: () => this.pause(),
      playing: () => this.playing,
      setSpeed: (speed) => this.setSpeed(speed),
      fixed: () => this.fixed,
      zoom: () => this.zoom,
      project: (row) => {
        this.update();
        this.view.project();
        return {
          x: this.view.seen[3 * row],
          y: this.view.seen[3 * row + 1],
          visible: this.view.visible(row),
        };
      },
      eye: () => {
        const { x, y, scale, lon, lat } = this.view.eye;
        return { x, y, scale, lon, lat };
      },
      lookAt: (row) => {
        this.lookAt(row);
        this.redraw();
      },
      select: (what) => this.select(what),
      selection: () => ({
        node: value(this.chosen.node),
        link: value(this.chosen.link),
        flow: value(this.chosen.flow),
      }),
      path: () => this.chosen.path.slice(),
      hops: () => this.chosen.hops.map(({ link, state }) => ({ link: value(link), state })),
      cutOff: (row) => this.links.cutOff(row),
      node: (row) => ({
        ...this.sky.geodetic(row),
        lit: this.sky.lit[row] === 1,
        links: this.links.upOf(row),
      }),
      link: (row) => ({
        nodes: [this.scene.links.a[row], this.scene.links.b[row]],
        up: this.links.up[row] !== NONE,
        rangeKm: this.sky.rangeKm(this.scene.links.a[row], this.scene.links.b[row]),
        ways: [this.links.direction(row, 0), this.links.direction(row, 1)],
      }),
      linksUp: () => Array.from(this.links.active.subarray(0, this.links.nActive)).sort((p, q) => p - q),
      sizes: () => ({
        satellites: this.scene.nSatellites,
        links: this.links.n,
        linksUp: this.links.nActive,
        durationS: this.scene.durationS,
      }),
      frameTimes: () => Array.from(this.times.subarray(0, Math.min(this.frames, TIMES_KEPT))),
      frames: () => this.frames,
    };
  }
}

const NO_PATH = [];
const SLIDER_KEYS = [
  ...["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"],
  ...["Home", "End", "PageUp", "PageDown"],
];

function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

async function start() {
  if (typeof DecompressionStream === "undefined") {
    throw new Error(
      "This browser cannot unpack the page's data (it has no DecompressionStream). Browsers that can: " +
        "Chrome and Edge since 80, Safari since 16.4, Firefox since 113.",
    );
  }
  const app = new App(await readScene());
  Object.assign(window.lasermesh, app.hooks());
  document.body.classList.remove("loading");
}

window.lasermesh = {};
window.lasermesh.ready = start().catch((error) => {
  byId("loading").textContent = error.message;
  throw error;
});
