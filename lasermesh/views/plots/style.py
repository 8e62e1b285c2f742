"""How all plots look: one frame with title and notes, colours that colour-blind people tell apart, units.

Nothing here touches the settings of matplotlib that others have made: what is drawn and saved within `look()`
begins from matplotlib's own defaults, and afterwards all is as it was.
"""

import contextlib
import textwrap
import warnings
from itertools import cycle, islice, product

import numpy as np

from lasermesh.errors import UserError
from lasermesh.extras import require
from lasermesh.results.layout import decimal

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito, "Color Universal Design", 2008, without the yellow, which is too faint for lines."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
REST = "#8c8c8c"
"""Colour of what is drawn together as all the others."""

FAINT, INK, NOTE = "#d9d9d9", "#1a1a1a", "#555555"
IDLE, DOWN = "#ffffff", "#dcdcdc"
"""In heat maps: nothing was sent; the link was down."""

CM_PER_INCH = 2.54
_TITLE_CM, _SUBTITLE_CM, _NOTE_LINE_CM, _EDGE_CM = 0.62, 0.46, 0.34, 0.15
_LEGEND_LINE_CM = 0.37
_CM_PER_LETTER = 0.13  # of notes, on average

_SETTINGS = {
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": NOTE,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "hatch.linewidth": 0.5,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,  # names of nodes and flows may hold dollar signs
    "svg.fonttype": "none",
    "svg.hashsalt": "lasermesh",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@contextlib.contextmanager
def look():
    """Draw or save within: matplotlib's defaults with our settings, whatever the user's are."""
    require("matplotlib", "plot", "plots need")
    import matplotlib

    ours = {key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"}
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", matplotlib.MatplotlibDeprecationWarning)
        matplotlib.rcParams.update(ours | _SETTINGS)
        # Names may be of any script; where the font lacks it, a box is drawn, and SVG keeps the letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def frame(run_name, title, subtitle, notes, options, height_cm):
    """An empty figure with its title, what it is of, and notes below; axes go between them.

    Parameters
    ----------
    run_name : str
        Of the run, for the file's metadata.
    title, subtitle : str
    notes : iterable of str
        Sentences; empty ones are left out.
    options : Options
    height_cm : float
        Without the title and notes; options may ask for another total height.
    """
    from matplotlib.figure import Figure

    width_cm = options.width_cm
    letters = max(20, int((width_cm - 2 * _EDGE_CM) / _CM_PER_LETTER))
    note_lines = textwrap.wrap(" ".join(note for note in notes if note), letters)
    subtitle_lines = textwrap.wrap(subtitle, int(0.87 * letters))  # in larger letters
    head_cm = _EDGE_CM + _TITLE_CM + _SUBTITLE_CM * len(subtitle_lines)
    foot_cm = _EDGE_CM + _NOTE_LINE_CM * len(note_lines)
    total_cm = options.height_cm or height_cm + head_cm + foot_cm
    figure = Figure(figsize=(width_cm / CM_PER_INCH, total_cm / CM_PER_INCH), facecolor="white")
    figure.set_layout_engine(
        "constrained", rect=(0.0, foot_cm / total_cm, 1.0, max(0.2, 1.0 - (head_cm + foot_cm) / total_cm))
    )
    left = _EDGE_CM / width_cm
    figure.text(
        left, 1.0 - _EDGE_CM / total_cm, title, size=10, weight="bold", color=INK, ha="left", va="top"
    )
    figure.text(
        left,
        1.0 - (_EDGE_CM + _TITLE_CM) / total_cm,
        "\n".join(subtitle_lines),
        size=7.5,
        color=NOTE,
        ha="left",
        va="top",
    )
    figure.text(
        left, _EDGE_CM / total_cm, "\n".join(note_lines), size=6.5, color=NOTE, ha="left", va="bottom"
    )
    figure.set_label(f"{run_name}: {title}")
    return figure


def line_looks(number):
    """Colour and dashes for so many lines, no two alike: first all colours, then again with other dashes."""
    looks = ({"color": color, "linestyle": dash} for dash, color in product(DASHES, PALETTE))
    return list(islice(cycle(looks), number))


def overlapping_looks(number):
    """Looks of lines of which some may coincide: the later ones thinner and dashed, so that all are seen."""
    dashes = islice(cycle(DASHES), number)
    widths = np.linspace(2.6, 1.0, number) if number > 1 else [1.4]
    return [
        look | {"linestyle": dash, "linewidth": width}
        for look, dash, width in zip(line_looks(number), dashes, widths, strict=True)
    ]


def legend_below(figure, handles, names):
    """A legend under the axes, in as many columns as the names leave room for."""
    if not handles:
        return
    width_cm, height_cm = CM_PER_INCH * figure.get_size_inches()
    columns = int(np.clip(width_cm // (1.5 + 0.13 * max(map(len, names))), 1, len(names)))
    rows = -(-len(names) // columns)
    engine = figure.get_layout_engine()
    left, bottom, width, height = engine.get()["rect"]
    figure.legend(
        handles,
        [shown_name(name) for name in names],
        loc="lower center",
        bbox_to_anchor=(0.5, bottom),
        borderaxespad=0.2,
        ncols=-(-len(names) // rows),
    )
    room = (_LEGEND_LINE_CM * rows + _EDGE_CM) / height_cm
    engine.set(rect=(left, bottom + room, width, max(0.2, height - room)))


def shown_name(name):
    """A name for a legend, which would leave out one that begins with an underscore."""
    return f" {name}" if name.startswith("_") else name


def heat_scale(greatest, to_percent=None):
    """Colours, their scale from just above 0 to the greatest value, and a sentence: the darker, the more.

    It is viridis from light to dark, paler at its lightest end. What is exactly 0 is white.

    Parameters
    ----------
    greatest : float
        Share, as the values are.
    to_percent : float, optional
        Where the scale ends instead, so that pictures can be compared.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap, Normalize

    top = greatest if greatest > 0.0 else 1.0
    words = "The scale ends at the greatest value."
    if to_percent is not None:
        if not 0.0 < to_percent <= 100.0:
            raise UserError(f"the scale must end above 0 and at most at 100 % (got {to_percent:g})")
        top = to_percent / 100.0
        words = f"The scale ends at {to_percent:g} %{', and some are above it' if greatest > top else ''}."
    along = np.linspace(0.0, 1.0, 256)
    pale = 0.5 * np.clip(1.0 - along / 0.3, 0.0, 1.0)[:, None]
    colors = ListedColormap(pale + (1.0 - pale) * colormaps["viridis"].reversed()(0.1 + 0.9 * along))
    return colors.with_extremes(under=IDLE, bad=DOWN), Normalize(1e-9 * top, top), words


def scale_beside(figure, axes, drawn, label, below=False):
    """A bar that tells what the colours mean, in percent."""
    place = {"location": "bottom", "pad": 0.03} if below else {"pad": 0.015}
    extend = "max" if np.nanmax(drawn.get_array()) > drawn.norm.vmax else "neither"
    bar = figure.colorbar(drawn, ax=axes, aspect=30, extend=extend, **place)
    bar.outline.set_linewidth(0.4)
    bar.set_label(label)
    (bar.ax.xaxis if below else bar.ax.yaxis).set_major_formatter(lambda share, _: f"{100 * share:.6g} %")


class TimeAxis:
    """Seconds in the unit that fits a span of time."""

    def __init__(self, start_s, stop_s):
        span_s = stop_s - start_s
        self.unit, self.seconds = (
            ("s", 1.0) if span_s <= 900.0 else ("min", 60.0) if span_s <= 10_800.0 else ("h", 3600.0)
        )
        self.start, self.stop = start_s / self.seconds, stop_s / self.seconds

    def of(self, time_s):
        """Times in the unit of the axis."""
        return np.asarray(time_s, float) / self.seconds

    def label(self, axes):
        """Name the axis and let it span the run, no more."""
        axes.set_xlabel(f"time since the topology's epoch ({self.unit})")
        axes.set_xlim(self.start, self.stop)


def held_line(from_t, until_t, values):
    """X and y of a line that holds each value over its interval and is broken where there is none.

    Parameters
    ----------
    from_t, until_t, values : array_like, shape (n,)
        In order of time.
    """
    from_t, until_t, values = (np.asarray(column, float) for column in (from_t, until_t, values))
    if not len(values):
        return np.empty(0), np.empty(0)
    x = np.stack([from_t, until_t, until_t], axis=1)
    y = np.stack([values, values, np.full(len(values), np.nan)], axis=1)
    apart = np.append(from_t[1:] - until_t[:-1] > 1e-6 * (until_t - from_t)[:-1], False)
    keep = np.stack([np.ones(len(values), bool), np.ones(len(values), bool), apart], axis=1)
    return x[keep], y[keep]


def steps_within(at, values, start, stop):
    """X and y, from start to stop, of what holds each value from an instant until the next.

    Parameters
    ----------
    at, values : array_like, shape (n,)
        In order of time; before the first there is no value.
    """
    at, values = np.asarray(at, float), np.asarray(values, float)
    first, last = np.searchsorted(at, [start, stop], "right")
    if not last:
        return np.empty(0), np.empty(0)
    x, y = at[first:last], values[first:last]
    if first:  # what was in force at the start
        x, y = np.append(start, x), np.append(values[first - 1], y)
    return np.append(x, stop), np.append(y, y[-1])


def thinned(x, y, bins=1500):
    """Of a line with very many points the least and the greatest in each of so many stretches, in order.

    What is left out could not be seen: no peak is lost and no value changed.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) <= 4 * bins:
        return x, y
    place = np.minimum(((x - x[0]) / max(x[-1] - x[0], 1e-300) * bins).astype(np.int64), bins - 1)
    by_value = np.lexsort((y, place))
    edges = np.flatnonzero(np.diff(place[by_value], prepend=-1, append=bins))
    ends = np.concatenate([by_value[edges[:-1]], by_value[edges[1:] - 1], [0, len(x) - 1]])
    kept = np.unique(ends)
    return x[kept], y[kept]


def start_at_zero(axes):
    """Let the y axis begin at 0, with room above the greatest value."""
    high = axes.get_ylim()[1]
    axes.set_ylim(0.0, high if high > 0.0 else 1.0)


def count_axis(axis):
    """Numbers at an axis as people write them, 1,000,000."""
    from matplotlib.ticker import StrMethodFormatter

    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))


def write_beside(axes, value, place, decimals):
    """Write a bar's number beside its end with so many decimals; "-" where there is none."""
    text = decimal(value, decimals)
    axes.annotate(text, (value or 0.0, place), xytext=(3, 0), textcoords="offset points", va="center", size=7)
