"""The memory of packets: one block of chunks that starts on a page and can grow in place."""

import numpy as np

from lasermesh.errors import RunFailed
from lasermesh.packets.state import CHUNK

PAGE_BYTES = 4096
PACKET_BYTES = 32
CHUNK_BYTES = CHUNK * PACKET_BYTES + 4  # with its place in `next_chunk`
_PAGE = PAGE_BYTES // 8


class ChunkPool:
    """Arrays `packets`, `tails` and `next_chunk` of the engine.

    A packet that straddled two cache lines would cost two misses, and a chunk two pages; what numpy allocates
    begins 16 bytes into a page, so a page more is taken and its beginning left unused.
    """

    def __init__(self, n_chunks, limit_bytes=None, with_tails=False):
        self._limit_bytes = limit_bytes
        self._raw = np.empty(n_chunks * CHUNK * 4 + _PAGE, np.int64)
        self._skip = self._first_page()
        self.next_chunk = np.empty(n_chunks, np.int32)
        self._with_tails = with_tails
        self.tails = np.zeros((n_chunks * CHUNK if with_tails else 1, 2), np.int64)

    @property
    def packets(self):
        """int64 (n_chunks * CHUNK, 4), a view that is good until the pool grows."""
        n = len(self.next_chunk) * CHUNK * 4
        return self._raw[self._skip : self._skip + n].reshape(-1, 4)

    def grow(self, needed, n_free):
        """Add as many chunks as there are and `needed`, or as many as memory allows; the ids of the new ones.

        Raises
        ------
        RunFailed
            If less than `needed` would be free, `n_free` of them being so already.
        """
        have = len(self.next_chunk)
        total = 2 * (have + needed)
        if self._limit_bytes is not None:
            total = max(have, min(total, self._limit_bytes // CHUNK_BYTES))
            if total - have + n_free < needed:
                raise RunFailed(
                    f"packets in flight need more than the {self._limit_bytes / 1e9:.1f} GB of memory "
                    "that there is; fewer or slower flows, or packets.scale below 1, would do"
                )
        try:
            # In place: a copy would need the memory of both.
            self._raw.resize(total * CHUNK * 4 + _PAGE, refcheck=False)
            self.next_chunk.resize(total, refcheck=False)
            if self._with_tails:
                self.tails.resize((total * CHUNK, 2), refcheck=False)
        except MemoryError:
            raise RunFailed("packets in flight need more memory than there is") from None
        before, self._skip = self._skip, self._first_page()
        if before != self._skip:
            n = have * CHUNK * 4
            self._raw[self._skip : self._skip + n] = self._raw[before : before + n].copy()
        return np.arange(have, total, dtype=np.int32)

    def _first_page(self):
        """Where the first whole page of the block begins, in words."""
        return (-self._raw.ctypes.data % PAGE_BYTES) // 8
