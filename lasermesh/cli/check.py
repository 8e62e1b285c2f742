"""`lasermesh check`: everything wrong with a file, at once."""

import click

from lasermesh.cli.common import SCENARIO, json_option, print_json, set_option, warn

EXIT_PROBLEMS = 2


@click.command(name="check")
@click.argument("file", required=False, type=SCENARIO)
@click.option(
    "--describe", is_flag=True, help="Print every key with its default, unit and limits, check nothing."
)
@set_option
@json_option
@click.pass_context
def command(ctx, file, describe, sets, as_json):
    """Check a topology or experiment file and report every problem.

    FILE is a path or the name of a shipped topology or experiment. The exit code is 2 if there are problems.

    \b
    Example:
      lasermesh check quick
      lasermesh check walker-144 --set step_s=0.5 --json
      lasermesh check --describe
    """
    if describe:
        _describe(as_json)
        return
    if file is None:
        raise click.UsageError("give a FILE to check, or --describe")
    from lasermesh.experiments.checking import check

    report = check(file, sets)
    for warning in report.warnings:
        warn(warning)
    if as_json:
        problems = [problem.to_dict() for problem in report.problems]
        lists = {"problems": problems, "warnings": list(report.warnings), "skipped": list(report.skipped)}
        print_json({"ok": report.ok, **lists})
    else:
        click.echo(str(report))
    if not report.ok:
        ctx.exit(EXIT_PROBLEMS)


def _describe(as_json):
    """Print the schema of scenario files."""
    from lasermesh.scenario import describe

    text, structure = describe()
    if as_json:
        print_json(structure)
    else:
        click.echo(text)
