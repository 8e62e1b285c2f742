// The panel: search, what is chosen and its numbers, flows, the network now, what to show, about.

const BUSIEST = 6;

class Panel {
  constructor(app) {
    this.app = app;
    this.cards = {
      node: new Card("node"),
      link: new Card("link"),
      flow: new Card("flow"),
      now: new Card("now"),
    };
    this.lostOf = { link: NONE, lost: null };
    fillHeading(app);
    fillFlows(app);
    fillShow(app);
    fillAbout(app);
    fillKey(app);
    this.search = new Search(app);
  }

  refresh() {
    const { node, link, flow } = this.app.chosen;
    if (node === NONE) this.cards.node.hide();
    else this.showNode(node);
    if (link === NONE) this.cards.link.hide();
    else this.showLink(link);
    if (flow === NONE) this.cards.flow.hide();
    else this.showFlow(flow);
    this.showNow();
  }

  // What was chosen last comes first: the flow, or the node or link.
  bringUp(which) {
    byId("panel").classList.toggle("flow-first", which === "flow");
    byId("panel").scrollTop = 0;
  }

  // ------------------------------------------------------------------------------------------ what is chosen

  showNode(node) {
    const { scene, sky, links } = this.app;
    const up = links.upOf(node);
    const satellite = node < scene.nSatellites;
    const present = sky.present[node] === 1;
    const header = () =>
      this.header(scene.names[node], this.roleOf(node), () => this.app.select({ node: null }));
    if (!scene.hasPosition[node]) {
      const text = "Has no position, so neither it nor its links are on this page.";
      this.cards.node.show(`${node}`, () => [header(), element("p", { class: "quiet" }, text)]);
      return;
    }
    const degree = links.cutOff(node)
      ? element("b", { class: "down" }, "0 links: down or cut off")
      : plural(up.length, "link");
    const wherever = (fact) => (present ? fact : null);
    this.cards.node.show(`${node} ${present} ${up}`, (live) => [
      header(),
      present ? null : element("p", { class: "quiet" }, "Has no position at this time."),
      facts([
        wherever(["Position", live(() => positionText(sky.geodetic(node)))]),
        wherever([
          "Altitude",
          satellite ? live(() => km(sky.geodetic(node).heightKm)) : `${whole(siteHeightM(scene, node))} m`,
        ]),
        wherever(satellite
          ? ["Sunlight", live(() => (sky.lit[node] ? "in sunlight" : "in the Earth's shadow"))]
          : ["Sun", live(() => sunText(sky.sunElevationDeg(node)))]),
        ["Degree", degree],
      ]),
      satellite && present ? this.followButton() : null,
      up.length ? this.linksOfNode(node, up, live) : null,
    ]);
  }

  roleOf(node) {
    const { scene } = this.app;
    const group = scene.groups.find(({ first, size }) => first <= node && node < first + size);
    const roles = scene.kinds.filter(({ rows }) => rows.includes(node)).map(({ name }) => name);
    const flies = node < scene.nSatellites ? "satellite" : "ground site";
    const what = scene.hasPosition[node] ? flies : "node";
    return [group ? `${what} of ${group.name}` : what, ...roles].join(", ");
  }

  followButton() {
    const button = element(
      "button",
      {
        type: "button",
        class: "small",
        "aria-pressed": String(this.app.follow),
        onclick: () => {
          this.app.setFollow(!this.app.follow);
          button.setAttribute("aria-pressed", String(this.app.follow));
        },
      },
      "Keep in the middle",
    );
    return button;
  }

