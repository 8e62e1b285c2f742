// What is filled in once: heading, list of flows, what to show, about, key of colours.

const MOST_FLOWS_LISTED = 400;
const MOST_KEYS = 9;

function fillHeading(app) {
  const { scene } = app;
  byId("title").textContent = scene.title;
  byId("subtitle").textContent = scene.subtitle;
  const { summary } = scene;
  if (!summary) return;
  const lost = Object.entries(summary.dropped || {}).filter(([, n]) => n > 0);
  const causes = lost.map(([cause, n]) => `${whole(n)} ${cause.replace(/_/g, " ")}`).join(", ");
  byId("summary").textContent =
    `${whole(summary.sent)} ${summary.counts || "packets"} sent, ` +
    `${partOf(summary.delivered, summary.sent)} delivered` +
    (summary.in_flight > 0
      ? `, ${whole(summary.in_flight)} ${onTheWay(summary.counts === "bundles").toLowerCase()} at the end`
      : "") +
    (causes ? `; dropped: ${causes}` : "; none dropped") +
    (summary.status && summary.status !== "complete" ? ` (${summary.status})` : "");
}

function fillFlows(app) {
  const { scene } = app;
  byId("flows").hidden = scene.flows.length === 0;
  byId("n-flows").textContent = whole(scene.flows.length);
  const list = byId("flow-list");
  const filter = byId("flow-filter");
  filter.hidden = scene.flows.length < 8;
  const fill = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = [];
    scene.flows.forEach((flow, i) => {
      const text = `${flow.name} ${scene.names[flow.from]} ${scene.names[flow.to]}`.toLowerCase();
      if (words.every((word) => text.includes(word))) matching.push(i);
    });
    const rows = matching.slice(0, MOST_FLOWS_LISTED).map((i) => {
      const flow = scene.flows[i];
      return element(
        "li",
        {},
        element(
          "button",
          {
            type: "button",
            class: "go",
            "data-flow": i,
            "aria-pressed": String(i === app.chosen.flow),
            onclick: () => app.select({ flow: i === app.chosen.flow ? null : i }),
          },
          element("span", {}, flow.name),
          element("span", {}, latencyText(flow.latency_mean_ms, 1)),
        ),
      );
    });
    list.replaceChildren(...rows);
    const hidden = matching.length - rows.length;
    const left = [];
    if (hidden > 0) left.push(`${whole(hidden)} more match.`);
    if (scene.flowsLeftOut > 0)
      left.push(`${plural(scene.flowsLeftOut, "flow")} that sent less not on this page.`);
    byId("flows-left").textContent = left.join(" ");
  };
  filter.addEventListener("input", fill);
  fill();
}

function markFlow(app) {
  for (const button of document.querySelectorAll("[data-flow]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.flow) === app.chosen.flow));
  }
}

function fillShow(app) {
  const { view, scene, links } = app;
  const boxes = [
    ["isl", "links between satellites"],
    ["gsl", "ground links"],
    scene.load ? ["idle", "idle links"] : null,
    scene.load ? ["scaled", `colours up to the greatest use, ${percent(links.greatest)}`] : null,
    ["behind", "what is beyond the limb"],
    ["labels", "names"],
    ["night", "day and night"],
    ["grid", "graticule, every 30°"],
  ].filter(Boolean);
  byId("show").append(
    ...boxes.map(([name, text]) => {
      const box = element("input", { type: "checkbox", "data-show": name });
      box.checked = view.show[name];
      box.addEventListener("change", () => {
        view.show[name] = box.checked;
        if (name === "scaled") app.scaleColours();
        app.redraw();
      });
      return element("label", {}, box, ` ${text}`);
    }),
  );
}

function fillAbout(app) {
  const { scene } = app;
  const notes = [
    ...scene.notes,
    "Seen from far away (orthographic); both views keep north up. Shading shows where the Sun has set " +
      "and the ends of civil, nautical and astronomical twilight. A satellite is in sunlight while the " +
      "Sun's centre is above its horizon.",
  ];
  byId("notes").append(...notes.map((note) => element("li", {}, note)));
}

function fillKey(app) {
  const { scene } = app;
  const key = byId("key");
  const colours = element("ul", { class: "colours" });
  const swatch = (colour, text, shape) => element("li", {}, sample(colour, shape), text);
  for (const [name, style] of app.view.styles.named.slice(0, MOST_KEYS)) {
    colours.append(swatch(NODE_COLOURS[style], name, "dot"));
  }
  if (scene.nSatellites > 0)
    colours.append(swatch(NODE_COLOURS[0], "dimmed: in the Earth's shadow", "dot dark"));
  if (scene.nNodes > scene.nSatellites) colours.append(swatch(GROUND_COLOUR, "ground site", "round"));
  if (scene.load) {
    const ramp = element("div", { class: "ramp", id: "ramp", role: "img" });
    RAMP.slice(1).forEach((colour) => ramp.append(sample(colour, "step")));
    key.append(
      element(
        "div",
        { class: "scale" },
        element("span", {}, "Link use"),
        ramp,
        element("span", {}, "0"),
        element("span", { id: "half-use" }),
        element("span", { id: "full-use" }),
      ),
    );
    colours.append(swatch(IDLE_COLOURS[ISL], "idle link", "line"));
    colours.append(swatch(LOST_COLOUR, "packets dropped at a link", "round"));
  } else {
    colours.append(
      swatch(LINK_COLOURS[0], "laser link", "line"),
      swatch(LINK_COLOURS[1], "ground link", "line"),
    );
  }
  if (scene.flows.length) {
    colours.append(
      swatch(PATH_COLOUR, "path of the flow", "line"),
      swatch(LOST_COLOUR, "hop that is down", "line broken"),
    );
  }
  const cross = element("i", { class: "sample cross", "aria-hidden": "true" });
  colours.append(element("li", { id: "key-cut" }, cross, "satellite without any link"));
  key.append(colours);
}

// The use that the middle and the end of the ramp stand for.
function markScale(scale) {
  const share = Number((scale * 100).toPrecision(3));
  byId("half-use").textContent = String(share / 2);
  byId("full-use").textContent = `${share} %`;
  byId("ramp").setAttribute("aria-label", `Link use from 0 to ${share} %, dark to bright`);
}

// A sample of a colour; set through the style object, as the page's policy forbids style attributes.
function sample(colour, shape) {
  const made = element("i", { class: `sample ${shape}`, "aria-hidden": "true" });
  made.style.backgroundColor = colour;
  return made;
}
