"""The largest number that is fine, where all smaller ones are."""


def largest_that(goes, above, least=0):
    """The largest whole number from `least` to below `above` for which a function is true, or None.

    `goes` is true up to some number and false from there on; it is not asked of `above`.
    """
    if not goes(least):
        return None
    low, high = least, above
    while high - low > 1:
        middle = (low + high) // 2
        if goes(middle):
            low = middle
        else:
            high = middle
    return low
