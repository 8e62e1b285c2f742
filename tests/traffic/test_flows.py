"""Flows as columns: from rows, and from an experiment with its scale and its phases."""

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.scenario import load_experiment
from lasermesh.traffic.flows import UNTIL_THE_END_PS, flows_from_rows, flows_of_experiment
from lasermesh.traffic.kinds import (
    ACK,
    BULK,
    CONSTANT,
    ON_OFF,
    POISSON,
    REPLY,
    SCRIPT,
    SERVICE_CONSTANT,
    SERVICE_EXPONENTIAL,
)
from lasermesh.units import PS_PER_S
from tests.reference.packet_simulator import draw, unit

PHASE = 3
ROW = {
    "source": 0,
    "destination": 1,
    "kind": "constant",
    "rate_bps": 10**9,
    "sizes": ((1500, 1),),
    "start_ps": 0,
    "stop_ps": UNTIL_THE_END_PS,
    "phase_ps": 0,
    "hop_limit": 64,
    "traffic_class": 0,
}


# --------------------------------------------------------------------------------------------- from rows


def test_row_of_every_kind_becomes_a_row_of_columns():
    rows = [
        ROW,
        ROW | {"kind": "poisson", "sizes": ((40, 7), (576, 4), (1500, 1)), "source": 5, "destination": 2},
        ROW | {"kind": "script", "script": ((10, 100), (20, 200)), "rate_bps": 0, "hop_limit": 9},
        ROW | {"sizes": ((64, 3),), "start_ps": 7, "stop_ps": 8, "phase_ps": 9, "traffic_class": 2},
    ]
    flows = flows_from_rows(rows)
    assert flows.n_flows == 4
    assert flows.source.tolist() == [0, 5, 0, 0]
    assert flows.destination.tolist() == [1, 2, 1, 1]
    assert flows.kind.tolist() == [CONSTANT, POISSON, SCRIPT, CONSTANT]
    assert flows.rate_bps.tolist() == [10**9, 10**9, 0, 10**9]
    assert flows.hop_limit.tolist() == [64, 64, 9, 64]
    assert (flows.start_ps[3], flows.stop_ps[3], flows.phase_ps[3], flows.traffic_class[3]) == (7, 8, 9, 2)
    assert flows.size_first.tolist() == [0, 1, 4, 6, 7]
    assert flows.size_bytes.tolist() == [1500, 40, 576, 1500, 100, 200, 64]
    assert flows.size_weight.tolist() == [1, 7, 4, 1, 1, 1, 3]
    assert flows.size_time_ps.tolist() == [0, 0, 0, 0, 10, 20, 0]
    assert flows.source.dtype == np.int32
    assert all(
        getattr(flows, name).dtype == np.int64
        for name in ("kind", "rate_bps", "start_ps", "stop_ps", "size_bytes")
    )


def test_mean_size_is_weighted():
    rows = [ROW | {"sizes": ((40, 7), (576, 4), (1500, 1))}, ROW]
    assert flows_from_rows(rows).mean_size_bytes().tolist() == [(40 * 7 + 576 * 4 + 1500) / 12, 1500.0]


def test_no_rows_are_no_flows():
    flows = flows_from_rows([])
    assert flows.n_flows == 0
    assert flows.size_first.tolist() == [0]
    assert len(flows.size_bytes) == 0


def test_columns_that_a_row_leaves_out_have_their_defaults():
    flows = flows_from_rows([ROW, ROW | {"ecn": 1, "train": 8, "on_ps": 0.5, "reply": 3, "window": 7}])
    assert (flows.ecn.tolist(), flows.train.tolist(), flows.traced.tolist()) == ([0, 1], [1, 8], [0, 0])
    assert (flows.on_ps.tolist(), flows.off_ps.tolist()) == ([0.0, 0.5], [0.0, 0.0])
    assert (flows.reply.tolist(), flows.pool.tolist(), flows.window.tolist()) == ([-1, 3], [-1, -1], [0, 7])
    assert flows.on_ps.dtype == np.float64 and flows.reply.dtype == np.int64
    assert len(flows.pools.node) == 0


def test_a_script_may_be_an_array():
    script = np.array([[10, 100], [20, 200]])
    flows = flows_from_rows([ROW | {"kind": "script", "script": script}, ROW])
    assert flows.size_time_ps.tolist() == [10, 20, 0]
    assert flows.size_bytes.tolist() == [100, 200, 1500]


