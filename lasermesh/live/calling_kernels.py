"""Calling kernels where they lie compiled, instead of compiling them once more as parts of their callers.

numba puts what a kernel calls into that kernel, and optimizes all of it again at every level. For `advance`
alone that is half a minute, which whoever starts live mode for the first time would wait. So the addresses of
a few large kernels are taken (`address_of`), kept in an array, and called by numba's own convention.
"""

import numpy as np

from lasermesh.compiled import COMPILED, intrinsic

if COMPILED:
    from numba import typeof
    from numba.core import cgutils, types

    def _call(address, *arguments):
        """Type and code of a call of the kernel at an address, which returns an int64."""

        def codegen(context, builder, signature, args):
            convention, result = context.call_conv, signature.return_type
            function = convention.get_function_type(result, signature.args[1:]).as_pointer()
            pointer = builder.inttoptr(args[0], function)
            status, value = convention.call_function(builder, pointer, result, signature.args[1:], args[1:])
            with cgutils.if_unlikely(builder, status.is_error):  # as NUMBA_BOUNDSCHECK finds them
                convention.return_status_propagate(builder, status)
            return value

        return types.int64(address, *arguments), codegen

    @intrinsic
    def _call_with_3(typingctx, address, a, b, c):
        """A kernel of three arguments."""
        return _call(address, a, b, c)

    @intrinsic
    def _call_with_5(typingctx, address, a, b, c, d, e):
        """A kernel of five arguments."""
        return _call(address, a, b, c, d, e)

    @intrinsic
    def _call_with_8(typingctx, address, a, b, c, d, e, f, g, h):
        """A kernel of eight arguments."""
        return _call(address, a, b, c, d, e, f, g, h)

    _BY_ARGUMENTS = {3: _call_with_3, 5: _call_with_5, 8: _call_with_8}


def called_at(kernel):
    """What kernels call in place of this one: with its address, then the arguments, all of exact types."""
    if COMPILED:
        return _BY_ARGUMENTS[kernel.py_func.__code__.co_argcount]
    return lambda address, *arguments: kernel(*arguments)


def address_of(kernel, *tuples):
    """Where a kernel begins that takes these tuples of arrays and integers, compiled if it is not yet."""
    if not COMPILED:
        return 0
    n_integers = kernel.py_func.__code__.co_argcount - len(tuples)
    kernel.compile(tuple(typeof(argument) for argument in (*tuples, *[np.int64(0)] * n_integers)))
    (found,) = kernel.overloads.values()
    return found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
