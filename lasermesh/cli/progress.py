"""A line on stderr that says how far something is."""

import sys
import time

import click

FIRST_PROGRESS_S = 2.0
PROGRESS_EVERY_S = 0.5
LOGGED_EVERY_S = 5.0  # where stderr is a file, each line stays


class ProgressLine:
    """A line on stderr that says how far something is, once it has taken two seconds; or none if `quiet`."""

    def __init__(self, quiet=False):
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._every_s = PROGRESS_EVERY_S if self._terminal else LOGGED_EVERY_S
        self._began_s = time.monotonic()
        self._next_s = self._began_s + FIRST_PROGRESS_S
        self._open = False  # whether the cursor stands behind a line that may be written over

    def tell(self, share, text, wall_s=None, may_end_early=False):
        """Say what has been done, the share of all that it is, and how long the rest will take.

        `wall_s` is how long it took so far; absent: since this line was made. What may end early takes at
        most as long as the share says.
        """
        if self._quiet:
            return
        now = time.monotonic()
        over = share >= 1.0
        if not self._open if over else now < self._next_s:
            return  # where the end follows at once, there is no need to tell of it
        self._next_s = now + self._every_s
        wall_s = now - self._began_s if wall_s is None else wall_s
        # The first moments, in which much is done for the first time, say nothing about the rest.
        left = f"{wall_s * (1 - share) / share:.0f} s left" if share >= 0.01 else "just begun"
        if may_end_early and share >= 0.01:
            left = f"at most {left}"
        self._show(f"{text}, {left}", 78)
        if over:
            self.end()

    def _show(self, text, width):
        """Put a text over the line, as wide as that; or on a line of its own where lines stay."""
        if self._terminal:
            click.echo(f"\r{text:<{width}}", nl=False, err=True)
        else:
            click.echo(text, err=True)
        self._open = self._terminal

    def end(self):
        """End the line, so that what is printed next begins a new one."""
        if self._open:
            click.echo(err=True)
        self._open = False
