"""The engine against the reference simulator, packet by packet, on random small networks.

LASERMESH_CASES=20 in the environment makes twenty times as many cases.
"""

import os
import random

import pytest

from lasermesh.packets import engine as engine_module
from tests.packets.adapter import run_case
from tests.packets.comparing import differences, enough
from tests.reference.cases import FLAVOURS, random_case
from tests.reference.packet_simulator import simulate

CASES_PER_FLAVOUR = enough(12, 2) * int(os.environ.get("LASERMESH_CASES", "1"))


def numbered_case(flavour, number):
    """One of a flavour's endless list of cases."""
    return random_case(random.Random(f"engine/{flavour}/{number}"), flavour)


def numbered_options(flavour, number):
    """How the engine runs it: (options of `run_case`, module constants), none of which may matter."""
    dice = random.Random(f"options/{flavour}/{number}")
    options = {"threads": dice.choice((1, 2)), "windows_per_call": dice.choice((1, 3, 100, 2**62))}
    if dice.random() < 0.4:
        options["longest_window_ps"] = 10 ** dice.randint(4, 10)
    if dice.random() < 0.5:
        options["domain_delay_ps"] = 10 ** dice.randint(0, 12)
        options["domain_share"] = dice.choice((1, 4, 16))
    constants = {"LITTLE_WORK_PER_WINDOW": dice.choice((0, 100))}
    if dice.random() < 0.4:
        constants["FIRST_CHUNKS"] = dice.randint(1, 20)
        constants["FIRST_TAPS"] = dice.choice((1, 4, 10, 100))
        constants["MOST_TAPS"] = dice.choice((16, 128, 1024))
    if dice.random() < 0.5:
        constants["BATCH"] = dice.choice((1, 2, 7, 40))
        constants["FIRST_ROWS"] = dice.choice((1, 10, 100))
    return options, constants


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_packet_meets_the_fate_that_the_reference_says(flavour, monkeypatch):
    for number in range(CASES_PER_FLAVOUR):
        case = numbered_case(flavour, number)
        options, constants = numbered_options(flavour, number)
        for name, value in constants.items():
            monkeypatch.setattr(engine_module, name, value)
        heading = f"numbered_case({flavour!r}, {number}), {options}, {constants}:"
        try:
            engine, fates = run_case(case, **options)
        except Exception as error:
            error.add_note(heading)
            raise
        monkeypatch.undo()
        lines = differences(engine, fates, simulate(case))
        assert not lines, "\n".join([heading, *lines])
