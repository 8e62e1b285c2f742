"""`lasermesh exec`: a command in a host of a running mesh."""

import click

from lasermesh.cli.common import json_option, print_json, print_table

_SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(name="exec", context_settings=_SETTINGS)
@click.argument("host", required=False)
@click.argument("argv", metavar="[-- COMMAND...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--mesh", metavar="NAME", help="The mesh, where several are running.")
@click.option("--list", "listing", is_flag=True, help="List the hosts of the running mesh.")
@json_option
@click.pass_context
def command(ctx, host, argv, mesh, listing, as_json):
    """Run a command in a host of a running live mesh.

    The exit code is the command's own. The host is named as its node, or as other hosts name it: "New York"
    is new-york. The command is any program, such as `ping london` or `bash`: it finds all nodes by name,
    keeps your files and your terminal, and ends with the mesh, or with this process. From within a host,
    another host of the same mesh is joined.

    \b
    Example:
      lasermesh exec --list
      lasermesh exec tokyo -- cat /proc/net/dev
    """
    from lasermesh.live.joining import ask, execute

    if listing:
        if host is not None:
            raise click.UsageError("--list stands alone")
        answer = ask(mesh)
        if as_json:
            print_json(answer)
        else:
            print_table([("host", "node"), *((each["name"], each["node"]) for each in answer["hosts"])])
        return None
    if as_json:
        raise click.UsageError("--json goes with --list; a command prints what it prints")
    argv = list(argv[1:] if argv[:1] == ("--",) else argv)
    if host is None or not argv:
        raise click.UsageError("give a host and a command, as in: lasermesh exec tokyo -- ping london")
    ctx.exit(execute(host, argv, mesh))
