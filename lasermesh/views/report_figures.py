"""The plots of a report: pictures in the page, each with a caption and words for who cannot see it."""

import base64
import re
from html import escape

MOST_SVG_BYTES = 600_000
"""Of a plot as vectors; a larger one is put in as pixels."""

PIXELS_DPI = 150

MAIN_PLOTS = (
    *("latency", "cdf", "goodput", "drops", "bundles", "rtt", "utilisation", "map", "queue", "insight"),
    *("power", "storage", "contacts"),
)
"""Those of a report on one run, as far as they fit it, in this order."""

FEW_PLOTS = ("latency", "drops", "bundles", "insight")
"""Those of each alternative."""

_ID = re.compile(r'(\bid="|url\(#|href="#)')


def figures_html(run, names, prefix):
    """The plots of a run that fit it, as HTML.

    Parameters
    ----------
    run : Run or AlternativeRuns
    names : iterable of str
        In `lasermesh.views.plots.PLOTS`; those that the run has nothing for are left out.
    prefix : str
        Put before the ids within the pictures, so that those of several do not clash.

    Returns
    -------
    html : str

    Raises
    ------
    UserError
        If a file of the run is damaged.
    """
    from lasermesh.views import plots

    fits = plots.what_fits(run)
    parts = []
    for name in names:
        if name not in fits or fits[name] is not None:
            continue
        try:
            figure = plots.draw(run, name)
        except plots.NothingToDraw as error:
            parts.append(f'<p class="note">{escape(f"No plot {name}: {error}")}</p>')
            continue
        words = plots.PLOTS[name].help
        picture = picture_html(figure, words, f"{prefix}{name}-")
        # A region of its own, for a narrow window scrolls it sideways: letters keep their size.
        region = (
            f'<div class="picture" role="region" tabindex="0" aria-label="{escape(words)}">{picture}</div>'
        )
        parts.append(f"<figure>{region}<figcaption>{escape(words)}</figcaption></figure>")
    return f'<div class="figures">{"".join(parts)}</div>' if parts else ""


def picture_html(figure, words, prefix):
    """A figure as SVG within the page, or as pixels if that would be too large."""
    from lasermesh.views import plots

    svg = plots.svg_text(figure)
    if len(svg) > MOST_SVG_BYTES:
        data = base64.b64encode(plots.picture(figure, "png", PIXELS_DPI)).decode()
        return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    return _ID.sub(lambda match: match.group(1) + prefix, svg)
