"""`lasermesh docs`: the documentation, as plain text."""

from difflib import get_close_matches
from pathlib import Path

import click

import lasermesh
from lasermesh.cli.common import json_option, print_json, print_table
from lasermesh.errors import UserError

_FOLDER = Path(lasermesh.__file__).parent / "docs"


def topics():
    """Text of each topic by its name, in alphabetical order."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.md"))}


def _title(text):
    return text.split("\n", 1)[0].removeprefix("# ")


def _complete(ctx, param, incomplete):
    return [name for name in topics() if name.startswith(incomplete)]


@click.command(name="docs")
@click.argument("topic", required=False, shell_complete=_complete)
@json_option
def command(topic, as_json):
    """Read the documentation: the list of topics, or one of them.

    \b
    Example:
      lasermesh docs
      lasermesh docs model
    """
    texts = topics()
    if topic is None:
        titles = {name: _title(text) for name, text in texts.items()}
        if as_json:
            print_json({"topics": [{"topic": name, "title": title} for name, title in titles.items()]})
        else:
            print_table(list(titles.items()))
        return
    if topic not in texts:
        near = get_close_matches(topic, texts, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(texts)}"
        raise UserError(f'no topic is named "{topic}"{hint}')
    if as_json:
        print_json({"topic": topic, "text": texts[topic]})
    else:
        click.echo(texts[topic], nl=False)
