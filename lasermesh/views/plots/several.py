"""Several runs, each with a name of its own: alternatives of an experiment, or any that were given."""

from pathlib import Path
from typing import NamedTuple

from lasermesh.errors import UserError
from lasermesh.results.loading import AlternativeRuns
from lasermesh.views.plots.choice import whose


class Study(NamedTuple):
    """What `lasermesh compare` left in a folder."""

    path: Path
    comparison: dict


class Side(NamedTuple):
    """One of the runs that are compared."""

    name: str
    run: object


def sides_of(run, options):
    """The runs that are compared, each with a name of its own."""
    given = [run, *options.others]
    sides = []
    for each in given:
        if isinstance(each, Study):
            raise UserError(f"{each.path}: a comparison stands alone; give folders of runs behind --with")
        if isinstance(each, AlternativeRuns):
            prefix = f"{each.path.name}/" if len(given) > 1 else ""
            sides += [Side(prefix + name, of_one) for name, of_one in each.runs.items()]
        else:
            sides.append(Side(each.path.name, each))
    paths = [side.run.path for side in sides]
    for path in paths:
        if paths.count(path) > 1:
            raise UserError(f"{path} is given more than once")
    names = [side.name for side in sides]
    return [side if names.count(side.name) == 1 else Side(str(side.run.path), side.run) for side in sides]


def common_words(run, options):
    """What all runs are of, for the line below a title; else how many they are."""
    words = {whose(side.run) for side in sides_of(run, options)}
    return words.pop() if len(words) == 1 else f"{len(words)} runs"
