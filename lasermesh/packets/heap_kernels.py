"""A binary heap of (time, stream) rows: which stream of a node has the next packet."""

from lasermesh.compiled import inline_kernel


@inline_kernel
def precedes(heap, a, b):
    """Whether entry a of the heap comes before entry b: earlier, or at the same time and a lower stream."""
    return heap[a, 0] < heap[b, 0] or (heap[a, 0] == heap[b, 0] and heap[a, 1] < heap[b, 1])


@inline_kernel
def sift_down(heap, top, n):
    """Restore the heap of n (time, stream) at row `top` after its first entry has grown."""
    time = heap[top, 0]
    stream = heap[top, 1]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= n:
            break
        if child + 1 < n and precedes(heap, top + child + 1, top + child):
            child += 1
        child_time = heap[top + child, 0]
        if time < child_time or (time == child_time and stream < heap[top + child, 1]):
            break
        heap[top + hole, 0] = child_time
        heap[top + hole, 1] = heap[top + child, 1]
        hole = child
    heap[top + hole, 0] = time
    heap[top + hole, 1] = stream


@inline_kernel
def sift_up(heap, top, n, time, stream):
    """Add an entry to a heap of n; streams are added in ascending order, so an equal time stays behind."""
    hole = n
    while hole > 0:
        parent = (hole - 1) >> 1
        if heap[top + parent, 0] <= time:
            break
        heap[top + hole, 0] = heap[top + parent, 0]
        heap[top + hole, 1] = heap[top + parent, 1]
        hole = parent
    heap[top + hole, 0] = time
    heap[top + hole, 1] = stream


@inline_kernel
def rival_bound(heap, top, n, limit):
    """Until when the first stream of the heap may go on before another must be looked at (exclusive)."""
    if n == 1:
        return limit
    rival = top + 1
    if n > 2 and precedes(heap, top + 2, top + 1):
        rival = top + 2
    bound = heap[rival, 0]
    if heap[top, 1] < heap[rival, 1]:
        bound += 1
    return min(bound, limit)