  linksOfNode(node, up, live) {
    const { scene, sky, links } = this.app;
    const other = (link) => (scene.links.a[link] === node ? scene.links.b[link] : scene.links.a[link]);
    const out = (link) => links.direction(link, scene.links.a[link] === node ? 0 : 1);
    const back = (link) => links.direction(link, scene.links.a[link] === node ? 1 : 0);
    const load = scene.load !== null;
    return table(
      ["Link to", "km", ...(load ? ["use, %\nout / in", "queue\nout / in"] : ["delay"])],
      up.map((link) => [
        this.linkButton(link, scene.names[other(link)]),
        live(() => whole(sky.rangeKm(node, other(link)))),
        ...(load
          ? [
              live(() => `${hundredths(out(link).use)} / ${hundredths(back(link).use)}`),
              live(() => `${bytesText(out(link).queueBytes)} / ${bytesText(back(link).queueBytes)}`),
            ]
          : [live(() => ms(delayMs(sky.rangeKm(node, other(link)))))]),
      ]),
    );
  }

  showLink(link) {
    const { scene, sky, links } = this.app;
    const a = scene.links.a[link];
    const b = scene.links.b[link];
    const ground = scene.links.kind[link] !== ISL;
    const contact = links.up[link];
    const site = a >= scene.nSatellites ? a : b;
    this.cards.link.show(`${link} ${contact}`, (live) => [
      this.header(
        `${scene.names[a]} – ${scene.names[b]}`,
        ground ? "ground link" : "link between satellites",
        () => this.app.select({ link: null }),
      ),
      facts([
        ["Ends", element("span", {}, this.nodeButton(a), " ", this.nodeButton(b))],
        ["Up", contact === NONE ? live(() => this.gapText(link)) : this.contactText(contact)],
        ["Range", live(() => km(sky.rangeKm(a, b)))],
        ["Delay", live(() => `${ms(delayMs(sky.rangeKm(a, b)))} one way`)],
        ground && site >= scene.nSatellites
          ? ["Elevation", live(() => `${sky.elevationOfDeg(site, a === site ? b : a).toFixed(1)}°`)]
          : null,
      ]),
      this.directions(link, live),
    ]);
  }

  contactText(contact) {
    const { scene } = this.app;
    const start = scene.contacts.startS[contact];
    const stop = scene.contacts.stopS[contact];
    const from = start <= 0 ? "before the interval began" : this.app.timeText(start);
    const beyond = stop >= scene.durationS * (1 - 1e-6);
    return `since ${from}, ${beyond ? "beyond the interval's end" : `until ${this.app.timeText(stop)}`}`;
  }

  gapText(link) {
    const [was, is] = this.app.links.around(link);
    const parts = ["not at this time"];
    if (was !== null) parts.push(`was until ${this.app.timeText(was)}`);
    if (is !== null) parts.push(`is again from ${this.app.timeText(is)}`);
    return parts.join("; ");
  }

  directions(link, live) {
    const { scene, links } = this.app;
    const sides = [0, 1];
    const from = [scene.links.a[link], scene.links.b[link]];
    const row = (name, text) => [
      name,
      ...sides.map((side) => live(() => text(links.direction(link, side), side))),
    ];
    const rows = [row("Rate", (way) => gbps(way.rateGbps))];
    if (scene.load) {
      if (this.lostOf.link !== link) this.lostOf = { link, lost: links.lostOf(link) };
      const { lost } = this.lostOf;
      rows.push(
        row("Use", (way) => percent(way.use)),
        row("Carried", (way) => gbps(way.gbps)),
        row("Most queued", (way) => bytesText(way.queueBytes)),
        row("Dropped", (way) => plural(way.dropped, "packet")),
        row("Dropped in all", (way, side) => plural(lost[side], "packet")),
      );
    }
    return [
      table(["", ...from.map((node) => `from ${scene.names[node]}`)], rows),
      scene.load
        ? element(
            "p",
            { class: "quiet" },
            live(() => this.binText()),
          )
        : null,
    ];
  }

  binText(what = "Use, queue and drops") {
    const { scene, links } = this.app;
    const { binS, lastBinS, nBins } = scene.load;
    const begin = links.bin * binS;
    const stop = begin + (links.bin === nBins - 1 ? lastBinS : binS);
    return `${what} from ${this.app.timeText(begin)} to ${this.app.timeText(stop)}.`;
  }