def test_pools_become_columns():
    pool = {"node": 4, "servers": 2, "service_kind": 1, "service_ps": 2.5, "queue_requests": 9}
    pools = flows_from_rows([ROW], [pool, pool | {"node": 5}]).pools
    assert (pools.node.tolist(), pools.servers.tolist()) == ([4, 5], [2, 2])
    assert (pools.service_kind.tolist(), pools.service_ps.tolist()) == ([1, 1], [2.5, 2.5])
    assert pools.queue_requests.tolist() == [9, 9]
    assert pools.service_ps.dtype == np.float64


# -------------------------------------------------------------------------------------- of an experiment

TOPOLOGY = """
    [[satellites]]
    name = "s"
    fixed = ["a", "b", "c"]
    [[links]]
    rule = "plan"
    plan = "plan.csv"
"""
EXPERIMENT = """
    topology = "t.toml"
    duration_s = 10.0
    seed = 77
    [packets]
    scale = {scale}
    hop_limit = 12
    [[flows]]
    name = "many"
    kind = "constant"
    pairs = [["a", "b"], ["b", "c"], ["c", "a"]]
    rate_gbps = 0.3
    packet_bytes = 1250
    [[flows]]
    name = "given"
    kind = "constant"
    from = "a"
    to = "c"
    rate_gbps = 1.0
    packet_bytes = 1500
    start_s = 2.0
    stop_s = 8.5
    phase_s = 0.25
    [[flows]]
    name = "random"
    kind = "poisson"
    from = "c"
    to = "b"
    rate_gbps = 2.0
    packet_mix = [[40, 7], [1500, 1]]
"""


@pytest.fixture
def load(tmp_path):
    def loaded(scale=1.0, sets=()):
        (tmp_path / "plan.csv").write_text(
            "from,to,start_s,stop_s,rate_bps,owlt_s\na,b,0,10,1000000000,0.1\n"
        )
        (tmp_path / "t.toml").write_text(TOPOLOGY)
        (tmp_path / "e.toml").write_text(EXPERIMENT.format(scale=scale))
        return load_experiment(str(tmp_path / "e.toml"), sets=sets)

    return loaded


def test_experiment_becomes_one_row_per_pair_in_the_order_of_the_file(load):
    flows = flows_of_experiment(load())
    assert list(zip(flows.source.tolist(), flows.destination.tolist(), strict=True)) == [
        (0, 1),
        (1, 2),
        (2, 0),
        (0, 2),
        (2, 1),
    ]
    assert flows.kind.tolist() == [CONSTANT] * 4 + [POISSON]
    assert flows.rate_bps.tolist() == [300_000_000] * 3 + [10**9, 2 * 10**9]
    assert flows.hop_limit.tolist() == [12] * 5
    assert flows.size_bytes.tolist() == [1250] * 3 + [1500, 40, 1500]
    assert flows.size_weight[-2:].tolist() == [7, 1]
    assert flows.start_ps.tolist() == [0, 0, 0, 2 * PS_PER_S, 0]
    assert flows.stop_ps[3] == 8_500_000_000_000
    assert (flows.stop_ps[[0, 1, 2, 4]] >= 10 * PS_PER_S).all()


def test_phase_is_drawn_within_the_first_packet_interval(load):
    flows = flows_of_experiment(load())
    interval_ps = 1250 * 8 * PS_PER_S / 300_000_000
    drawn = flows.phase_ps[:3].tolist()
    assert drawn == [int(unit(draw(77, PHASE, row, 0)) * interval_ps) for row in range(3)]
    assert len(set(drawn)) == 3 and all(0 <= phase < interval_ps for phase in drawn)


def test_phase_that_the_file_gives_is_taken_and_poisson_needs_none(load):
    flows = flows_of_experiment(load())
    assert flows.phase_ps[3] == 250_000_000_000
    assert flows.phase_ps[4] == 0


def test_phases_depend_on_the_seed_alone(load):
    first, again, other = (
        flows_of_experiment(load(sets=sets)).phase_ps[:3].tolist() for sets in ((), (), ("seed=78",))
    )
    assert first == again != other


def test_scale_multiplies_rates_and_stretches_the_interval_in_which_phases_are_drawn(load):
    plain, scaled = flows_of_experiment(load()), flows_of_experiment(load(scale=0.01))
    assert scaled.rate_bps.tolist() == [3_000_000] * 3 + [10**7, 2 * 10**7]
    assert np.allclose(scaled.phase_ps[:3], 100 * plain.phase_ps[:3], rtol=1e-4)
    assert scaled.phase_ps[3:].tolist() == plain.phase_ps[3:].tolist()
    assert scaled.size_bytes.tolist() == plain.size_bytes.tolist()


