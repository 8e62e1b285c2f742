"""Flows as columns: what the packet engine is told about who sends what to whom."""

from dataclasses import dataclass

import numpy as np

from lasermesh.errors import UserError
from lasermesh.random_kernels import PHASE, draw_unit
from lasermesh.traffic.kinds import KINDS
from lasermesh.units import PS_PER_S, bps_from_gbps, ps_from_s

UNTIL_THE_END_PS = 2**63 - 1

LOWEST_BPS = 1_000
HIGHEST_BPS = 10**15


@dataclass(frozen=True)
class Flows:
    """One row per flow; row i of every array is flow i.

    `size_bytes[size_first[i]:size_first[i + 1]]` are the packet sizes of flow i: those of a mix with their
    `size_weight`, or, for a script, those of its packets with their `size_time_ps`.
    """

    source: np.ndarray  # int32 (n_flows,)  node row
    destination: np.ndarray  # int32 (n_flows,)
    kind: np.ndarray  # int64 (n_flows,)  CONSTANT, POISSON or SCRIPT
    rate_bps: np.ndarray  # int64 (n_flows,)  of whole IP packets; 0 for scripts
    start_ps: np.ndarray  # int64 (n_flows,)
    stop_ps: np.ndarray  # int64 (n_flows,)  exclusive
    phase_ps: np.ndarray  # int64 (n_flows,)
    hop_limit: np.ndarray  # int64 (n_flows,)
    traffic_class: np.ndarray  # int64 (n_flows,)
    size_first: np.ndarray  # int64 (n_flows + 1,)
    size_bytes: np.ndarray  # int64
    size_weight: np.ndarray  # int64
    size_time_ps: np.ndarray  # int64

    @property
    def n_flows(self):
        """Number of flows."""
        return len(self.source)

    def mean_size_bytes(self):
        """Mean packet size of each flow: float64 array, shape (n_flows,)."""
        weighted = np.add.reduceat(self.size_bytes * self.size_weight, self.size_first[:-1])
        return weighted / np.add.reduceat(self.size_weight, self.size_first[:-1])


def flows_from_rows(rows):
    """Flows from dictionaries with the columns of `Flows`, sizes given as `sizes` ((bytes, weight), ...)
    or, for scripts, `script` ((time_ps, bytes), ...).
    """
    sizes = [row["script"] if row["kind"] == "script" else row["sizes"] for row in rows]
    scripted = [row["kind"] == "script" for row in rows]
    first = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(entry) for entry in sizes], out=first[1:])

    def column(name, dtype=np.int64):
        return np.array([row[name] for row in rows], dtype)

    def flattened(pick_script, pick_mix):
        values = [
            pick_script(pair) if script else pick_mix(pair)
            for entry, script in zip(sizes, scripted, strict=True)
            for pair in entry
        ]
        return np.array(values, np.int64)

    return Flows(
        source=column("source", np.int32),
        destination=column("destination", np.int32),
        kind=np.array([KINDS[row["kind"]] for row in rows], np.int64),
        rate_bps=column("rate_bps"),
        start_ps=column("start_ps"),
        stop_ps=column("stop_ps"),
        phase_ps=column("phase_ps"),
        hop_limit=column("hop_limit"),
        traffic_class=column("traffic_class"),
        size_first=first,
        size_bytes=flattened(lambda pair: pair[1], lambda pair: pair[0]),
        size_weight=flattened(lambda pair: 1, lambda pair: pair[1]),
        size_time_ps=flattened(lambda pair: pair[0], lambda pair: 0),
    )


def scaled_rates_bps(rates_bps, scale):
    """Rates times `packets.scale` in whole bit/s: int64 array.

    Raises
    ------
    UserError
        If one would be below 1 kbit/s or above 10**15 bit/s.
    """
    scaled = np.asarray(rates_bps, np.float64) * scale
    for rate in (scaled.min(initial=LOWEST_BPS), scaled.max(initial=LOWEST_BPS)):
        if not LOWEST_BPS <= rate <= HIGHEST_BPS:
            raise UserError(
                f"packets.scale = {scale:g} makes a rate of {rate / 1e9:g} Gbps; "
                "rates must be 1e-06 to 1e+06 Gbps"
            )
    return np.rint(scaled).astype(np.int64)


def flows_of_experiment(experiment):
    """The flows of an experiment, rates scaled by `packets.scale`, phases drawn where the file gives none.

    A constant-rate flow without `phase_s` starts at a random instant within its first packet interval, so
    that flows of one rate do not march in step.
    """
    rows = []
    for row, flow in enumerate(experiment.expanded_flows):
        rate_bps = int(scaled_rates_bps([bps_from_gbps(flow.rate_gbps)], experiment.packets.scale)[0])
        if flow.phase_s is not None:
            phase_ps = ps_from_s(flow.phase_s)
        elif flow.kind == "constant":
            interval_ps = flow.packet_mix[0][0] * 8 * PS_PER_S / rate_bps
            phase_ps = int(draw_unit(experiment.seed, PHASE, row, 0) * interval_ps)
        else:
            phase_ps = 0
        stop_ps = UNTIL_THE_END_PS if flow.stop_s is None else ps_from_s(flow.stop_s)
        rows.append(
            {
                "source": flow.from_row,
                "destination": flow.to_row,
                "kind": flow.kind,
                "rate_bps": rate_bps,
                "sizes": flow.packet_mix,
                "start_ps": ps_from_s(flow.start_s),
                "stop_ps": stop_ps,
                "phase_ps": phase_ps,
                "hop_limit": experiment.packets.hop_limit,
                "traffic_class": flow.class_,
            }
        )
    return flows_from_rows(rows)