  showFlow(flow) {
    const { scene, t, chosen } = this.app;
    const index = pathIndex(scene.flows[flow], t);
    const states = chosen.hops.map(({ state }) => state);
    this.cards.flow.show(`${flow} ${index} ${states}`, (live) => flowCard(this, flow, index, live));
  }

  // ------------------------------------------------------------------------------------------------ the rest

  showNow() {
    const { scene, sky, links, drops } = this.app;
    const nUp = () => this.app.nUp();
    const dropBin = () => drops.binAt(this.app.t);
    const dropSpan = () => drops.span(dropBin()).map((t) => this.app.timeText(t));
    const busiest = scene.load ? links.busiest(BUSIEST) : [];
    const nCut = links.nCutOff();
    byId("key-cut").hidden = nCut === 0;
    this.cards.now.show(`${busiest.map(([link]) => link)} ${nCut}`, (live) => [
      facts([
        ["Links up", live(() => `${plural(nUp()[0], "laser link")}, ${plural(nUp()[1], "ground link")}`)],
        [
          "In sunlight",
          live(
            () =>
              `${whole(countOf(sky.lit, sky.present, scene.nSatellites))} of ` +
              plural(countOf(sky.present, sky.present, scene.nSatellites), "satellite"),
          ),
        ],
        nCut > 0 ? ["Cut off", element("b", { class: "down" }, plural(nCut, "satellite"))] : null,
        drops ? ["Dropped", live(() => drops.text(dropBin()))] : null,
      ]),
      drops
        ? element(
            "p",
            { class: "quiet" },
            live(() => `Drops from ${dropSpan()[0]} to ${dropSpan()[1]}. ${this.binText("Use")}`),
          )
        : null,
      busiest.length ? element("h3", {}, "Busiest links") : null,
      busiest.length
        ? table(
            ["Link", "Use"],
            busiest.map(([link], i) => [
              this.linkButton(
                link,
                `${scene.names[scene.links.a[link]]} – ${scene.names[scene.links.b[link]]}`,
              ),
              live(() => percent((this.app.links.busiest(BUSIEST)[i] || [0, 0])[1])),
            ]),
          )
        : null,
    ]);
  }

  header(title, role, close) {
    return element(
      "header",
      {},
      element("div", {}, element("h2", {}, title), element("p", { class: "quiet" }, role)),
      element(
        "button",
        { type: "button", class: "close", "aria-label": "Close", title: "Close (Esc)", onclick: close },
        "×",
      ),
    );
  }

  nodeButton(node) {
    const { app } = this;
    return element(
      "button",
      { type: "button", class: "name", "data-go": `node-${node}`, onclick: () => app.select({ node }) },
      app.scene.names[node],
    );
  }

  linkButton(link, text) {
    return element(
      "button",
      { type: "button", class: "name", "data-go": `link-${link}`, onclick: () => this.app.select({ link }) },
      text,
    );
  }
}

function positionText({ latDeg, lonDeg }) {
  return `${degrees(latDeg, "N", "S")}, ${degrees(lonDeg, "E", "W")}`;
}

function siteHeightM(scene, node) {
  return scene.sites[3 * (node - scene.nSatellites) + 2];
}

function sunText(elevationDeg) {
  return `${Math.abs(elevationDeg).toFixed(1)}° ${elevationDeg < 0 ? "below" : "above"} the horizon`;
}

function countOf(flags, present, n) {
  let count = 0;
  for (let i = 0; i < n; i++) count += flags[i] & present[i];
  return count;
}

function facts(rows) {
  return element(
    "dl",
    {},
    rows.filter(Boolean).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function table(heads, rows) {
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        heads.map((head) => element("th", { scope: "col" }, head)),
      ),
    ),
    element(
      "tbody",
      {},
      rows.map((row) =>
        element(
          "tr",
          {},
          row.map((cell) => element("td", {}, cell)),
        ),
      ),
    ),
  );
}
