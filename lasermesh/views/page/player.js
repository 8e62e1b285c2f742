// The time bar and the pointer.

const THUMB_PX = 14; // width of the slider's thumb, as in the style; half of it is beside the groove's ends
const MOST_TURN = 5; // of dragging near a pole, where meridians are close together

class Player {
  constructor(app) {
    this.app = app;
    this.slider = byId("time");
    this.marks = byId("marks");
    this.ctx = this.marks.getContext("2d");
    this.speeds = byId("speed");
    const { durationS } = app.scene;
    this.slider.max = String(durationS);
    this.slider.addEventListener("input", () => app.setTime(Number(this.slider.value)));
    byId("play").addEventListener("click", () => (app.playing ? app.pause() : app.play()));
    byId("back").addEventListener("click", () => app.step(-1));
    byId("forward").addEventListener("click", () => app.step(1));
    for (const speed of SPEEDS) this.speeds.append(element("option", { value: speed }, `${speed}×`));
    this.speeds.addEventListener("change", () => app.setSpeed(Number(this.speeds.value)));
    this.markSpeed();
    this.shown = null;
  }

  markSpeed() {
    this.speeds.value = String(this.app.speed);
  }

  markPlaying() {
    const button = byId("play");
    const text = this.app.playing ? "Pause (space)" : "Play (space)";
    button.classList.toggle("playing", this.app.playing);
    button.setAttribute("aria-label", text);
    button.title = text;
  }

  show() {
    const { t, scene } = this.app;
    if (t === this.shown) return;
    this.shown = t;
    const digits = timeDigits(scene.durationS);
    this.slider.value = String(t);
    byId("utc").textContent = utc(scene.epochMs + (scene.startS + t) * 1000, digits);
    byId("since").textContent = `${this.app.timeText(t)} since the epoch`;
    this.slider.setAttribute("aria-valuetext", this.app.timeText(t));
    this.drawMarks();
  }

  resize() {
    const ratio = this.app.view.ratio;
    this.marks.width = Math.round(this.marks.clientWidth * ratio);
    this.marks.height = Math.round(this.marks.clientHeight * ratio);
    this.drawMarks();
  }

  // The groove; what is past; packets dropped over time; when the chosen flow changed its path; now.
  drawMarks() {
    const { ctx, marks } = this;
    const { scene, drops, t, chosen, view } = this.app;
    const { ratio } = view;
    const width = marks.width / ratio;
    const height = marks.height / ratio;
    const groove = height - 9;
    const inset = THUMB_PX / 2;
    const part = (time) => (scene.durationS > 0 ? Math.min(Math.max(time / scene.durationS, 0), 1) : 0);
    const at = (time) => inset + (width - THUMB_PX) * part(time);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    if (drops) {
      ctx.fillStyle = LOST_COLOUR;
      ctx.globalAlpha = 0.6;
      drops.total.forEach((n, bin) => {
        if (n === 0) return;
        const tall = Math.max(1.5, (n / drops.most) * (groove - 14));
        const [left, right] = drops.span(bin).map(at);
        ctx.fillRect(left, groove - tall, Math.max(right - left, 0.7), tall);
      });
      ctx.globalAlpha = 1;
    }
    ctx.fillStyle = "rgba(160, 190, 230, 0.28)";
    ctx.fillRect(inset, groove, width - THUMB_PX, 4);
    ctx.fillStyle = "#8fc4ff";
    ctx.fillRect(inset, groove, at(t) - inset, 4);
    const flow = scene.flows[chosen.flow];
    if (flow) {
      ctx.fillStyle = PATH_COLOUR;
      for (const [time] of flow.paths.slice(1)) ctx.fillRect(at(time) - 0.75, groove - 5, 1.5, 14);
    }
    ctx.beginPath();
    ctx.arc(at(t), groove + 2, 6.5, 0, 2 * Math.PI);
    ctx.fillStyle = "#ffffff";
    ctx.fill();
  }
}

// Drag turns, wheel and pinch zoom, a click chooses, hovering tells.
class Pointer {
  constructor(app) {
    this.app = app;
    this.down = new Map(); // pointers on the canvas, by id
    this.moved = 0;
    this.tip = byId("tip");
    this.at = null;
    const { canvas } = app;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", (event) => this.down.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("dblclick", (event) => this.goTo(event));
    canvas.addEventListener(
      "wheel",
      (event) => {
        const px = event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY;
        app.setZoom(app.zoom * Math.exp(-Math.min(Math.max(px, -300), 300) * 0.0015));
        event.preventDefault();
      },
      { passive: false },
    );
  }

