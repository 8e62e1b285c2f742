// Packets dropped over time: anywhere, or at links alone, where that is all that is known.

class Drops {
  constructor(scene) {
    const { drops, load } = scene;
    this.atLinks = drops === null;
    if (drops !== null) {
      Object.assign(this, { startS: drops.startS, binS: drops.binS, stopS: drops.stopS });
      this.causes = drops.causes.map((cause) => cause.replace(/_/g, " "));
      this.dropped = drops.dropped; // by bin, then cause
    } else {
      Object.assign(this, { startS: 0, binS: load.binS, stopS: scene.durationS, causes: [] });
    }
    this.total = drops !== null ? this.ofAllCauses(drops.nBins) : atLinks(load);
    this.most = this.total.reduce((most, n) => Math.max(most, n), 0);
  }

  ofAllCauses(nBins) {
    const { dropped, causes } = this;
    return Float64Array.from({ length: nBins }, (_, bin) =>
      dropped.subarray(bin * causes.length, (bin + 1) * causes.length).reduce((sum, n) => sum + n, 0),
    );
  }

  binAt(t) {
    const bin = Math.floor((t - this.startS) / this.binS + 1e-6);
    return Math.min(Math.max(bin, 0), this.total.length - 1);
  }

  // When a bin begins and ends; the end of the run cuts the last one.
  span(bin) {
    const start = this.startS + bin * this.binS;
    return [start, Math.min(start + this.binS, this.stopS)];
  }

  // As "12 packets: 7 queue, 5 no route" or "12 packets (queue)".
  text(bin) {
    const { causes, dropped } = this;
    const packets = plural(this.total[bin], "packet");
    if (this.atLinks) return `${packets} at links`;
    const parts = causes.map((cause, i) => [dropped[bin * causes.length + i], cause]).filter(([n]) => n > 0);
    if (parts.length === 0) return packets;
    if (parts.length === 1) return `${packets} (${parts[0][1]})`;
    return `${packets}: ${parts.map(([n, cause]) => `${whole(n)} ${cause}`).join(", ")}`;
  }
}

function atLinks({ first, dropped, nBins }) {
  const lost = new Float64Array(nBins);
  for (let bin = 0; bin < nBins; bin++) {
    for (let i = 2 * first[bin]; i < 2 * first[bin + 1]; i++) lost[bin] += dropped[i];
  }
  return lost;
}
