"""What threads of one run need from each other: ordered loads and stores, and a barrier.

A ring has one writer and one reader, so a release store of how far it is written and an acquire load
of the same are enough (on x86-64 both are plain moves). numba offers neither; these are thin wraps of
the LLVM instructions. Without compilation, Python's own lock gives the same order.
"""

import time

from lasermesh.compiled import COMPILED, inline_kernel, intrinsic
from lasermesh.packets.state import C_ARRIVED

SPINS_BEFORE_YIELD = 200

if COMPILED:
    from llvmlite import ir
    from numba.core import cgutils, types

    def _element_pointer(context, builder, signature, args):
        array_type, array = signature.args[0], args[0]
        data = context.make_array(array_type)(context, builder, array).data
        return builder.gep(data, [args[1]])

    @intrinsic
    def load_acquire(typingctx, array, index):
        """Element of an int64 array, counted row by row; nothing read later is read before it."""

        def codegen(context, builder, signature, args):
            pointer = _element_pointer(context, builder, signature, args)
            return builder.load_atomic(pointer, "acquire", 8, typ=ir.IntType(64))

        return types.int64(array, types.int64), codegen

    @intrinsic
    def store_release(typingctx, array, index, value):
        """Set an element of an int64 array, counted row by row; what was written earlier is seen earlier."""

        def codegen(context, builder, signature, args):
            pointer = _element_pointer(context, builder, signature, args)
            builder.store_atomic(args[2], pointer, "release", 8)
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), codegen

    @intrinsic
    def add_and_get(typingctx, array, index, value):
        """Add to an element of an int64 array, counted row by row as one step; the new value."""

        def codegen(context, builder, signature, args):
            pointer = _element_pointer(context, builder, signature, args)
            return builder.add(builder.atomic_rmw("add", pointer, args[2], "seq_cst"), args[2])

        return types.int64(array, types.int64, types.int64), codegen

    @intrinsic
    def yield_processor(typingctx):
        """Let another thread have this core (POSIX sched_yield)."""

        def codegen(context, builder, signature, args):
            function_type = ir.FunctionType(ir.IntType(32), [])
            function = cgutils.get_or_insert_function(builder.module, function_type, "sched_yield")
            builder.call(function, [])
            return context.get_dummy_value()

        return types.void(), codegen

else:

    def load_acquire(array, index):
        return array.reshape(-1)[index]

    def store_release(array, index, value):
        array.reshape(-1)[index] = value

    def add_and_get(array, index, value):
        raise NotImplementedError("without compilation a run has one thread")

    def yield_processor():
        time.sleep(0)


@inline_kernel
def wait_for_all(control, n_workers, round_number):
    """Barrier: return once every worker has called this `round_number` times (rounds count from 1)."""
    if n_workers == 1:
        return
    target = n_workers * round_number
    if add_and_get(control, C_ARRIVED, 1) == target:
        return
    spins = 0
    while load_acquire(control, C_ARRIVED) < target:
        spins += 1
        if spins >= SPINS_BEFORE_YIELD:
            spins = 0
            yield_processor()
