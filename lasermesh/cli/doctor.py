"""`lasermesh doctor`: whether live mode will work here."""

import sys
import textwrap

import click

from lasermesh.cli.common import json_option, print_json
from lasermesh.cli.terminal import line_width, styled

_MARKS = {"ok": ("ok", "green"), "problem": ("PROBLEM", "red"), "note": ("note", "yellow")}
_WORKS = {
    "root": "Live mode works, with the rights of root.",
    "user-namespace": "Live mode works, in a user namespace, without root.",
    "none": "Live mode will not work until the problems above are solved; simulations run all the same.",
}


@click.command(name="doctor")
@json_option
@click.pass_context
def command(ctx, as_json):
    """What this machine allows of live mode, and what would help.

    Everything is tried out, as the user who asks; each line tells what was found, and below it what helps.
    Problems keep live mode from working, notes do not. The exit code is 1 where it will not work.

    \b
    Example:
      lasermesh doctor
    """
    from lasermesh.live.doctor import examine

    diagnosis = examine()
    if as_json:
        print_json(diagnosis.to_dict())
    else:
        _print(diagnosis)
    ctx.exit(0 if diagnosis.works else 1)


def _print(diagnosis):
    """Print each check with its mark, what was found, and the remedy below it."""
    name_width = max(len(check.name) for check in diagnosis.checks)
    mark_width = max(len(mark) for mark, _ in _MARKS.values())
    indent = " " * (name_width + mark_width + 4)
    for check in diagnosis.checks:
        mark, colour = _MARKS[check.verdict]
        shown = styled(mark.ljust(mark_width), sys.stdout, fg=colour)
        room = max(line_width() - len(indent), 30)
        lines = textwrap.wrap(check.found, room, break_on_hyphens=False, break_long_words=False)
        click.echo(f"{shown}  {check.name.ljust(name_width)}  {lines[0] if lines else ''}")
        if check.remedy:
            lines.append(f"-> {check.remedy}")  # in one line, to be copied
        for line in lines[1:]:
            click.echo(indent + line)
    click.echo("\n" + styled(_WORKS[diagnosis.mode], sys.stdout, bold=True))
