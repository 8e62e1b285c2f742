"""What a terminal can show: colours, characters beyond ASCII, how many columns."""

import os
import re
import shutil
import sys

import click

WIDEST = 100
"""Characters of a line at most, as in the text of a summary."""


def has_colours(stream):
    """Whether to print in colours: only on a terminal, and never under NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def can_draw(stream):
    """Whether Braille dots and block characters would show: on a terminal that reads UTF-8."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    if (getattr(stream, "encoding", None) or "").lower().replace("-", "") != "utf8":
        return False
    # In these locales Python writes UTF-8 all the same, but they say that the terminal takes ASCII.
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
    return locale not in ("C", "POSIX")


def line_width():
    """Columns of the terminal, at most WIDEST; COLUMNS of the environment comes first."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def styled(text, stream, **style):
    """The text with what `click.style` takes, where the stream is to show colours."""
    return click.style(text, **style) if has_colours(stream) else text


_COLOURS = {"Warning": "yellow", "OK": "green", "DEGRADED": "yellow", "INVALID": "red"}
"""Of words in a summary: what begins a warning, and the verdicts on a live run."""

_TITLE = re.compile(
    r"(?<=\n\n)(?P<title>\S+( \S+)*?)(?=:|  )|^Warning(?=: )|(?<=\nLive: )(OK|DEGRADED|INVALID)$",
    re.MULTILINE,
)
"""The title of a section of a summary, which a colon or the headings of numbers follow; or such a word."""


def print_summary(text):
    """Print the text of a summary on stdout; on a terminal its titles stand out."""
    if has_colours(sys.stdout):
        first, newline, rest = text.partition("\n")
        text = click.style(first, bold=True) + newline + _TITLE.sub(_highlighted, rest)
    click.echo(text)


def _highlighted(found):
    """A title in bold, red above numbers of drops; a word in its colour."""
    if found["title"] is None:
        return click.style(found[0], fg=_COLOURS[found[0]])
    is_bad = found["title"] == "Drops by cause" and found.string[found.end()] != ":"
    return click.style(found["title"], bold=True, fg="red" if is_bad else None)


def print_latencies(run):
    """Print a small drawing of a run's latencies over time on stdout, where the terminal can show it."""
    if not can_draw(sys.stdout):
        return
    from lasermesh.views.latency_line import latency_plot

    plot = latency_plot(run, line_width())
    if plot is None:
        return
    lost = [styled(plot.lost, sys.stdout, fg="red")] if plot.lost else []
    lines = [styled(plot.title, sys.stdout, bold=True), *plot.lines, *lost, *plot.legend]
    click.echo("\n".join(lines) + "\n")
