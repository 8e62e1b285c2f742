"""Where light times, followed along contacts, have moved by more than a limit."""

from lasermesh.compiled import kernel


@kernel
def fill_cuts(first, t_s, light_s, limit_s, n_cuts, cut_s):
    """Instants that cut each contact so that the light time spans at most the limit in every piece.

    Parameters
    ----------
    first : int64 (n_contacts + 1,)
        Samples of contact c are rows [first[c], first[c + 1]), from its start to its stop.
    t_s, light_s : float64 (n_samples,)
        Light time at each sample, taken as linear between them; nan never cuts.
    limit_s : float
    n_cuts : int64 (n_contacts,)
        Gets the number of cuts of each contact.
    cut_s : float64, long enough
        Gets the instants, contact after contact, ascending.
    """
    total = 0
    for contact in range(len(n_cuts)):
        before = total
        row = first[contact]
        low = high = at_light = light_s[row]
        at = t_s[row]
        for k in range(row + 1, first[contact + 1]):
            while max(high, light_s[k]) - min(low, light_s[k]) > limit_s:
                rises = light_s[k] > at_light
                level = low + limit_s if rises else high - limit_s
                at += (level - at_light) / (light_s[k] - at_light) * (t_s[k] - at)
                cut_s[total] = at
                total += 1
                low = high = at_light = level
            low = min(low, light_s[k])
            high = max(high, light_s[k])
            at = t_s[k]
            at_light = light_s[k]
        n_cuts[contact] = total - before
