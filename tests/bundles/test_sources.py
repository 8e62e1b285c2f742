"""When bundles are made."""

import numpy as np

from lasermesh.bundles.sources import bundles_of, creation_times
from lasermesh.scenario.bundles import BundleFlow
from tests.bundles.fake_links import World, flow, ps

CONTACT = [(0, 1, 0, 1000, 0.25)]


def test_bundles_are_made_at_even_times_before_the_end():
    assert creation_times(flow(0, 1), 0, ps(10)).tolist() == [0]
    assert creation_times(flow(0, 1, start_s=10.0), 0, ps(10)).tolist() == []
    one = flow(0, 1, start_s=1.0, every_s=3.0)
    assert creation_times(one, 0, ps(10)).tolist() == [ps(1), ps(4), ps(7)]
    assert creation_times(one, 0, ps(10) + 1).tolist() == [ps(1), ps(4), ps(7), ps(10)]
    assert creation_times(flow(0, 1, every_s=3.0, count=2), 0, ps(10)).tolist() == [0, ps(3)]
    assert creation_times(flow(0, 1, every_s=3.0, stop_s=3.0), 0, ps(10)).tolist() == [0]


def test_random_gaps_are_exponential_and_depend_on_the_seed_and_the_name_alone():
    one = flow(0, 1, every_s=0.5, arrivals="random", start_s=2.0)
    times_ps = creation_times(one, 7, ps(1000))
    gaps_s = np.diff(times_ps, prepend=ps(2)) / 1e12
    assert abs(gaps_s.mean() - 0.5) < 5 * 0.5 / len(gaps_s) ** 0.5
    assert abs((gaps_s > 0.5).mean() - np.exp(-1)) < 0.05
    assert times_ps[-1] < ps(1000)
    assert (creation_times(one, 8, ps(1000))[:5] != times_ps[:5]).all()
    fewer = flow(0, 1, every_s=0.5, arrivals="random", start_s=2.0, count=5)
    assert creation_times(fewer, 7, ps(1000)).tolist() == times_ps[:5].tolist()
    other = BundleFlow("g", *[getattr(one, name) for name in list(one.__dataclass_fields__)[1:]])
    assert (creation_times(other, 7, ps(1000))[:5] != times_ps[:5]).all()


def test_bundles_are_numbered_by_instant_then_flow_then_as_listed():
    made = [(2, 100, 1, None), (2, 200, 2, 5.0), (3, 300, 0, None), (2000, 400, 0, None)]
    flows = [
        flow(0, 1, n_bytes=50, every_s=1.0, count=4, priority="bulk", lifetime_s=9.0),
        flow(0, 1, made=made),
    ]
    bundles = bundles_of(World(CONTACT, flows).experiment)
    assert bundles.created_ps.tolist() == [ps(time_s) for time_s in (0, 1, 2, 2, 2, 3, 3)]
    assert bundles.flow.tolist() == [0, 0, 0, 1, 1, 0, 1]
    assert bundles.n_bytes.tolist() == [50, 50, 50, 100, 200, 50, 300]
    assert bundles.priority.tolist() == [0, 0, 0, 1, 2, 0, 0]
    assert bundles.lifetime_ps.tolist()[2:5] == [ps(9), 2**63 - 1, ps(5)]
