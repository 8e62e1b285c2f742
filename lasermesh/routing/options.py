"""Options of a policy: what `[routing.options]` says, against what the policy declares."""

from lasermesh.routing.declaring import Option, Policy
from lasermesh.scenario.fields import BAD, REQUIRED, Choice, Flag, Integer, Number, Text
from lasermesh.scenario.problems import Report, ScenarioError
from lasermesh.scenario.reading import unknown_key
from lasermesh.scenario.sources import Line


def kind_of(option: Option):
    """The kind of values that an option takes, as those of scenario files."""
    if option.choices:
        return Choice(tuple(option.choices))
    if option.kind is bool:
        return Flag()
    if option.kind is int:
        return Integer(option.low, option.high)
    if option.kind is float:
        return Number(option.low, option.high)
    return Text("a text in quotes")


def read_options(policy: Policy, given, place) -> dict:
    """The options that a policy sees: those given, and the defaults of the others that it declares.

    Parameters
    ----------
    policy : Policy
    given : mapping
    place : Place or Line
        Where they stand: each problem is reported at `place.at(key)`, and its option left out.

    Returns
    -------
    options : dict
        As they were given if the policy declares nothing of options.
    """
    declared = policy.declaration.options
    if declared is None:
        return dict(given)
    for key, value in given.items():
        if key not in declared:
            message, _ = unknown_key(key, value, declared)
            takes_none = f"unknown key; the policy {policy.name} has no options"
            place.at(key).report(message if declared else takes_none, value)
    options = {}
    for key, option in declared.items():
        value = option.default
        if given.get(key) is not None:  # None: a default that was filled in before
            value = kind_of(option).read(given[key], place.at(key))
        elif value is REQUIRED:
            place.at(key).report(f"missing; the policy {policy.name} needs it: {kind_of(option).words()}")
            value = BAD
        if value is not BAD:
            options[key] = value
    return options


def options_of(policy: Policy, given=()) -> dict:
    """As `read_options`, for options that stand in no file.

    Raises
    ------
    ScenarioError
        With all that is wrong with them.
    """
    title = f'options of routing policy "{policy.name}"'
    report = Report()
    options = read_options(policy, dict(given), Line(report, "options", None))
    if report.problems:
        raise ScenarioError(title, report.problems)
    return options
