"""`lasermesh docs`: the documentation, as plain text."""

from difflib import get_close_matches
from pathlib import Path

import click

import lasermesh
from lasermesh.cli.common import json_option, print_json, print_table
from lasermesh.errors import UserError

_FOLDER = Path(lasermesh.__file__).parent / "docs"
_PROFILE = Path(lasermesh.__file__).parent / "capture" / "wireshark"


def topics():
    """Text of each topic by its name, in alphabetical order."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.md"))}


def _title(text):
    return text.split("\n", 1)[0].removeprefix("# ")


def _complete(ctx, param, incomplete):
    return [name for name in topics() if name.startswith(incomplete)]


def _write_profile(topic, profile, force, as_json):
    """Write the profile for Wireshark, whose name is that of its folder."""
    from lasermesh.files import whole_file

    if topic is not None:
        raise click.UsageError("--wireshark-profile stands alone, without a topic")
    folder = Path(profile)
    texts = {folder / part.name: part.read_text(encoding="utf-8") for part in sorted(_PROFILE.iterdir())}
    changed = [
        file for file, text in texts.items() if file.is_file() and file.read_text("utf-8", "replace") != text
    ]
    if changed and not force:
        raise UserError(
            f"{', '.join(map(str, changed))}: there already, and not as it would be written; name another "
            "folder, or replace it with --force"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'"{profile}" cannot be written: {error.strerror}') from error
    for file, text in texts.items():
        with whole_file(file) as out:
            out.write(text)
    written = [str(file) for file in texts]
    if as_json:
        print_json({"files": written})
    else:
        click.echo(f"Written: {', '.join(written)}")


@click.command(name="docs")
@click.argument("topic", required=False, shell_complete=_complete)
@click.option(
    "--wireshark-profile",
    "profile",
    metavar="DIR",
    help="Write a profile for Wireshark into this folder; see `lasermesh docs captures`.",
)
@click.option("--force", is_flag=True, help="Replace a profile there that differs.")
@json_option
def command(topic, profile, force, as_json):
    """Read the documentation: the list of topics, or one of them.

    \b
    Example:
      lasermesh docs
      lasermesh docs model
      lasermesh docs --wireshark-profile lasermesh
    """
    if profile is not None:
        _write_profile(topic, profile, force, as_json)
        return
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
