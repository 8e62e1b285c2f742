"""`bench/studies.py`: what it calls a deviation, and when it fails."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture
def studies():
    spec = importlib.util.spec_from_file_location(
        "studies", Path(__file__).parents[1] / "bench" / "studies.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("ours", "more", "verdict"),
    [
        (104.0, {}, "within 5%"),
        (106.0, {}, "DIFFERS"),
        (106.0, {"alike": 104.0}, "within 5%, simplified"),
        (106.0, {"spread": (99.0, 110.0)}, "among ours"),
        (106.0, {"known": "why"}, "differs (known: why)"),
        (104.0, {"known": "why"}, "within 5%"),
        (106.0, {"points": 7.0}, "within 7 points"),
        (104.0, {"points": 3.0}, "DIFFERS"),
        (106.0, {"judged": False}, "not judged"),
        (149.0, {"digits": -2}, "within 5%"),  # the reference is rounded to hundreds
    ],
)
def test_a_figure_beside_100_is_judged_by_share_points_or_what_else_is_known(studies, ours, more, verdict):
    assert studies.Row("x", ours, 100.0, 0.05, **more).verdict() == verdict


@pytest.mark.parametrize(("ours", "code"), [(104.0, 0), (106.0, 1)])
def test_only_what_is_not_known_to_differ_fails(studies, monkeypatch, capsys, ours, code):
    def figures():
        """Two of them."""
        yield studies.Row("one", ours, 100.0, 0.05)
        yield studies.Row("other", 110.0, 100.0, 0.05, known="why")

    def slow():
        """Never run."""
        raise AssertionError

    monkeypatch.setattr(studies, "STUDIES", {"figures": figures, "slow": slow})
    monkeypatch.setattr(studies, "LARGE", {"slow"})
    monkeypatch.setattr(sys, "argv", ["studies.py"])
    assert studies.main() == code
    *_, total, left_out = capsys.readouterr().out.splitlines()
    assert total == f"1 studies; figures that differ: {code}; that are known to differ: 1"
    assert left_out == "left out, for they take minutes (--large): slow"