@pytest.mark.parametrize(("scale", "rate_gbps"), [(1e-6, 1e-5), (1e6, 1e3)])
def test_scale_that_leaves_no_usable_rate_is_refused(load, scale, rate_gbps):
    with pytest.raises(UserError, match=r"packets\.scale = .* rates must be 1e-06 to 1e\+06 Gbps"):
        flows_of_experiment(load(scale=scale, sets=(f"flows.many.rate_gbps={rate_gbps}",)))


# ------------------------------------------------------------------------------- kinds of an experiment

KINDS = """
    topology = "t.toml"
    duration_s = 10.0
    seed = 77
    {top}
    [[flows]]
    name = "bursts"
    kind = "on-off"
    from = "a"
    to = "b"
    rate_gbps = 1.0
    on_s = 0.25
    off_s = 1.5
    ecn = true
    [[flows]]
    name = "file"
    kind = "bulk"
    pairs = [["a", "b"], ["c", "b"]]
    rate_gbps = 2.0
    total_bytes = 1_000_000
    packet_bytes = 9000
    window_packets = 50
    timeout_min_s = 0.02
    timeout_first_s = 0.5
    ack_bytes = 40
    class = 3
    ecn = true
    stop_s = 5.0
    [[flows]]
    name = "web"
    kind = "request"
    pairs = [["a", "b"], ["c", "b"], ["a", "c"]]
    requests_per_s = 1000.0
    packet_bytes = 250
    response_bytes = 20_000
    response_packet_bytes = 1400
    service_s = 0.002
    servers = 3
    queue_requests = 5
    class = 6
    [[flows]]
    name = "other"
    kind = "request"
    from = "a"
    to = "b"
    requests_per_s = 10.0
    response_bytes = 100
    service_s = 0
    service = "constant"
    [[flows]]
    name = "replay"
    kind = "trace"
    from = "c"
    to = "a"
    trace = "trace.csv"
    start_s = 2.0
    stop_s = 9.0
    [[flows]]
    name = "even"
    from = "c"
    to = "a"
    rate_gbps = 1.0
    [[flows]]
    name = "mixed"
    from = "c"
    to = "a"
    rate_gbps = 1.0
    packet_mix = "imix"
    [observe]
    trace_flows = ["web/a>c", "replay"]
"""
NAMES = [
    *("bursts", "file/a>b", "file/a>b/ack", "file/c>b", "file/c>b/ack"),
    *("web/a>b", "web/a>b/reply", "web/c>b", "web/c>b/reply", "web/a>c", "web/a>c/reply"),
    *("other", "other/reply", "replay", "even", "mixed"),
]


@pytest.fixture
def kinds(tmp_path):
    def loaded(top=""):
        (tmp_path / "plan.csv").write_text(
            "from,to,start_s,stop_s,rate_bps,owlt_s\na,b,0,10,1000000000,0.1\n"
        )
        (tmp_path / "t.toml").write_text(TOPOLOGY)
        (tmp_path / "trace.csv").write_text("time_s,size_bytes\n100,40\n100.5,1500\n")
        (tmp_path / "k.toml").write_text(KINDS.format(top=top))
        experiment = load_experiment(str(tmp_path / "k.toml"))
        assert [flow.name for flow in experiment.expanded_flows] == NAMES
        return flows_of_experiment(experiment)

    return loaded


def test_every_kind_becomes_one_that_the_engine_knows(kinds):
    flows = kinds()
    assert flows.kind.tolist() == [
        *(ON_OFF, BULK, ACK, BULK, ACK),
        *(POISSON, REPLY, POISSON, REPLY, POISSON, REPLY),
        *(POISSON, REPLY, SCRIPT, CONSTANT, CONSTANT),
    ]
    assert flows.hop_limit.tolist() == [64] * 16


def test_rates_are_those_of_the_file_and_requests_have_that_of_their_packets(kinds):
    flows = kinds()
    assert flows.rate_bps[[0, 1, 14]].tolist() == [10**9, 2 * 10**9, 10**9]
    assert flows.rate_bps[5] == 1000 * 250 * 8
    assert flows.rate_bps[[2, 6, 13]].tolist() == [0, 0, 0]


def test_on_off_flows_have_their_mean_times_and_a_phase(kinds):
    flows = kinds()
    assert (flows.on_ps[0], flows.off_ps[0]) == (0.25e12, 1.5e12)
    assert flows.on_ps[1:].tolist() == flows.off_ps[1:].tolist() == [0.0] * 15
    assert flows.phase_ps[0] == int(unit(draw(77, PHASE, 0, 0)) * (1500 * 8 * PS_PER_S / 10**9))
    assert flows.phase_ps[[1, 2, 5, 6, 13]].tolist() == [0] * 5


