"""What a routing policy says of itself: whether it is complete and loop-free, its source, its options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lasermesh.errors import UserError
from lasermesh.scenario.fields import REQUIRED

if TYPE_CHECKING:
    from lasermesh.routing.snapshot import Snapshot
    from lasermesh.routing.table import ForwardingTable


class Option(NamedTuple):
    """One key of `[routing.options]`."""

    kind: type  # int, float, bool or str
    default: Any  # None: none; REQUIRED (of scenario.fields): it must be given
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


class Declaration(NamedTuple):
    """What a policy promises; the conformance suite and every run hold it to that."""

    complete: bool = False  # every flow arrives that has a path through nodes with transit
    loop_free: bool = True  # no choices, however combined, lead to a node twice with the same label
    source: str = ""  # the paper or definition
    options: Mapping[str, Option] | None = None  # None: anything may stand in [routing.options]


@dataclass(frozen=True)
class Policy:
    """A routing function with the name that errors and results call it by, and what it promises."""

    name: str
    function: Callable[["Snapshot"], "ForwardingTable | np.ndarray"]
    file: Path | None = None  # where a plug-in stands

    @property
    def declaration(self) -> Declaration:
        """What the function was declared to be with `declare`; else what holds for all plug-ins."""
        return getattr(self.function, "lasermesh_policy", Declaration())

    def __call__(self, snapshot: "Snapshot"):
        return self.function(snapshot)


def declare(
    *,
    complete: bool = False,
    loop_free: bool = True,
    source: str = "",
    options: Mapping[str, Option] | None = None,
):
    """A decorator that says what a policy is; without it, a policy is loop-free and need not be complete.

    Parameters
    ----------
    complete : bool
        Every flow arrives that has a path, over nodes that carry transit.
    loop_free : bool
        No combination of choices leads to a node twice with the same label.
    source : str
        The paper or the definition.
    options : mapping of str to Option, optional
        The keys that may stand in `[routing.options]`; None: any.

    Raises
    ------
    TypeError
        If an option is no `Option` of one of the four kinds.
    """
    for name, option in (options or {}).items():
        if not isinstance(option, Option) or option.kind not in (int, float, bool, str):
            raise TypeError(
                f'option "{name}" must be an Option of kind int, float, bool or str (got {option!r})'
            )
    declared = Declaration(
        complete, loop_free, source, None if options is None else MappingProxyType(dict(options))
    )

    def mark(function):
        function.lasermesh_policy = declared
        return function

    return mark


def options_in(snapshot: "Snapshot", options: Mapping[str, Option]) -> dict[str, Any]:
    """What a snapshot says of each option, and the default of those it does not name.

    Runs and studies fill the defaults in; who calls a policy from another one may leave options out.

    Raises
    ------
    UserError
        If one is missing that has no default.
    """
    found = {name: snapshot.options.get(name, option.default) for name, option in options.items()}
    for name, value in found.items():
        if value is REQUIRED:
            raise UserError(f"the option {name} is missing: {options[name].help}")
    return found
