"""The line on stderr that says how a live run goes."""

import shutil
import time

from lasermesh.cli.progress import ProgressLine


class StatusLine(ProgressLine):
    """A line on stderr that says how a live run goes, from its first moments on; or none if `quiet`."""

    def __call__(self, status):
        """Tell of a `LiveStatus`, if it is time to."""
        now = time.monotonic()
        if self._quiet or (not self._terminal and now < self._next_s):
            return
        self._next_s = now + self._every_s
        width = shutil.get_terminal_size().columns - 1 if self._terminal else None
        self._show(status_text(status, width), width or 0)


def status_text(status, width=None):
    """A `LiveStatus` in one line, not longer than `width`: of paths as many as there is room for."""
    dropped = sum(status.dropped.values())
    causes = ", ".join(
        f"{n:,} {cause}" for cause, n in sorted(status.dropped.items(), key=lambda item: -item[1])
    )
    text = "  ".join(
        [
            f"{status.simulated_s:.0f} s {status.verdict}",
            f"{status.packets_in_per_s:,.0f} packets/s in, {status.packets_out_per_s:,.0f} out",
            rate_text(status.bits_out_per_s),
            f"dropped {dropped:,} ({causes})" if dropped else "dropped 0",
            f"late p50 {status.late_p50_ms:.2f} ms, p99 {status.late_p99_ms:.2f} ms",
        ]
    )
    for k, path in enumerate(status.paths):
        longer = f"{text}  {path_text(path)}"
        left = status.n_paths - k - 1
        if width is not None and len(longer) + (len(_more(left)) if left else 0) > width:
            return (text + _more(left + 1))[:width]
        text = longer
    left = status.n_paths - len(status.paths)
    return (text + (_more(left) if left else ""))[:width]


def _more(n):
    return f"  +{n:,} paths" if n > 1 else "  +1 path"


def rate_text(bits_per_s):
    """A rate in the unit that fits: `9.80 Mbit/s`."""
    for unit, factor in (("Gbit/s", 1e9), ("Mbit/s", 1e6)):
        if bits_per_s >= factor:
            return f"{bits_per_s / factor:.2f} {unit}"
    return f"{bits_per_s / 1e3:.1f} kbit/s"


def path_text(path):
    """A `PathInUse`, as `Tokyo>London 12 hops 84.2 ms`."""
    ends = f"{path.from_name}>{path.to_name}"
    return f"{ends} no path" if path.hops is None else f"{ends} {path.hops} hops {path.delay_ms:.1f} ms"
