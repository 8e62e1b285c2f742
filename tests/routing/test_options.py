"""Options of policies: what is declared, filled in, refused, and how policies are listed."""

import importlib.metadata

import pytest

from lasermesh.errors import UserError
from lasermesh.routing import REQUIRED, Option, Policy, declare, options_of, policies
from lasermesh.routing.catalogue import describe_policy, list_policies

OPTIONS = {
    "k": Option(int, 2, "how many paths", 1, 8),
    "margin": Option(float, 0.2, "how much better", low=0.0),
    "most": Option(int, 5, "how many at most", high=9),
    "cost": Option(str, "hops", "what is least", choices=("hops", "delay")),
    "keeps": Option(bool, True, "whether it keeps"),
    "file": Option(str, None, "a file"),
}


@declare(complete=True, loop_free=False, source="Somebody, 1984", options=OPTIONS)
def mine(snapshot):
    """One of one's own.

    And more.
    """


MINE = Policy("mine", mine)


def faults(**given):
    with pytest.raises(UserError) as refused:
        options_of(MINE, given)
    title, *problems = str(refused.value).splitlines()
    assert title.startswith('options of routing policy "mine": ')
    return [problem.removeprefix("  options: ") for problem in problems]


def test_options_that_are_absent_have_their_defaults():
    defaults = {"k": 2, "margin": 0.2, "most": 5, "cost": "hops", "keeps": True, "file": None}
    assert options_of(MINE) == defaults
    assert options_of(MINE, {"k": 8, "margin": 3, "file": "a.csv"}) == defaults | {
        "k": 8,
        "margin": 3.0,
        "file": "a.csv",
    }


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"k": 0}, "k: must be an integer from 1 to 8 (got 0)"),
        ({"k": 2.0}, "k: must be an integer from 1 to 8 (got 2.0)"),
        ({"k": True}, "k: must be an integer from 1 to 8 (got true)"),
        ({"margin": -0.1}, "margin: must be a number of at least 0 (got -0.1)"),
        ({"margin": float("nan")}, "margin: must be a number of at least 0 (got nan)"),
        ({"most": 10}, "most: must be an integer of at most 9 (got 10)"),
        ({"cost": "hop"}, 'cost: must be "hops" or "delay" (got "hop"); did you mean "hops"?'),
        ({"keeps": 1}, "keeps: must be true or false (got 1)"),
        ({"file": 3}, "file: must be a text in quotes (got 3)"),
        ({"margn": 0.1}, 'margn: unknown key; did you mean "margin"?'),
    ],
)
def test_an_option_that_is_wrong_is_named_with_what_would_be_right(given, problem):
    assert faults(**given) == [problem]


def test_all_that_is_wrong_is_said_at_once():
    assert len(faults(k=0, margin="a", x=1)) == 3


def test_options_that_were_filled_in_may_be_read_once_more():
    assert options_of(MINE, options_of(MINE)) == options_of(MINE)


def test_a_policy_without_options_says_so_and_one_that_declares_nothing_takes_any():
    none = Policy("none", declare(options={})(lambda snapshot: None))
    with pytest.raises(UserError, match="k: unknown key; the policy none has no options"):
        options_of(none, {"k": 1})
    assert options_of(Policy("plain", lambda snapshot: None), {"k": [1]}) == {"k": [1]}


def test_an_option_can_be_required():
    needs = Policy("needs", declare(options={"file": Option(str, REQUIRED, "a file")})(lambda snapshot: None))
    with pytest.raises(UserError, match="file: missing; the policy needs needs it: a text in quotes"):
        options_of(needs)
    assert describe_policy(needs)["options"][0]["required"]


def test_what_is_no_option_is_refused_where_it_is_declared():
    for wrong in (3, Option(list, [], "many")):
        with pytest.raises(TypeError, match='option "k" must be an Option of kind int, float, bool or str'):
            declare(options={"k": wrong})


def test_a_policy_is_described_by_what_it_declares():
    described = describe_policy(MINE)
    assert described["about"] == "One of one's own."
    assert (described["complete"], described["loop_free"]) == (True, False)
    assert described["source"] == "Somebody, 1984"
    assert [option["name"] for option in described["options"]] == list(OPTIONS)
    assert described["options"][0] == {
        "name": "k",
        "is": "an integer from 1 to 8",
        "default": 2,
        "required": False,
        "low": 1,
        "high": 8,
        "choices": [],
        "help": "how many paths",
    }
    assert describe_policy(Policy("plain", lambda snapshot: None))["options"] is None


def test_installed_policies_are_listed_and_broken_ones_say_why(monkeypatch):
    group = policies.ENTRY_POINT_GROUP
    entries = [
        importlib.metadata.EntryPoint("hop-hop", "lasermesh.routing.policies:fewest_hops", group),
        importlib.metadata.EntryPoint("broken", "no_such_module_at_all:f", group),
        importlib.metadata.EntryPoint("number", "lasermesh.routing.policies:TIME_LIMIT_S", group),
    ]
    monkeypatch.setattr(policies, "entry_points", lambda group: entries)
    listed = {entry["name"]: entry for entry in list_policies()}
    assert {"hop-hop", "broken", "number", *policies.POLICIES} == set(listed)
    assert listed["hop-hop"]["complete"] and "problem" not in listed["hop-hop"]
    assert "cannot be loaded" in listed["broken"]["problem"]
    assert "is no function" in listed["number"]["problem"]
