"""What is made of a run to be looked at: plots, the globe, the report, one packet's life.

A run is given as its folder, or opened (`lasermesh.load`, `lasermesh.run`).
"""

from pathlib import Path

from lasermesh import shipped
from lasermesh.errors import UserError
from lasermesh.files import check_output
from lasermesh.results import AlternativeRuns, Run, load
from lasermesh.scenario.problems import closest

VIEW_SUFFIXES = (".html", ".czml")


def plot(run, *what, output=None, dpi=None, others=(), warn=lambda message: None, **options) -> dict:
    """Draw plots of a run into files.

    Parameters
    ----------
    run : Run, AlternativeRuns or path
        A path may also be that of a comparison's folder.
    *what : str
        Names of plots (`views.plots.PLOTS`); none: all that fit.
    output : path, optional
        Ends in .png, .svg or .pdf; absent: `RUN-WHAT.png` in the current folder.
    dpi : int, optional
        Pixels an inch of PNG.
    others : iterable of the same as `run`
        Runs to compare with.
    warn : function of str
        Told of options that no plot uses.
    **options
        As for `views.plots.draw`: `flows`, `links`, `nodes`, `at_s`, `start_s`, `duration_s`, `top`,
        `scale_to_percent`, `width_cm`, `height_cm`.

    Returns
    -------
    written : dict
        `{files: [{file, plots}]}`.

    Raises
    ------
    UserError
        If a plot is unknown or does not fit, a file cannot be written, or matplotlib is missing.
    """
    from lasermesh.views import plots

    options["others"] = tuple(_opened(other, plots.open_folder) for other in others)
    more = {} if dpi is None else {"dpi": dpi}
    files = plots.draw_files(_opened(run, plots.open_folder), what, output, warn=warn, **more, **options)
    return {"files": [{"file": str(path), "plots": names} for path, names in files.items()]}


def report(run, output="report.html", with_plots=True) -> dict:
    """Write one page about a run, or about the runs of alternatives: `{file, bytes}`.

    Parameters
    ----------
    run : Run, AlternativeRuns or path
    output : path
        Ends in .html.
    with_plots : bool
        False: without plots, which need matplotlib.

    Raises
    ------
    UserError
        If the file cannot be written, matplotlib is missing, or a file of the run is damaged.
    """
    from lasermesh.views.plots.kinds import Study, open_folder
    from lasermesh.views.report import check_report, write_report

    check_report(output, with_plots)
    opened = _opened(run, open_folder)
    if isinstance(opened, Study):
        raise UserError(f"{run}: it holds a comparison; give the folder of one of its runs, below it")
    return write_report(opened, output, with_plots)


def trace(run, packet) -> dict:
    """One packet's life, hop by hop.

    Parameters
    ----------
    run : Run or path
        Of a run whose experiment said `trace_flows`.
    packet : str or int
        `FLOW#SEQUENCE`, or the packet's id in captures.

    Returns
    -------
    life : dict
        What `lasermesh trace --json` prints; `lasermesh docs captures` names the fields.

    Raises
    ------
    UserError
        If the run traced no such packet.
    """
    from lasermesh.results.packet_life import packet_life, packet_named, what_is_traced

    opened = one_run(run)
    if packet is None:
        raise UserError(f"no packet is named: write FLOW#SEQUENCE; {what_is_traced(opened)}")
    return packet_life(opened, packet_named(opened, str(packet)))