def test_bulk_flows_lead_to_their_acknowledgements(kinds):
    flows = kinds()
    assert flows.reply[[1, 3]].tolist() == [2, 4]
    assert flows.pool[1] == -1
    assert (flows.total_bytes[1], flows.window[1], flows.reply_bytes[1]) == (1_000_000, 50, 40)
    assert (flows.timeout_min_ps[1], flows.timeout_first_ps[1]) == (2 * 10**10, 5 * 10**11)
    assert (flows.source[2], flows.destination[2], flows.reply[2]) == (1, 0, -1)
    assert flows.size_bytes[flows.size_first[[1, 2]]].tolist() == [9000, 40]


def test_requests_of_one_table_to_one_destination_share_a_pool(kinds):
    flows = kinds()
    assert flows.reply[[5, 7, 9, 11]].tolist() == [6, 8, 10, 12]
    assert flows.pool[[5, 7, 9, 11]].tolist() == [0, 0, 1, 2]
    assert (flows.reply_bytes[5], flows.reply_packet_bytes[5]) == (20_000, 1400)
    pools = flows.pools
    assert (pools.node.tolist(), pools.servers.tolist()) == ([1, 2, 1], [3, 3, 1])
    assert pools.service_kind.tolist() == [SERVICE_EXPONENTIAL, SERVICE_EXPONENTIAL, SERVICE_CONSTANT]
    assert pools.service_ps.tolist() == [2e9, 2e9, 1.0]  # 1 ps at least
    assert pools.queue_requests.tolist() == [5, 5, 10_000]


def test_what_comes_back_has_the_class_of_its_flow_no_marks_and_no_end(kinds):
    flows = kinds()
    assert flows.traffic_class[[1, 2, 5, 6]].tolist() == [3, 3, 6, 6]
    assert flows.ecn[:5].tolist() == [1, 1, 0, 1, 0]
    assert flows.stop_ps[[1, 2]].tolist() == [5 * PS_PER_S, UNTIL_THE_END_PS]
    assert flows.start_ps[[2, 6]].tolist() == [0, 0]
    assert flows.size_bytes[flows.size_first[[6, 12]]].tolist() == [1400, 100]


def test_a_trace_is_a_script_from_its_start(kinds):
    flows = kinds()
    packets = slice(flows.size_first[13], flows.size_first[14])
    assert flows.size_time_ps[packets].tolist() == [2 * 10**12, 25 * 10**11]
    assert flows.size_bytes[packets].tolist() == [40, 1500]
    assert flows.stop_ps[13] == 9 * PS_PER_S


def test_only_constant_flows_of_one_size_make_trains_and_only_where_asked_for(kinds):
    assert kinds().train.tolist() == [1] * 16
    assert kinds('fidelity = "train"').train.tolist() == [1] * 14 + [5, 1]
    assert kinds('fidelity = "train"\n    train_packets = 2').train[14] == 2


@pytest.mark.parametrize(
    ("rate_bps", "size_bytes", "n_packets"),
    [
        (10**9, 1500, 5),
        (7_440_000_000, 1500, 32),
        (7_439_999_999, 1500, 31),
        (10**6, 1500, 1),
        (10**15, 28, 512),
    ],
)
def test_no_train_takes_longer_than_50_us_to_be_made(tmp_path, rate_bps, size_bytes, n_packets):
    (tmp_path / "x.toml").write_text(f"""
        topology = "walker-144"
        duration_s = 1.0
        fidelity = "train"
        train_packets = 512
        [[flows]]
        name = "a"
        from = "Tokyo"
        to = "London"
        rate_gbps = {rate_bps / 1e9!r}
        packet_bytes = {size_bytes}
        """)
    flows = flows_of_experiment(load_experiment(tmp_path / "x.toml"))
    assert flows.rate_bps[0] == rate_bps and flows.train[0] == n_packets
    gap_ps = size_bytes * 8 * PS_PER_S / rate_bps
    assert (n_packets - 1) * gap_ps <= 50e6 and (n_packets * gap_ps > 50e6 or n_packets == 512)


def test_flows_that_are_observed_are_traced(kinds):
    traced = [name for name, each in zip(NAMES, kinds().traced.tolist(), strict=True) if each]
    assert traced == ["web/a>c", "replay"]
