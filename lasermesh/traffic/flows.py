"""Flows as columns: what the packet engine is told about who sends what to whom."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.random_kernels import PHASE, draw_unit
from lasermesh.traffic.kinds import KINDS, OUTSIDE, SERVICES
from lasermesh.units import NONE, PS_PER_S, PS_PER_US, bps_from_gbps, ps_from_s

UNTIL_THE_END_PS = 2**63 - 1

LONGEST_TRAIN_PS = 50 * PS_PER_US
"""Most time between the first and the last packet of a train, where they are made.

A link is taken from a train's head to its tail, and others may wait for as long at each link of their way.
On walker-144 with 200 flows of 0.3 to 1.5 Gbit/s in trains of 32 the worst flow was late by 10 % in its mean
and by 19 % at most, with 100 us by 0.4 and 1.2 %, with 50 us by 0.3 and 0.6 %, packets of the whole run by
0.04 %, at 98, 57 and 43 million packet-hops per second, 22 without trains.
"""

LOWEST_BPS = 1_000
HIGHEST_BPS = 10**15

_ABSENT = {
    "ecn": 0,
    "train": 1,
    "traced": 0,
    "watched": 0,
    "direct": 0,
    "on_ps": 0.0,
    "off_ps": 0.0,
    "total_bytes": 0,
    "window": 0,
    "timeout_min_ps": 0,
    "timeout_first_ps": 0,
    "reply": NONE,
    "pool": NONE,
    "reply_bytes": 0,
    "reply_packet_bytes": 0,
}
"""Columns of which a row may say nothing, and what they are then."""

_FLOAT_COLUMNS = ("on_ps", "off_ps")


class Pools(NamedTuple):
    """Servers that answer requests, and the queue before them; row i of every array is pool i."""

    node: np.ndarray  # int64 (n_pools,)  where they stand
    servers: np.ndarray  # int64 (n_pools,)
    service_kind: np.ndarray  # int64 (n_pools,)  SERVICE_CONSTANT or SERVICE_EXPONENTIAL
    service_ps: np.ndarray  # float64 (n_pools,)  mean
    queue_requests: np.ndarray  # int64 (n_pools,)  most that wait


def pools_from_rows(rows):
    """Pools from dictionaries with the columns of `Pools`."""
    return Pools(
        node=np.array([row["node"] for row in rows], np.int64),
        servers=np.array([row["servers"] for row in rows], np.int64),
        service_kind=np.array([row["service_kind"] for row in rows], np.int64),
        service_ps=np.array([row["service_ps"] for row in rows], np.float64),
        queue_requests=np.array([row["queue_requests"] for row in rows], np.int64),
    )


@dataclass(frozen=True)
class Flows:
    """One row per flow; row i of every array is flow i. Direct flows come behind all others.

    A direct one is a script and has a link of its own, or is from outside and has a label of its own.

    `size_bytes[size_first[i]:size_first[i + 1]]` are the packet sizes of flow i: those of a mix with their
    `size_weight`, or, for a script, those of its packets with their `size_time_ps`.
    """

    source: np.ndarray  # int32 (n_flows,)  node row
    destination: np.ndarray  # int32 (n_flows,)
    kind: np.ndarray  # int64 (n_flows,)  one of `kinds.KINDS`
    rate_bps: np.ndarray  # int64 (n_flows,)  of whole IP packets; 0 for scripts, acknowledgements and replies
    start_ps: np.ndarray  # int64 (n_flows,)
    stop_ps: np.ndarray  # int64 (n_flows,)  exclusive
    phase_ps: np.ndarray  # int64 (n_flows,)
    hop_limit: np.ndarray  # int64 (n_flows,)
    traffic_class: np.ndarray  # int64 (n_flows,)
    ecn: np.ndarray  # int64 (n_flows,)  1: packets may be marked
    train: np.ndarray  # int64 (n_flows,)  packets that travel as one entry; 1: each for itself
    traced: np.ndarray  # int64 (n_flows,)  1: what happens to each packet is recorded
    watched: np.ndarray  # int64 (n_flows,)  1: where each packet ends is recorded
    direct: np.ndarray  # int64 (n_flows,)  1: over one link to the destination, or by a label of its own
    on_ps: np.ndarray  # float64 (n_flows,)  mean, of on/off flows
    off_ps: np.ndarray  # float64 (n_flows,)
    total_bytes: np.ndarray  # int64 (n_flows,)  of bulk flows
    window: np.ndarray  # int64 (n_flows,)  segments
    timeout_min_ps: np.ndarray  # int64 (n_flows,)
    timeout_first_ps: np.ndarray  # int64 (n_flows,)
    reply: np.ndarray  # int64 (n_flows,)  row of the flow of replies or acknowledgements, NONE
    pool: np.ndarray  # int64 (n_flows,)  row of the pool that serves these requests, NONE
    reply_bytes: np.ndarray  # int64 (n_flows,)  of a reply, or of an acknowledgement
    reply_packet_bytes: np.ndarray  # int64 (n_flows,)  largest packet of a reply
    size_first: np.ndarray  # int64 (n_flows + 1,)
    size_bytes: np.ndarray  # int64
    size_weight: np.ndarray  # int64
    size_time_ps: np.ndarray  # int64
    pools: Pools = field(default_factory=lambda: pools_from_rows(()))

    @property
    def n_flows(self):
        """Number of flows."""
        return len(self.source)

    @property
    def n_routed(self):
        """Number of flows that go by tables, which come before those that are direct."""
        return self.n_flows - int(self.direct.sum())

    def first(self, n_flows) -> "Flows":
        """The first rows alone."""
        mine = {
            name: getattr(self, name)[:n_flows]
            for name in self.__dataclass_fields__
            if name not in ("pools", "size_first", "size_bytes", "size_weight", "size_time_ps")
        }
        return replace(self, size_first=self.size_first[: n_flows + 1], **mine)

    def with_outside(self, source, destination, *, hop_limit, direct=0) -> "Flows":
        """These flows, and behind them such as others put packets into, which are watched.

        Parameters
        ----------
        source, destination : int arrays, shape (n,)
            Of each; where its packets enter is said of every packet.
        hop_limit : int
        direct : int
            1: they go by labels of their own (see `PacketEngine.set_label`).
        """
        n = len(source)
        columns = {name: np.full(n, absent) for name, absent in _ABSENT.items()}
        columns |= {
            "source": np.asarray(source, np.int32),
            "destination": np.asarray(destination, np.int32),
            "kind": np.full(n, OUTSIDE),
            "stop_ps": np.full(n, UNTIL_THE_END_PS),
            "hop_limit": np.full(n, hop_limit),
            "watched": np.ones(n, np.int64),
            "direct": np.full(n, direct),
            "size_first": np.full(n, self.size_first[-1]),
            **{name: np.zeros(n, np.int64) for name in ("rate_bps", "start_ps", "phase_ps", "traffic_class")},
        }
        return replace(
            self, **{name: np.concatenate([getattr(self, name), more]) for name, more in columns.items()}
        )

    def mean_size_bytes(self):
        """Mean packet size of each flow, 0 for a script without packets: float64 array, shape (n_flows,)."""
        flow = np.repeat(np.arange(self.n_flows), np.diff(self.size_first))
        weighted = np.bincount(flow, self.size_bytes * self.size_weight, self.n_flows)
        return weighted / np.maximum(np.bincount(flow, self.size_weight, self.n_flows), 1)


def flows_from_rows(rows, pools=()):
    """Flows from dictionaries with the columns of `Flows`, the kind as a word.

    Sizes are given as `sizes` ((bytes, weight), ...) or, for scripts, as `script` ((time_ps, bytes), ...), a
    list or an int64 array of shape (n, 2). Columns from `ecn` on may be absent. `pools` are dictionaries with
    the columns of `Pools`.
    """
    sizes = [
        np.asarray(row["script"] if row["kind"] == "script" else row["sizes"], np.int64).reshape(-1, 2)
        for row in rows
    ]
    first = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(entry) for entry in sizes], out=first[1:])
    left, right = np.concatenate([np.empty((0, 2), np.int64), *sizes]).T
    scripted = np.repeat(np.array([row["kind"] == "script" for row in rows], bool), np.diff(first))

    def column(name, dtype=np.int64):
        return np.array([row[name] for row in rows], dtype)

    optional = {
        name: np.array(
            [row.get(name, absent) for row in rows], np.float64 if name in _FLOAT_COLUMNS else np.int64
        )
        for name, absent in _ABSENT.items()
    }
    direct = optional["direct"] != 0
    if (direct[:-1] & ~direct[1:]).any() or any(
        rows[k]["kind"] not in ("script", "outside") for k in np.flatnonzero(direct)
    ):
        raise ValueError("direct flows are scripts or from outside, and come behind all others")
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
        **optional,
        size_first=first,
        size_bytes=np.where(scripted, right, left),
        size_weight=np.where(scripted, 1, right),
        size_time_ps=np.where(scripted, left, 0),
        pools=pools_from_rows(pools),
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


def flows_of_experiment(experiment, channels=(), pairs=()):
    """The flows of an experiment, row by row as its `expanded_flows`, and the pools of its servers.

    Behind them come `channels`, (workload's row, source, destination): scripts that work writes as the run
    goes on, and that are watched for it. Behind these, for bundles, the same that go straight from a node to
    its neighbour, by `pairs` of (from, to).

    Rates are scaled by `packets.scale`, service times and what a trace says are not. A constant or on/off
    flow without `phase_s` starts at a random instant within its first packet interval, so that flows of one
    rate do not march in step.
    """
    rows, pools, pool_of = [], [], {}
    for row, flow in enumerate(experiment.expanded_flows):
        found = _common_columns(flow, experiment)
        if flow.kind in ("reply", "ack"):
            found |= {"kind": flow.kind, "start_ps": 0, "stop_ps": UNTIL_THE_END_PS}
        elif flow.kind == "trace":
            trace = flow.table.trace_packets
            found |= {
                "kind": "script",
                "script": np.stack([trace.time_ps + found["start_ps"], trace.size_bytes], axis=1),
            }
        else:
            found |= _rated_columns(flow, row, experiment)
        if flow.kind == "bulk":
            found |= _bulk_columns(flow.table, row)
        elif flow.kind == "request":
            place = flow.table_index, flow.to_row
            pool_of.setdefault(place, len(pools))
            if pool_of[place] == len(pools):
                pools.append(_pool(flow))
            found |= {
                "kind": "poisson",
                "reply": row + 1,
                "pool": pool_of[place],
                "reply_bytes": flow.table.response_bytes,
                "reply_packet_bytes": flow.table.response_packet_bytes,
            }
        rows.append(found)
    for workload, source, destination in channels:
        class_ = experiment.workloads[workload].class_
        rows.append(_channel_columns(source, destination, class_, experiment))
    # All that goes over a link has one class, that of the most urgent.
    class_ = max((flow.table.class_ for flow in experiment.bundle_flows), default=0)
    rows += [_channel_columns(*pair, class_, experiment) | {"direct": 1} for pair in pairs]
    return flows_from_rows(rows, pools)


def _channel_columns(source, destination, class_, experiment):
    """A script without packets so far."""
    return {
        "source": source,
        "destination": destination,
        "kind": "script",
        "script": (),
        "rate_bps": 0,
        "start_ps": 0,
        "stop_ps": UNTIL_THE_END_PS,
        "phase_ps": 0,
        "hop_limit": experiment.packets.hop_limit,
        "traffic_class": class_,
        "watched": 1,
    }


def _common_columns(flow, experiment):
    """What every kind of flow has."""
    return {
        "source": flow.from_row,
        "destination": flow.to_row,
        "rate_bps": 0,
        "sizes": flow.packet_mix,
        "start_ps": ps_from_s(flow.start_s),
        "stop_ps": UNTIL_THE_END_PS if flow.stop_s is None else ps_from_s(flow.stop_s),
        "phase_ps": 0,
        "hop_limit": experiment.packets.hop_limit,
        "traffic_class": flow.class_,
        # What comes back is not marked: nobody would slow down.
        "ecn": int(flow.table.ecn and flow.kind not in ("reply", "ack")),
        "traced": int(flow.traced),
    }


def _rated_columns(flow, row, experiment):
    """What a flow has whose packets come at a rate: that, and when the first one is sent."""
    rate_bps = int(scaled_rates_bps([bps_from_gbps(flow.rate_gbps)], experiment.packets.scale)[0])
    if flow.phase_s is not None:
        phase_ps = ps_from_s(flow.phase_s)
    elif flow.kind in ("constant", "on-off"):
        interval_ps = flow.packet_mix[0][0] * 8 * PS_PER_S / rate_bps
        phase_ps = int(draw_unit(experiment.seed, PHASE, row, 0) * interval_ps)
    else:
        phase_ps = 0
    found = {"kind": flow.kind, "rate_bps": rate_bps, "phase_ps": phase_ps}
    if flow.kind == "on-off":
        found |= {"on_ps": flow.table.on_s * PS_PER_S, "off_ps": flow.table.off_s * PS_PER_S}
    if experiment.fidelity == "train" and flow.table.makes_trains:
        found["train"] = min(experiment.train_packets, _packets_within(rate_bps, flow.packet_mix[0][0]))
    return found


def _packets_within(rate_bps, size_bytes):
    """How many packets of a constant flow are made from one on within LONGEST_TRAIN_PS."""
    return 1 + LONGEST_TRAIN_PS * rate_bps // (size_bytes * 8 * PS_PER_S)


def _bulk_columns(table, row):
    """What a bulk transfer has besides; the flow of its acknowledgements is in the next row."""
    return {
        "total_bytes": table.total_bytes,
        "window": table.window_packets,
        "timeout_min_ps": ps_from_s(table.timeout_min_s),
        "timeout_first_ps": ps_from_s(table.timeout_first_s),
        "reply": row + 1,
        "reply_bytes": table.ack_bytes,
    }


def _pool(flow):
    """The servers of one `[[flows]]` table at one destination."""
    return {
        "node": flow.to_row,
        "servers": flow.table.servers,
        "service_kind": SERVICES[flow.table.service],
        "service_ps": max(1.0, flow.table.service_s * PS_PER_S),
        "queue_requests": flow.table.queue_requests,
    }