def view(
    source,
    output=None,
    start_s: float | None = None,
    duration_s: float | None = None,
    every_s: float | None = None,
    flows: int | None = None,
    sets=(),
    on_progress=lambda share: None,
    warn=lambda message: None,
) -> dict:
    """Write a run or a topology on a globe, as a page or as CZML.

    Parameters
    ----------
    source : Run, Topology, path or str
        A run or its folder; a topology, its file or its name.
    output : path, optional
        Ends in .html or .czml; absent: `NAME-globe.html` in the current folder.
    start_s, duration_s, every_s
        Seconds since the topology's epoch, as for `scene_of_run` and `scene_of_topology`.
    flows : int, optional
        Of a run, how many are shown.
    sets : iterable of str
        Changes to a topology that is loaded, each `PATH=VALUE`.
    on_progress : function of float
    warn : function of str

    Returns
    -------
    written : dict
        What `lasermesh view --json` prints: `{file, bytes, start_s, stop_s, satellites, sites, ...}`.

    Raises
    ------
    UserError
        If there is no such run or topology, nothing that can be shown, or the file cannot be written.
    """
    from lasermesh.experiments.viewing import DEFAULT_FLOWS, scene_of_run, scene_of_topology
    from lasermesh.scenario import load_topology
    from lasermesh.views.czml import write_czml
    from lasermesh.views.globe import write_globe
    from lasermesh.views.keyframes import LAGRANGE, SPHERE

    is_run = is_a_run(source)
    if is_run and sets:
        raise UserError("sets change a topology; a run is as it was")
    if not is_run and flows is not None:
        raise UserError("a topology has no flows to show; they go with a run")
    output = f"{_name_of(source)}-globe.html" if output is None else output
    check_output(output, VIEW_SUFFIXES)
    as_czml = Path(output).suffix.lower() == ".czml"
    times = {"start_s": start_s, "duration_s": duration_s, "every_s": every_s}
    told = {"on_progress": on_progress, "warn": warn}
    how = {**times, **told, "interpolation": LAGRANGE if as_czml else SPHERE}
    if is_run:
        scene = scene_of_run(one_run(source), flows=DEFAULT_FLOWS if flows is None else flows, **how)
    else:
        topology = source
        if isinstance(source, (str, Path)):
            name = str(source)
            if shipped.find_topology(name) is None and shipped.find_experiment(name) is not None:
                warn(f"this is the topology of experiment {name}, no run: there is no folder of that name")
            topology = load_topology(source, sets)
            for sentence in topology.warnings:
                warn(sentence)
        scene = scene_of_topology(topology, **how)
    n_bytes = (write_czml if as_czml else write_globe)(output, scene)
    return _told(output, n_bytes, scene)


def one_run(run) -> Run:
    """An opened run, from itself or its folder; UserError where a folder holds several."""
    opened = _opened(run, load)
    if isinstance(opened, AlternativeRuns):
        folders = ", ".join(str(each.path) for each in opened.runs.values()) or "none has left one"
        raise UserError(
            f"{opened.path} holds the runs of several alternatives; give the folder of one of them: {folders}"
        )
    return opened


def is_a_run(source) -> bool:
    """Whether a run or its folder is meant; UserError if it can be neither that nor a topology."""
    if not isinstance(source, (str, Path)):
        return isinstance(source, (Run, AlternativeRuns))
    path = Path(source)
    if path.is_dir():
        return not _names_a_file(source) or (path / "manifest.json").is_file()
    if not path.exists() and not _names_a_file(source):
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        beside += shipped.list_topologies() if path.parent == Path() else []
        near = closest(path.name, beside)
        hint = f'; did you mean "{path.parent / near}"?' if near else "; `lasermesh topologies` lists names"
        raise UserError(f'there is no folder of a run, no topology and no file "{source}"{hint}')
    return False


def _names_a_file(name):
    """Whether a topology or experiment has this name: a file here, or a shipped one."""
    shipped_file = shipped.find_topology(str(name)) or shipped.find_experiment(str(name))
    return shipped_file is not None or Path(f"{name}.toml").is_file()


def _opened(run, open_folder):
    """The same run, or what a folder holds."""
    return open_folder(run) if isinstance(run, (str, Path)) else run


def _name_of(source):
    """A name for what is made of a run, a topology, or the file or folder of one."""
    if isinstance(source, (Run, AlternativeRuns)):
        return source.path.resolve().name
    return Path(source).resolve().stem if isinstance(source, (str, Path)) else source.name


def _told(output, n_bytes, scene):
    """What was written, and how much it shows."""
    return {
        "file": str(output),
        "bytes": n_bytes,
        "title": scene.title,
        "subtitle": scene.subtitle,
        "start_s": scene.start_s,
        "stop_s": scene.stop_s,
        "satellites": scene.n_satellites,
        "sites": len(scene.sites),
        "frames": len(scene.frames.frame_s),
        "frame_every_s": float(scene.frames.frame_s[1]),
        "position_error_km": scene.frames.error_m / 1e3,
        "links": len(scene.links.a),
        "contacts": len(scene.contacts.link),
        "flows": None if scene.flows is None else len(scene.flows),
        "flows_left_out": scene.flows_left_out,
        "notes": list(scene.notes),
    }
