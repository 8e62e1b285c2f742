"""Flows as columns: from rows, and from an experiment with its scale and its phases."""

import numpy as np
import pytest

from lasermesh.errors import UserError
from lasermesh.scenario import load_experiment
from lasermesh.traffic.flows import UNTIL_THE_END_PS, flows_from_rows, flows_of_experiment
from lasermesh.traffic.kinds import CONSTANT, POISSON, SCRIPT
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
