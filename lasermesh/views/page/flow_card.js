// The chosen flow: what became of what it sent, its path now hop by hop, and its paths over time.

const MOST_CHANGES_LISTED = 300;

function flowCard(panel, flow, index, live) {
  const { app } = panel;
  const entry = app.scene.flows[flow];
  const { name, from, to, sent, delivered, dropped, counts, paths } = entry;
  const bundles = counts === "bundles";
  const inFlight = entry.in_flight || 0;
  return [
    panel.header(name, "flow", () => app.select({ flow: null })),
    facts([
      ["From, to", element("span", {}, panel.nodeButton(from), " → ", panel.nodeButton(to))],
      ["Sent", plural(sent, bundles ? "bundle" : "packet")],
      ["Delivered", `${whole(delivered)} (${partOf(delivered, sent)})`],
      ["Dropped", `${whole(dropped)} (${partOf(dropped, sent)})`],
      [onTheWay(bundles), `${whole(inFlight)} (${partOf(inFlight, sent)}) at the end`],
      ["Mean latency", latencyText(entry.latency_mean_ms, 3)],
    ]),
    element("h3", {}, "Path now"),
    ...pathNow(panel, index < 0 ? [] : app.chosen.hops, live),
    ...pathChanges(app, paths, index),
  ];
}

function pathNow(panel, hops, live) {
  const { scene, sky, links } = panel.app;
  if (hops.length === 0) return [element("p", { class: "quiet" }, "No path at this time.")];
  const range = ({ from, to }) => sky.rangeKm(from, to);
  const way = ({ link, side }) =>
    link === NONE ? { use: null, queueBytes: null } : links.direction(link, side);
  const total = () => hops.reduce((sum, hop) => sum + range(hop), 0);
  const load = scene.load !== null;
  const cut = hopsDown(hops);
  const down = () => element("b", { class: "down" }, "down");
  const hopRow = (hop, i) => {
    const broken = hop.state === DOWN;
    const cells = [String(i + 1), panel.nodeButton(hop.to), live(() => whole(range(hop)))];
    if (!load) return [...cells, broken ? down() : live(() => decimals(delayMs(range(hop)), 2))];
    return [
      ...cells,
      broken ? NO_VALUE : live(() => decimals(delayMs(range(hop)), 2)),
      broken ? down() : live(() => percent(way(hop).use)),
      live(() => bytesText(way(hop).queueBytes)),
    ];
  };
  const hopTable = table(
    ["", "to", "km", "ms", ...(load ? ["use", "queue"] : [])],
    [
      ["", panel.nodeButton(hops[0].from), "", "", ...(load ? ["", ""] : [])],
      ...hops.map(hopRow),
      [
        "",
        cut.length ? "in all: cut" : "in all",
        live(() => whole(total())),
        cut.length ? NO_VALUE : live(() => decimals(delayMs(total()), 2)),
        ...(load ? ["", ""] : []),
      ],
    ],
  );
  hopTable.id = "hops";
  return [
    cut.length
      ? element("p", { class: "down" }, cutText(scene, hops, cut))
      : element(
          "p",
          {},
          `${plural(hops.length, "hop")}, `,
          live(() => `${km(total())}, ${ms(delayMs(total()))} at the speed of light`),
        ),
    hopTable,
    element(
      "p",
      { class: "quiet" },
      "Range in km and delay in ms at this instant. ",
      hops.some(({ state }) => state === UNKNOWN)
        ? "Links of nodes without a position are not on this page. "
        : "",
      load ? live(() => panel.binText()) : "",
    ),
  ];
}

function cutText({ names }, hops, cut) {
  const which = cut.map((number) => {
    const { from, to } = hops[number - 1];
    return `${number} (${names[from]} – ${names[to]})`;
  });
  return cut.length === 1
    ? `The path is cut: hop ${which[0]} is down.`
    : `The path is cut: hops ${which.join(" and ")} are down.`;
}

function pathChanges(app, paths, index) {
  if (paths.length === 0 || (paths.length === 1 && index === 0)) return [];
  const first = Math.max(0, Math.min(index - 20, paths.length - MOST_CHANGES_LISTED));
  const shown = paths.slice(first, first + MOST_CHANGES_LISTED);
  const cut = shown.length < paths.length ? `, ${shown.length} of them listed` : "";
  return [
    element("h3", {}, `Paths over time (${paths.length}${cut})`),
    element(
      "ol",
      { class: "changes" },
      shown.map(([t, rows], i) =>
        element(
          "li",
          {},
          element(
            "button",
            {
              type: "button",
              class: "go",
              "data-go": `change-${first + i}`,
              "aria-current": first + i === index ? "true" : null,
              onclick: () => app.setTime(Math.max(t, 0)),
            },
            element("span", {}, app.timeText(Math.max(t, 0))),
            element("span", {}, rows.length > 1 ? plural(rows.length - 1, "hop") : "no path"),
          ),
        ),
      ),
    ),
  ];
}
