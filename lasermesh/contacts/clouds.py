"""When optical ground stations are under clouds: a chain of two states in continuous time."""

import bisect
import math

import numpy as np

from lasermesh.random_kernels import CLOUD, draw_unit

_BACKWARD = 2**32


class Sky:
    """The clouds over one site: clear with its availability, cloudy for `mean_cloudy_s` on average.

    Sojourns are exponential. The states before t = 0 are drawn as those after it, backwards: such a chain
    looks the same in both directions.
    """

    def __init__(self, seed, row, availability, mean_cloudy_s):
        self._draw = lambda counter: draw_unit(np.uint64(seed), CLOUD, row, counter)
        self._mean_s = {False: mean_cloudy_s, True: mean_cloudy_s * availability / (1.0 - availability)}
        self._clear_at_0 = bool(self._draw(0) < availability)
        self._after_s, self._before_s = [0.0], [0.0]  # where sojourns end: ascending, and descending

    def is_clear(self, t_s):
        """Whether there are no clouds at an instant; a transition counts at its instant."""
        if t_s >= 0.0:
            self._extend(self._after_s, t_s, 1.0, 0)
            passed = bisect.bisect_right(self._after_s, t_s) - 1
        else:
            self._extend(self._before_s, t_s, -1.0, _BACKWARD)
            passed = bisect.bisect_left([-edge for edge in self._before_s], -t_s) - 1
        return self._clear_at_0 == (passed % 2 == 0)

    def transitions(self, begin_s, end_s):
        """Instants in (begin_s, end_s] at which it clouds over or clears up, ascending."""
        found = []
        if begin_s < 0.0:
            self._extend(self._before_s, begin_s, -1.0, _BACKWARD)
            found += [edge for edge in reversed(self._before_s[1:]) if begin_s < edge <= end_s]
        if end_s > 0.0:
            self._extend(self._after_s, end_s, 1.0, 0)
            first = bisect.bisect_right(self._after_s, max(begin_s, 0.0), lo=1)
            found += self._after_s[first : bisect.bisect_right(self._after_s, end_s)]
        return found

    def _extend(self, edges_s, t_s, sign, counter):
        """Draw sojourns until they reach an instant."""
        while sign * edges_s[-1] <= sign * t_s:
            k = len(edges_s) - 1
            clear = self._clear_at_0 == (k % 2 == 0)
            edges_s.append(edges_s[-1] - sign * math.log(self._draw(counter + 1 + k)) * self._mean_s[clear])


def clouds_of(site, row, seed):
    """The clouds over a site, None where there never are any."""
    if site.availability is None or site.availability >= 1.0:
        return None
    return Sky(seed, row, site.availability, site.mean_cloudy_s)
