"""Max-min fair rates, the slow and obvious way."""


def slow_fair_rates(paths, capacity_bps):
    """Raise all rates alike until a link is full; those that cross it stay as they are, the others go on."""
    rates_bps = [0.0] * len(paths)
    growing = set(range(len(paths)))
    while growing:
        room = {}
        for link in {link for sender in growing for link in paths[sender]}:
            used = sum(rate for rate, path in zip(rates_bps, paths, strict=True) if link in path)
            room[link] = (capacity_bps[link] - used) / sum(link in paths[sender] for sender in growing)
        more = min(room.values())
        for sender in growing:
            rates_bps[sender] += more
        full = {link for link, left in room.items() if left <= more * (1 + 1e-12)}
        growing = {sender for sender in growing if not full & set(paths[sender])}
    return rates_bps
