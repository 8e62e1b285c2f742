// What is under the pointer, in what was drawn last.

const NODE_REACH_PX = 10;
const LINK_REACH_PX = 5;

// The nearest visible node within `reach` px, or NONE; ground sites win over satellites equally near.
function nodeUnder(view, x, y, reach = NODE_REACH_PX) {
  const { seen, scene } = view;
  let found = NONE;
  let nearest = reach * reach;
  for (let node = scene.nNodes - 1; node >= 0; node--) {
    const dx = seen[3 * node] - x;
    const dy = seen[3 * node + 1] - y;
    const squared = dx * dx + dy * dy;
    if (squared < nearest && view.visible(node)) {
      nearest = squared;
      found = node;
    }
  }
  return found;
}

// The nearest link that is up and drawn in front, or NONE.
function linkUnder(view, x, y, reach = LINK_REACH_PX) {
  const { seen, links, scene, sky } = view;
  let found = NONE;
  let nearest = reach * reach;
  for (let i = 0; i < links.nActive; i++) {
    const link = links.active[i];
    const a = scene.links.a[link];
    const b = scene.links.b[link];
    const ax = seen[3 * a];
    const ay = seen[3 * a + 1];
    const bx = seen[3 * b] - ax;
    const by = seen[3 * b + 1] - ay;
    const squared = bx * bx + by * by;
    const part = squared > 0 ? Math.min(1, Math.max(0, ((x - ax) * bx + (y - ay) * by) / squared)) : 0;
    const dx = ax + bx * part - x;
    const dy = ay + by * part - y;
    const away = dx * dx + dy * dy;
    if (away >= nearest || !sky.present[a] || !sky.present[b] || !view.linkShown(link)) continue;
    const z = seen[3 * a + 2] + (seen[3 * b + 2] - seen[3 * a + 2]) * part;
    if (z < 0 && (!view.show.behind || view.overDisc(x, y))) continue;
    nearest = away;
    found = link;
  }
  return found;
}
