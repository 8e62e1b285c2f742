"""Figures as files: PNG, SVG and PDF that come out the same for the same run."""

import io
import re
from pathlib import Path
from xml.sax.saxutils import quoteattr

import lasermesh
from lasermesh.errors import UserError
from lasermesh.files import check_output, whole_file
from lasermesh.views.plots.kinds import OF_SEVERAL_RUNS, draw, unused_options, what_fits
from lasermesh.views.plots.style import look

SUFFIXES = (".png", ".svg", ".pdf")
DPI = 200


def draw_files(run, what=(), output=None, dpi=DPI, warn=lambda message: None, **options):
    """Draw plots of a run into files.

    Parameters
    ----------
    run : Run, AlternativeRuns or Study
        As `open_folder` returns it.
    what : iterable of str
        Names in `PLOTS`; none: all that fit, or, if there are `others`, that draw several runs.
    output : path, optional
        Ends in .png, .svg or .pdf. Of several plots a PDF gets pages, and `NAME.png` stands for
        `NAME-WHAT.png`. Absent: the name of the run's folder, .png, in the current folder.
    dpi : int
    warn : function of str
        Told of options that no plot uses.
    options
        As for `draw`.

    Returns
    -------
    files : dict
        Names of the plots in each file, by its path.

    Raises
    ------
    UserError
        As `draw`, or if a file cannot be written; nothing has been drawn then.
    """
    if output is not None:
        check_output(output, SUFFIXES)
    names = list(dict.fromkeys(what)) or _all_that_fit(run, options)
    files = _files_of(
        names, Path(f"{run.path.resolve().name}.png" if output is None else output), output is None
    )
    for path in files:
        check_output(path, SUFFIXES)
    figures = {name: draw(run, name, **options) for name in names}
    for sentence in unused_options(names, **options):
        warn(sentence)
    for path, drawn in files.items():
        save([figures[name] for name in drawn], path, dpi)
    return files


def _all_that_fit(run, options):
    """Names of all plots that can be drawn."""
    fits = what_fits(run, **options)
    if options.get("others"):
        fits = {name: fits[name] for name in OF_SEVERAL_RUNS}
    names = [name for name, why in fits.items() if why is None]
    if not names:
        raise UserError(f"nothing can be drawn of {run.path}: {fits['compare']}")
    return names


def _files_of(names, path, always_named):
    """Which plots go into which file."""
    if path.suffix.lower() == ".pdf":
        return {path: names}
    if len(names) == 1 and not always_named:
        return {path: names}
    return {path.with_name(f"{path.stem}-{name}{path.suffix}"): [name] for name in names}


def save(figures, path, dpi=DPI):
    """Write a figure, or several as the pages of a PDF; the suffix says which kind of file.

    Raises
    ------
    UserError
        If it cannot be written, or several figures are to go into a file of one picture.
    """
    figures = list(figures) if isinstance(figures, (list, tuple)) else [figures]
    check_output(path, SUFFIXES)
    suffix = Path(path).suffix.lower()
    if len(figures) != 1 and suffix != ".pdf":
        raise ValueError(f"{len(figures)} figures do not go into one {suffix} file")
    data = _pdf(figures) if suffix == ".pdf" else picture(figures[0], suffix[1:], dpi)
    with whole_file(path, binary=True) as file:
        file.write(data)


def svg_text(figure):
    """A figure as an `<svg>` element that can stand in a page; text stays text."""
    text = picture(figure, "svg", DPI).decode("utf-8")
    element = text[text.index("<svg") :]
    return re.sub("^<svg", f'<svg role="img" aria-label={quoteattr(figure.get_label())}', element)


def _program():
    return f"lasermesh {lasermesh.__version__}"


def picture(figure, kind, dpi=DPI):
    """A figure as the bytes of a file of this kind, "png" or "svg"."""
    out = io.BytesIO()
    title = figure.get_label()
    metadata = (
        {"Title": title, "Software": _program()}
        if kind == "png"
        else {"Title": title, "Creator": _program(), "Date": None}
    )
    with look():
        figure.savefig(out, format=kind, dpi=dpi, metadata=metadata)
    return out.getvalue()


def _pdf(figures):
    from matplotlib.backends.backend_pdf import PdfPages

    out = io.BytesIO()
    metadata = {
        "Title": figures[0].get_label() if len(figures) == 1 else figures[0].get_label().split(":")[0],
        "Creator": _program(),
        "CreationDate": None,
    }
    with look(), PdfPages(out, metadata=metadata) as pages:
        for figure in figures:
            pages.savefig(figure)
    return out.getvalue()
