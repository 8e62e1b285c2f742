"""Where the topologies, experiments, site sets and contact plans that come with lasermesh are found.

A wheel carries them inside the package (``lasermesh/topologies``); a checkout, installed or not, has them
beside it (``topologies``).
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lasermesh.errors import UserError

_PACKAGE = Path(__file__).resolve().parent


def _folder():
    """The shipped ``topologies`` folder of this installation."""
    inside_wheel = _PACKAGE / "topologies"
    return inside_wheel if inside_wheel.is_dir() else _PACKAGE.parent / "topologies"


def _names(folder, suffix):
    return sorted(path.stem for path in folder.glob(f"*{suffix}"))


def _find(folder, name, suffix):
    """The file called `name` (with or without its suffix) directly in `folder`, or None."""
    stem = name.removesuffix(suffix)
    # Compared with the names that exist rather than joined to the folder: "../x" is no shipped name.
    return folder / f"{stem}{suffix}" if stem in _names(folder, suffix) else None


def find_topology(name: str) -> Path | None:
    """The shipped topology file called `name`, None where there is none of that name."""
    return _find(_folder(), name, ".toml")


def find_experiment(name: str) -> Path | None:
    """The shipped experiment file called `name`, None where there is none of that name."""
    return _find(_folder() / "experiments", name, ".toml")


def find_sites(name: str) -> Path | None:
    """The shipped CSV file of ground sites called `name`, None where there is none of that name."""
    return _find(_folder() / "sites", name, ".csv")


def find_plan(name: str) -> Path | None:
    """The shipped contact plan called `name`, None where there is none of that name."""
    return _find(_folder() / "plans", name, ".ionrc")


def list_topologies() -> list[str]:
    """Names of the shipped topologies, in alphabetical order."""
    return _names(_folder(), ".toml")


def list_experiments() -> list[str]:
    """Names of the shipped experiments, in alphabetical order."""
    return _names(_folder() / "experiments", ".toml")


def list_sites() -> list[str]:
    """Names of the shipped sets of ground sites, in alphabetical order."""
    return _names(_folder() / "sites", ".csv")


def list_plans() -> list[str]:
    """Names of the shipped contact plans, in alphabetical order."""
    return _names(_folder() / "plans", ".ionrc")


@dataclass(frozen=True)
class ShippedFile:
    """One file that comes with lasermesh."""

    name: str
    kind: str  # "topology" | "experiment" | "sites" | "plan"
    file: Path

    @property
    def text(self) -> str:
        """The whole file."""
        return self.file.read_text(encoding="utf-8")

    @property
    def about(self) -> str:
        """One line: the first line of a file's comment, or how many sites a CSV file has."""
        lines = self.text.splitlines()
        if self.kind == "sites":
            return f"{len(lines) - 1} site{'' if len(lines) == 2 else 's'}"
        return lines[0].removeprefix("#").strip()


def catalogue() -> dict[str, list[ShippedFile]]:
    """Everything shipped, in lists called `topologies`, `experiments`, `sites` and `plans`."""
    kinds = {
        "topologies": ("topology", list_topologies, find_topology),
        "experiments": ("experiment", list_experiments, find_experiment),
        "sites": ("sites", list_sites, find_sites),
        "plans": ("plan", list_plans, find_plan),
    }
    return {
        group: [ShippedFile(name, kind, find(name)) for name in list_names()]
        for group, (kind, list_names, find) in kinds.items()
    }


def find(name: str) -> ShippedFile:
    """The shipped file called `name`, whatever its kind; UserError with the nearest name if there is none."""
    items = {item.name: item for group in catalogue().values() for item in group}
    stem = name.removesuffix(".toml").removesuffix(".csv").removesuffix(".ionrc")
    if stem not in items:
        near = get_close_matches(stem, items, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise UserError(f'nothing shipped is named "{name}"{hint}')
    return items[stem]
