// Paths of flows: which one is in force, whether its hops are up, and how it is drawn.

const UP = "up";
const DOWN = "down";
const UNKNOWN = "unknown"; // the page does not hold that link

// The last entry of a flow's paths that begins by t, or NONE.
function pathIndex(flow, t) {
  let low = 0;
  let high = flow.paths.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (flow.paths[middle][0] <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Hops of a path as `links` are now: {from, to, link, side: direction of the link, state}.
function pathHops(scene, links, rows) {
  return rows.slice(1).map((to, i) => {
    const from = rows[i];
    const link = links.between(from, to);
    const side = link !== NONE && scene.links.a[link] !== from ? 1 : 0;
    return { from, to, link, side, state: hopState(scene, links, from, to, link, side) };
  });
}

function hopState(scene, links, from, to, link, side) {
  if (!scene.hasPosition[from] || !scene.hasPosition[to]) return UNKNOWN;
  if (link !== NONE && links.upAbout(link)) return scene.links.rateGbps[2 * link + side] > 0 ? UP : DOWN;
  // Contacts that were left out leave their link in the table of links.
  return link !== NONE && scene.contactsLeftOut > 0 ? UNKNOWN : DOWN;
}

// Numbers of the hops that are down, from 1.
function hopsDown(hops) {
  return hops.flatMap((hop, i) => (hop.state === DOWN ? [i + 1] : []));
}

// Hops that are down are broken and crossed out; dashes move only up to the first of them.
function drawPath(view, { hops, dash }) {
  const { ctx } = view;
  const whole = hops.filter(({ state }) => state !== DOWN);
  const broken = hops.filter(({ state }) => state === DOWN);
  const reached = broken.length ? hops.slice(0, hops.indexOf(broken[0])) : hops;
  ctx.lineJoin = "round";
  ctx.lineCap = "round";
  traceHops(view, whole, 1);
  ctx.strokeStyle = PATH_COLOUR;
  ctx.globalAlpha = 0.45;
  ctx.lineWidth = 1.4;
  ctx.setLineDash([2, 5]);
  ctx.stroke();
  ctx.setLineDash([]);
  traceHops(view, whole, 0);
  ctx.globalAlpha = 0.22;
  ctx.lineWidth = 9;
  ctx.stroke();
  ctx.globalAlpha = 1;
  ctx.lineWidth = 3.4;
  ctx.stroke();
  traceHops(view, reached, 0);
  ctx.strokeStyle = "#fff2fa";
  ctx.lineWidth = 1.6;
  ctx.setLineDash([5, 11]);
  ctx.lineDashOffset = -dash;
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.lineCap = "butt";
  ctx.lineJoin = "miter";
  if (broken.length) drawBroken(view, broken);
}

function drawBroken(view, hops) {
  const { ctx, seen } = view;
  ctx.strokeStyle = LOST_COLOUR;
  for (const back of [1, 0]) {
    traceHops(view, hops, back);
    ctx.globalAlpha = back ? 0.45 : 1;
    ctx.lineWidth = back ? 1.4 : 3;
    ctx.setLineDash([6, 7]);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.beginPath();
  for (const { from, to } of hops) {
    if (!view.visible(from) || !view.visible(to)) continue;
    crossAt(ctx, (seen[3 * from] + seen[3 * to]) / 2, (seen[3 * from + 1] + seen[3 * to + 1]) / 2, 6);
  }
  strokeLost(ctx, 2.6, 5.5);
}

// What has been traced, red with a dark edge.
function strokeLost(ctx, width, edgeWidth) {
  ctx.strokeStyle = DARK_EDGE;
  ctx.lineWidth = edgeWidth;
  ctx.stroke();
  ctx.strokeStyle = LOST_COLOUR;
  ctx.lineWidth = width;
  ctx.stroke();
}

function crossAt(ctx, x, y, reach) {
  ctx.moveTo(x - reach, y - reach);
  ctx.lineTo(x + reach, y + reach);
  ctx.moveTo(x - reach, y + reach);
  ctx.lineTo(x + reach, y - reach);
}

function traceHops(view, hops, back) {
  const { present } = view.sky;
  view.ctx.beginPath();
  for (const { from, to } of hops) {
    if (present[from] && present[to]) view.traceSegment(from, to, back);
  }
}

function drawPathNodes(view, path) {
  const { ctx, seen } = view;
  const radius = view.dotSize() / 2 + 2;
  ctx.beginPath();
  for (const node of path) {
    if (!view.visible(node)) continue;
    ctx.moveTo(seen[3 * node] + radius, seen[3 * node + 1]);
    ctx.arc(seen[3 * node], seen[3 * node + 1], radius, 0, 2 * Math.PI);
  }
  ctx.fillStyle = "#fff2fa";
  ctx.fill();
  ctx.strokeStyle = PATH_COLOUR;
  ctx.lineWidth = 2;
  ctx.stroke();
}