  press(event) {
    this.app.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.down.size === 1) this.moved = 0;
  }

  move(event) {
    const was = this.down.get(event.pointerId);
    if (!was) {
      this.hover(event.clientX, event.clientY);
      return;
    }
    const dx = event.clientX - was.x;
    const dy = event.clientY - was.y;
    const apart = this.spread();
    was.x = event.clientX;
    was.y = event.clientY;
    this.moved += Math.abs(dx) + Math.abs(dy);
    if (this.moved < 4) return;
    this.hide();
    const { scale } = this.app.view.eye;
    if (this.down.size > 1 && apart > 0) this.app.setZoom((this.app.zoom * this.spread()) / apart);
    const share = 1 / this.down.size;
    // What is in the middle stays under the pointer.
    const turned = Math.min(1 / Math.cos(this.app.lat), MOST_TURN);
    this.app.rotate((-dx * share * turned) / scale, (dy * share) / scale);
  }

  // How far two fingers are apart.
  spread() {
    if (this.down.size < 2) return 0;
    const [p, q] = this.down.values();
    return Math.hypot(p.x - q.x, p.y - q.y);
  }

  release(event) {
    const alone = this.down.size === 1;
    this.down.delete(event.pointerId);
    if (alone && this.moved < 4)
      this.click(event.clientX, event.clientY, event.pointerType === "touch" ? 1.8 : 1);
  }

  click(x, y, reach) {
    const { app } = this;
    const node = nodeUnder(app.view, x, y, NODE_REACH_PX * reach);
    const link = node === NONE ? linkUnder(app.view, x, y, LINK_REACH_PX * reach) : NONE;
    if (node !== NONE) app.select({ node });
    else if (link !== NONE) app.select({ link });
    else if (app.chosen.node !== NONE || app.chosen.link !== NONE) app.select({ node: null });
  }

  goTo(event) {
    const node = nodeUnder(this.app.view, event.clientX, event.clientY);
    if (node !== NONE) this.app.turnToNode(node);
  }

  // What is under a pointer that rests, while things move.
  hoverAgain() {
    if (this.at !== null && this.down.size === 0) this.hover(...this.at);
  }

  hover(x, y) {
    this.at = [x, y];
    const { app } = this;
    const { scene, links } = app;
    const node = nodeUnder(app.view, x, y);
    const link = node === NONE ? linkUnder(app.view, x, y) : NONE;
    app.canvas.style.cursor = node === NONE && link === NONE ? "grab" : "pointer";
    if (node !== app.chosen.hover) {
      app.chosen.hover = node;
      if (!app.playing) app.redraw();
    }
    if (node !== NONE) {
      const { latDeg, lonDeg, heightKm } = app.sky.geodetic(node);
      const height = node < scene.nSatellites ? `${km(heightKm)} up, ` : "";
      this.tell(x, y, scene.names[node], `${height}${positionText({ latDeg, lonDeg })}`);
    } else if (link !== NONE) {
      const a = scene.links.a[link];
      const b = scene.links.b[link];
      const range = app.sky.rangeKm(a, b);
      const ways = [0, 1].map((side) => percent(links.direction(link, side).use));
      const use = scene.load ? `, use ${ways[0]} / ${ways[1]}` : "";
      this.tell(x, y, `${scene.names[a]} – ${scene.names[b]}`, `${km(range)}, ${ms(delayMs(range))}${use}`);
    } else {
      this.tip.hidden = true;
    }
  }

  tell(x, y, title, text) {
    const { tip } = this;
    tip.replaceChildren(element("b", {}, title), element("span", {}, text));
    tip.hidden = false;
    const left = Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8);
    const top = y + 18 + tip.offsetHeight > window.innerHeight ? y - tip.offsetHeight - 10 : y + 18;
    tip.style.transform = `translate(${Math.max(left, 4)}px, ${top}px)`;
  }

  hide() {
    this.tip.hidden = true;
    this.app.chosen.hover = NONE;
  }

  leave() {
    this.hide();
    this.at = null;
    this.app.redraw();
  }
}
