"""The Earth's coastlines, to draw under whatever is drawn on a map or a globe.

Made with Natural Earth, 1:110m land, version 4.1.0, which is in the public domain (naturalearthdata.com).
The table was made once from the package world-atlas 2.0.2 (land-110m.json): its arcs, longitudes unwrapped,
cut where they cross the meridian of 180 degrees, without the edges along that meridian, which are no coast,
rounded to 0.01 degree (1.1 km; the lines themselves are generalised to some 10 km).
"""

from functools import cache
from pathlib import Path

import numpy as np

SOURCE = "Coastlines: Natural Earth, 1:110m land, public domain."
UNIT_DEG = 0.01
BREAK = -32768
"""In both columns of the table: one line ends here and another begins."""

_FILE = Path(__file__).with_name("coastlines-110m.npy")


@cache
def coastline_table() -> np.ndarray:
    """All lines one after the other: int16 (n, 2), longitude and latitude in units of `UNIT_DEG`.

    A row of `BREAK` stands between two lines. Read-only.
    """
    table = np.load(_FILE)
    table.flags.writeable = False
    return table


def coastlines() -> list[np.ndarray]:
    """Each line by itself: float64 (n, 2), longitude in [-180, 180] and latitude, both in degrees.

    No line crosses the meridian of 180 degrees, so each can be drawn on a map as it is.
    """
    table = coastline_table()
    breaks = np.flatnonzero(table[:, 0] == BREAK)
    return [
        line[line[:, 0] != BREAK].astype(np.float64) * UNIT_DEG
        for line in np.split(table, breaks)
        if len(line)
    ]
