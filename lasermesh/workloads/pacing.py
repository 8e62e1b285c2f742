"""How fast transfers may send: a fair share of the links that they cross."""

import heapq


def fair_rates(paths, capacity_bps):
    """Max-min fair rates of senders, by progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2).

    All rates grow alike; where a link is full, those that cross it stay as they are, and the others go on.

    Parameters
    ----------
    paths : sequence of sequence of int
        Links that each sender crosses, at least one, none twice.
    capacity_bps : mapping of link to int

    Returns
    -------
    rates_bps : list of float
    """
    crossing = {}
    for sender, path in enumerate(paths):
        for link in path:
            crossing.setdefault(link, []).append(sender)
    left_bps = {link: float(capacity_bps[link]) for link in crossing}
    growing = {link: len(senders) for link, senders in crossing.items()}
    # The level at which a link fills only rises as others are fixed: what was put down is looked at again.
    levels = [(left_bps[link] / growing[link], link) for link in crossing]
    heapq.heapify(levels)
    rates_bps = [None] * len(paths)
    while levels:
        level_bps, link = heapq.heappop(levels)
        if growing[link] == 0:
            continue
        now_bps = left_bps[link] / growing[link]
        if now_bps > level_bps:
            heapq.heappush(levels, (now_bps, link))
            continue
        for sender in crossing[link]:
            if rates_bps[sender] is None:
                rates_bps[sender] = max(0.0, now_bps)
                for other in paths[sender]:
                    left_bps[other] -= now_bps
                    growing[other] -= 1
    return rates_bps


class Broker:
    """Remembers who sends over which links, and shares these out among those whom a change concerns.

    Parameters
    ----------
    share : float
        Of each link's rate, what is shared out.
    """

    def __init__(self, share=1.0):
        self._share = share
        self._paths = {}  # by sender
        self._crossing = {}  # senders (dict used as an ordered set) by link
        self._touched = {}  # links whose senders have changed
        self._shared_bps = {}  # rates of links as they were shared out last

    def set_path(self, sender, path):
        """Have a sender cross these links from now on; None: it does not send."""
        before = self._paths.get(sender)
        if before == path:
            return
        if before is not None:
            for link in before:
                del self._crossing[link][sender]
                if not self._crossing[link]:
                    del self._crossing[link]
                self._touched[link] = None
            del self._paths[sender]
        if path is not None:
            self._paths[sender] = path
            for link in path:
                self._crossing.setdefault(link, {})[sender] = None
                self._touched[link] = None

    def touch(self, links):
        """Note that links may have other rates than before."""
        self._touched.update(dict.fromkeys(links))

    def touch_changed(self, rate_of):
        """Note those links that have another rate than the one that was shared out last."""
        self.touch(link for link in self._crossing if rate_of(link) != self._shared_bps.get(link))

    def take_rates(self, rate_of):
        """Rates of all senders that what happened since the last call may concern: dict of bit/s by sender.

        `rate_of(link)` is the rate of a link in bit/s.
        """
        senders = self._concerned()
        self._touched = {}
        paths = [self._paths[sender] for sender in senders]
        rates_bps = {link: rate_of(link) for path in paths for link in path}
        self._shared_bps.update(rates_bps)
        capacity_bps = {link: self._share * rate_bps for link, rate_bps in rates_bps.items()}
        if len(senders) == 1:
            return {senders[0]: min(capacity_bps.values())}
        return dict(zip(senders, fair_rates(paths, capacity_bps), strict=True))

    def _concerned(self):
        """Senders that share links with senders ... on a link that was touched, in ascending order."""
        found, links = set(), list(self._touched)
        seen = set(links)
        while links:
            for sender in self._crossing.get(links.pop(), ()):
                if sender not in found:
                    found.add(sender)
                    new = [link for link in self._paths[sender] if link not in seen]
                    seen.update(new)
                    links += new
        return sorted(found)
