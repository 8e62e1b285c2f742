"""`lasermesh completion`: the script that completes commands in a shell."""

import click
from click.shell_completion import get_completion_class

from lasermesh.cli.common import json_option, print_json

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion")
@click.argument("shell", type=click.Choice(SHELLS))
@json_option
@click.pass_context
def command(ctx, shell, as_json):
    """Print the script that completes commands in your shell.

    For bash, add the line `eval "$(lasermesh completion bash)"` to ~/.bashrc; zsh works alike. For fish, keep
    the script as ~/.config/fish/completions/lasermesh.fish.

    \b
    Example:
      lasermesh completion zsh
    """
    group = ctx.find_root().command
    script = get_completion_class(shell)(group, {}, "lasermesh", "_LASERMESH_COMPLETE").source()
    if as_json:
        print_json({"shell": shell, "script": script})
    else:
        click.echo(script, nl=False)
