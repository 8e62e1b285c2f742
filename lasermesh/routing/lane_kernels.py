"""One comparison for the eight destinations of a block of trees at once."""

import numpy as np

from lasermesh.compiled import COMPILED, intrinsic

LANES = 8
"""Destinations of a block: their float64 delays fill one line of the cache, and a register of AVX-512."""

ALL_LANES = (1 << LANES) - 1
FURTHEST_S = np.full((1, LANES), np.finfo(np.float64).max)
"""What every delay is less than that is not inf."""

if COMPILED:
    from llvmlite import ir
    from numba.core import types

    _BYTE, _INT64, _VECTOR = ir.IntType(8), ir.IntType(64), ir.VectorType(ir.DoubleType(), LANES)

    def _load_lanes(context, builder, array_type, array, row):
        """The eight numbers of a row of a C-contiguous float64 array."""
        data = context.make_array(array_type)(context, builder, array).data
        place = builder.gep(data, [builder.mul(row, ir.Constant(_INT64, LANES))])
        loaded = builder.load(builder.bitcast(place, _VECTOR.as_pointer()))
        loaded.align = 8
        return loaded

    @intrinsic
    def compare_lanes(typingctx, delay_s, onward, link_s, of_node_s, node):
        """Bits of `delay_s[onward] + link_s <= of_node_s[node]`, that of lane 0 lowest."""

        def codegen(context, builder, signature, args):
            far_s = _load_lanes(context, builder, signature.args[0], args[0], args[1])
            link = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), args[2], _INT64(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            link = builder.shuffle_vector(link, ir.Constant(_VECTOR, ir.Undefined), zeros)
            reached_s = builder.fadd(far_s, link)
            known_s = _load_lanes(context, builder, signature.args[3], args[3], args[4])
            return builder.zext(
                builder.bitcast(builder.fcmp_ordered("<=", reached_s, known_s), _BYTE), _INT64
            )

        return types.int64(delay_s, types.int64, types.float64, of_node_s, types.int64), codegen

else:

    def compare_lanes(delay_s, onward, link_s, of_node_s, node):
        """Bits of `delay_s[onward] + link_s <= of_node_s[node]`, that of lane 0 lowest."""
        return int(np.packbits(delay_s[onward] + link_s <= of_node_s[node], bitorder="little")[0])
