"""What there is to choose from: the routing policies with what they declare."""

from lasermesh.errors import UserError
from lasermesh.routing.declaring import Policy
from lasermesh.routing.options import kind_of
from lasermesh.routing.policies import load_policy, policy_names
from lasermesh.scenario.fields import REQUIRED


def list_policies() -> list[dict]:
    """`describe_policy` of every policy built in or registered by an installed package, by name.

    Of one that cannot be loaded: `{name, problem}`.
    """
    entries = []
    for name in policy_names():
        try:
            entries.append(describe_policy(load_policy(name)))
        except UserError as error:
            entries.append({"name": name, "problem": str(error)})
    return entries


def describe_policy(policy: Policy) -> dict:
    """A policy, JSON-ready: `{name, about, complete, loop_free, source, options}`.

    `about` is the first line of its docstring. `options` are `[{name, is, default, required, low, high,
    choices, help}]`, None if the policy takes any.
    """
    declared = policy.declaration
    about = (getattr(policy.function, "__doc__", None) or "").strip().partition("\n")[0]
    return {
        "name": policy.name,
        "about": about,
        "complete": declared.complete,
        "loop_free": declared.loop_free,
        "source": declared.source,
        "options": None
        if declared.options is None
        else [_describe_option(name, option) for name, option in declared.options.items()],
    }


def _describe_option(name, option):
    is_required = option.default is REQUIRED
    return {
        "name": name,
        "is": kind_of(option).words(),
        "default": None if is_required else option.default,
        "required": is_required,
        "low": option.low,
        "high": option.high,
        "choices": list(option.choices),
        "help": option.help,
    }
