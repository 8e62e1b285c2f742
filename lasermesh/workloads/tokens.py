"""How long requests and answers are, in tokens, as drawn numbers.

Quantiles and means are those of the traces that Azure published of one day of November 2023: 19,366 requests
for conversation and 8,819 for code (Azure Public Dataset, AzureLLMInferenceDataset2023, CC-BY; Patel et al.,
"Splitwise: Efficient Generative LLM Inference Using Phase Splitting", ISCA 2024).
"""

from bisect import bisect_right

from lasermesh.scenario.workloads import CHAT, CODE


class Lengths:
    """A distribution of whole numbers by its quantiles; between them the quantile function is a power of the
    probability, straight but for one piece, whose exponent makes the mean right.

    Parameters
    ----------
    points : tuple of (probability, value)
        From probability 0, the least value, to 1, the greatest.
    mean : float
    bent : int
        Which piece is bent, counted from 0.

    Attributes
    ----------
    mean : float

    Raises
    ------
    ValueError
        If no exponent gives that mean.
    """

    def __init__(self, points, mean, bent):
        self.mean = mean
        self._probabilities = [probability for probability, _ in points]
        self._values = [float(value) for _, value in points]
        # A piece from a to b as a + (b - a) w^k with w in [0, 1] has the mean a + (b - a) / (k + 1).
        rest = sum(
            (self._probabilities[i + 1] - self._probabilities[i])
            * (self._values[i] + self._values[i + 1])
            / 2.0
            for i in range(len(points) - 1)
            if i != bent
        )
        low, high = self._values[bent], self._values[bent + 1]
        own = (mean - rest) / (self._probabilities[bent + 1] - self._probabilities[bent])
        if not low < own < high:
            raise ValueError(f"a mean of {mean:g} needs {own:g} between {low:g} and {high:g} on average")
        self._exponents = [1.0] * (len(points) - 1)
        self._exponents[bent] = (high - low) / (own - low) - 1.0

    def quantile(self, probability):
        """The value below which a number lies with a probability strictly between 0 and 1, as a float."""
        piece = bisect_right(self._probabilities, probability) - 1
        begin, end = self._probabilities[piece : piece + 2]
        low, high = self._values[piece : piece + 2]
        return low + (high - low) * ((probability - begin) / (end - begin)) ** self._exponents[piece]

    def number(self, unit):
        """The whole number that belongs to a draw strictly between 0 and 1, at least 1."""
        return max(1, round(self.quantile(unit)))


# The least and greatest are guesses, as is what code's answers do above their p90, of which no p99 was given:
# there the mean decides. Elsewhere it decides between median and p90, where most of what is unknown lies.
CONTEXT = {
    CHAT: Lengths(((0, 1), (0.5, 1020), (0.9, 2734), (0.99, 4142), (1, 14_000)), 1155, bent=1),
    CODE: Lengths(((0, 1), (0.5, 1469), (0.9, 5188), (0.99, 7436), (1, 7_500)), 2048, bent=1),
}
OUTPUT = {
    CHAT: Lengths(((0, 1), (0.5, 129), (0.9, 424), (0.99, 601), (1, 1_000)), 211, bent=1),
    CODE: Lengths(((0, 1), (0.5, 13), (0.9, 55), (1, 500)), 28, bent=2),
}
