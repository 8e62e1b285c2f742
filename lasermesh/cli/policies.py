"""`lasermesh policies`: which routing policies there are, and what can be set."""

import click

from lasermesh.cli.common import json_option, print_json, print_table


@click.command(name="policies")
@click.argument("name", required=False)
@json_option
def command(name, as_json):
    """List the routing policies, or show the options of one.

    Those of installed packages are among them. NAME may also be a function of yours as file.py:function.
    Options are set in [routing.options] of an experiment, or with --option where a command has --policy.

    \b
    Example:
      lasermesh policies
      lasermesh policies shortest-delay --json
    """
    from lasermesh.routing import load_policy
    from lasermesh.routing.catalogue import describe_policy, list_policies

    if name is not None:
        entry = describe_policy(load_policy(name))
        if as_json:
            print_json(entry)
        else:
            _print_one(entry)
        return
    entries = list_policies()
    if as_json:
        print_json({"policies": entries})
        return
    rows = [("policy", "complete", "loop-free", "options", "")]
    for entry in entries:
        if "problem" in entry:
            rows.append((entry["name"], "-", "-", "-", entry["problem"]))
        else:
            rows.append((entry["name"], *_promises(entry), _option_names(entry), entry["about"]))
    print_table(rows)


def _promises(entry):
    """Whether a policy is complete and loop-free, in words."""
    return tuple("yes" if entry[promise] else "no" for promise in ("complete", "loop_free"))


def _option_names(entry):
    """The options of a policy in one cell."""
    if entry["options"] is None:
        return "any"
    return ", ".join(option["name"] for option in entry["options"]) or "none"


def _print_one(entry):
    """Print what one policy declares, an option a line."""
    complete, loop_free = _promises(entry)
    click.echo(f"{entry['name']}: {entry['about']}" if entry["about"] else entry["name"])
    rows = [("complete", complete), ("loop-free", loop_free), ("source", entry["source"] or "not told")]
    print_table(rows)
    click.echo(f"options: {_option_names(entry)}")
    for option in entry["options"] or ():
        default = "required" if option["required"] else f"default {option['default']}"
        click.echo(f"  {option['name']}: {option['is']} ({default})")
        click.echo(f"      {option['help']}")
