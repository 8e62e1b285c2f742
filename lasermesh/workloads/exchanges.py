"""How a group sums up what each of its nodes has: by ring, by tree, or each with each.

An exchange knows positions in the group, 0 to n - 1, and is handed a way to send. Nobody waits for the whole
group between two rounds: a node goes on as soon as what it needs next has arrived. In whichever order things
arrive, each node is done when it has as many as it must get.
"""

from functools import partial

from lasermesh.scenario.workloads import ALL_TO_ALL, RING, TREE


def chunks(n_bytes, n_chunks):
    """Sizes of the parts of something, as list of int: the first are larger by a byte if any are."""
    each, left = divmod(n_bytes, n_chunks)
    return [each + 1] * left + [each] * (n_chunks - left)


class Exchange:
    """One summing up.

    Parameters
    ----------
    n_nodes, n_bytes : int
        Size of the group, and of what each node has.
    send : callable
        `send(source, destination, n_bytes, action)`, with positions, calls `action()` on arrival.
    on_done : callable
        Called once, when the last node has everything.
    """

    def __init__(self, n_nodes, n_bytes, send, on_done):
        self._n = n_nodes
        self._bytes = n_bytes
        self._chunks = chunks(n_bytes, n_nodes)
        self._send = send
        self._on_done = on_done
        self._awaited = [self.arrivals(n_nodes, position) for position in range(n_nodes)]
        self._unfinished = n_nodes

    @staticmethod
    def pairs(n_nodes):
        """Who ever sends to whom, as list of (source, destination)."""
        raise NotImplementedError

    @staticmethod
    def arrivals(n_nodes, position):
        """How many things must arrive at a node until it has everything."""
        raise NotImplementedError

    def begin(self):
        """Send what can be sent at once."""
        raise NotImplementedError

    def _count(self, position):
        """One more thing has come to a node."""
        self._awaited[position] -= 1
        if self._awaited[position] == 0:
            self._unfinished -= 1
            if self._unfinished == 0:
                self._on_done()


class Ring(Exchange):
    """2(n - 1) rounds in each of which every node sends a chunk to the next one (Patarasuk and Yuan,
    J. Parallel Distrib. Comput. 69 (2009) 117): after n - 1 each holds one chunk's sum, after n - 1 more all.
    """

    @staticmethod
    def pairs(n_nodes):
        return [(i, (i + 1) % n_nodes) for i in range(n_nodes)]

    @staticmethod
    def arrivals(n_nodes, position):
        return 2 * (n_nodes - 1)

    def begin(self):
        for position in range(self._n):
            self._pass_on(position, 0)

    def _pass_on(self, position, turn):
        """Send the chunk that came in the turn before (in the first, an own one) to the next node."""
        successor = (position + 1) % self._n
        size = self._chunks[(position - turn) % self._n]
        self._send(position, successor, size, partial(self._arrived, successor, turn))

    def _arrived(self, position, turn):
        if turn + 1 < 2 * (self._n - 1):
            self._pass_on(position, turn + 1)
        self._count(position)


class Tree(Exchange):
    """Everything goes up a binary tree, summed at each node, and the sum comes down again, all bytes over
    each edge. A node sends only what it has in full.
    """

    def __init__(self, n_nodes, n_bytes, send, on_done):
        super().__init__(n_nodes, n_bytes, send, on_done)
        self._below = [len(self._children(n_nodes, position)) for position in range(n_nodes)]

    @staticmethod
    def _children(n_nodes, position):
        return [child for child in (2 * position + 1, 2 * position + 2) if child < n_nodes]

    @staticmethod
    def pairs(n_nodes):
        up = [(i, (i - 1) // 2) for i in range(1, n_nodes)]
        return up + [(parent, child) for child, parent in up]

    @classmethod
    def arrivals(cls, n_nodes, position):
        return len(cls._children(n_nodes, position)) + (position > 0)

    def begin(self):
        for position in range(self._n):
            if self._below[position] == 0:
                self._send_up(position)

    def _send_up(self, position):
        parent = (position - 1) // 2
        self._send(position, parent, self._bytes, partial(self._came_up, parent))

    def _came_up(self, position):
        self._below[position] -= 1
        if self._below[position] == 0:
            if position == 0:
                self._send_down(position)
            else:
                self._send_up(position)
        self._count(position)

    def _send_down(self, position):
        for child in self._children(self._n, position):
            self._send(position, child, self._bytes, partial(self._came_down, child))

    def _came_down(self, position):
        self._send_down(position)
        self._count(position)


class AllToAll(Exchange):
    """Each node sends each other one its chunk, and the chunk that it has summed up to all of them."""

    def __init__(self, n_nodes, n_bytes, send, on_done):
        super().__init__(n_nodes, n_bytes, send, on_done)
        self._addends = [n_nodes - 1] * n_nodes

    @staticmethod
    def pairs(n_nodes):
        return [(i, j) for i in range(n_nodes) for j in range(n_nodes) if i != j]

    @staticmethod
    def arrivals(n_nodes, position):
        return 2 * (n_nodes - 1)

    def begin(self):
        for source, destination in self._in_turns():
            self._send(
                source, destination, self._chunks[destination], partial(self._addend_came, destination)
            )

    def _in_turns(self):
        """All pairs such that not all begin with the same destination."""
        return [(i, (i + step) % self._n) for i in range(self._n) for step in range(1, self._n)]

    def _addend_came(self, position):
        self._addends[position] -= 1
        if self._addends[position] == 0:
            for step in range(1, self._n):
                other = (position + step) % self._n
                self._send(position, other, self._chunks[position], partial(self._count, other))
        self._count(position)


EXCHANGES = {RING: Ring, TREE: Tree, ALL_TO_ALL: AllToAll}
