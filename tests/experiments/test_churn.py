"""Churn by pencil."""

import pytest

from lasermesh.experiments.churn import churn_of, stays_of


def sample(t_s, path, rtt_ms=None):
    return {"t_s": t_s, "nodes": list(path), "reachable": bool(path), "rtt_ms": rtt_ms}


# A and Z are sites. From 0 over b and c, from 20 over b and d, from 30 not at all, from 40 over e alone.
SAMPLES = [
    sample(0.0, "AbcZ", 10.0),
    sample(10.0, "AbcZ", 11.0),
    sample(20.0, "AbdZ", 14.0),
    sample(30.0, ""),
    sample(40.0, "AeZ", 20.0),
    sample(50.0, "AbdZ", 15.0),
]


def test_churn_by_pencil():
    churn = churn_of(stays_of(SAMPLES, 10.0), (True, True), 50.0, exact=False)
    assert churn == {
        "exact": False,
        "changes": 4,
        "changes_per_h": pytest.approx(288.0),
        # Of A-b-d-Z from 20 to 30 and A-e-Z from 40 to 50 both ends were seen; none is no path.
        "path_lifetime_s": {"mean": 10.0, "median": 10.0, "min": 10.0, "max": 10.0},
        "rtt_ms": {"min": 10.0, "mean": 14.0, "max": 20.0},
        "rtt_ratio_max_min": 2.0,
        "handovers": 1 + 2,  # at Z from c to d; at A from e to b and at Z from e to d
        "hop_changes": 1,
        # A-b stays of five links of both paths; then no link is the same.
        "links_changed_mean": pytest.approx((4.0 / 5.0 + 1.0) / 2.0),
    }


def test_hand_overs_are_counted_at_ground_sites_alone():
    stays = stays_of(SAMPLES, 10.0)
    assert churn_of(stays, (True, False), 50.0, exact=False)["handovers"] == 1
    assert churn_of(stays, (False, True), 50.0, exact=False)["handovers"] == 2
    assert churn_of(stays, (False, False), 50.0, exact=False)["handovers"] is None


def test_one_sample_says_nothing_of_churn():
    churn = churn_of(stays_of(SAMPLES[:1], 10.0), (True, True), 0.0, exact=False)
    assert churn["changes"] == 0 and churn["changes_per_h"] is churn["path_lifetime_s"]["mean"] is None
    assert churn["links_changed_mean"] is None and churn["rtt_ratio_max_min"] == 1.0
    nothing = churn_of(stays_of([sample(0.0, "")], 10.0), (True, True), 0.0, exact=False)
    assert nothing["rtt_ms"] == {"min": None, "mean": None, "max": None}
