"""Finding the file that a name in a scenario means."""

import os

from lasermesh.scenario.problems import did_you_mean, shown
from lasermesh.scenario.sources import MOST_DATA_BYTES, FileFault, display_name, read_bytes, read_text


def find_file(name, folder, suffix, what, find_shipped=None, shipped_names=()):
    """Path of the file that `name` means.

    A name without slash is looked up in `folder`, with and without `suffix`, then among the shipped ones; any
    other is a path relative to `folder`.

    Raises
    ------
    FileFault
        If no file can be meant. A path that is returned may still be missing.
    """
    if "/" in name or os.sep in name:
        return folder / name
    for path in (folder / f"{name}{suffix}", folder / name):
        if os.path.isfile(path):
            return path
    shipped = find_shipped(name) if find_shipped else None
    if shipped is not None:
        return shipped
    if os.path.splitext(name)[1] or os.path.lexists(folder / name):
        return folder / name
    beside = [path.stem for path in folder.glob(f"*{suffix}")]
    raise FileFault(f"no {what} is named {shown(name)}{did_you_mean(name, [*beside, *shipped_names])}")


def read_data_file(name, place, suffix, what, *shipped):
    """Text and display name of the data file that is named at this place; None after reporting why not."""
    try:
        path = find_file(name, place.source.path.parent, suffix, what, *shipped)
        return read_text(path, MOST_DATA_BYTES, place.source.report), display_name(path)
    except FileFault as fault:
        place.report(str(fault), name)
        return None


def read_data_bytes(name, place, suffix, what, *shipped):
    """Bytes, path and display name of the data file that is named at this place; None after reporting."""
    try:
        path = find_file(name, place.source.path.parent, suffix, what, *shipped)
        return read_bytes(path, MOST_DATA_BYTES, place.source.report), path, display_name(path)
    except FileFault as fault:
        place.report(str(fault), name)
        return None
