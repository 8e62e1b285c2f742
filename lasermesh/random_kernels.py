"""Random numbers that depend only on what they are for, not on order, threads or the number of flows."""

import math

import numpy as np

from lasermesh.compiled import hot_kernel

INTERARRIVAL = np.uint64(1)
PACKET_SIZE = np.uint64(2)
PHASE = np.uint64(3)
FLOW_HASH = np.uint64(4)
ACQUISITION = np.uint64(5)
LOSS = np.uint64(6)
CLOUD = np.uint64(7)
GUEST = np.uint64(8)
ON_OFF = np.uint64(9)
FAULT = np.uint64(10)
BIT_ERROR = np.uint64(11)
SERVICE = np.uint64(12)
WAY_POINT = np.uint64(13)
SCENE = np.uint64(14)
SCENE_PHASE = np.uint64(15)
JOB_TIME = np.uint64(16)
BUNDLE = np.uint64(17)
REQUEST = np.uint64(20)
CONTEXT_TOKENS = np.uint64(21)
OUTPUT_TOKENS = np.uint64(22)

# Coefficients of AS 241 from the highest power down.
_AS241_A = (
    2.5090809287301226727e3,
    3.3430575583588128105e4,
    6.7265770927008700853e4,
    4.5921953931549871457e4,
    1.3731693765509461125e4,
    1.9715909503065514427e3,
    1.3314166789178437745e2,
    3.3871328727963666080e0,
)
_AS241_B = (
    5.2264952788528545610e3,
    2.8729085735721942674e4,
    3.9307895800092710610e4,
    2.1213794301586595867e4,
    5.3941960214247511077e3,
    6.8718700749205790830e2,
    4.2313330701600911252e1,
    1.0,
)
_AS241_C = (
    7.7454501427834140764e-4,
    2.27238449892691845833e-2,
    2.41780725177450611770e-1,
    1.27045825245236838258e0,
    3.64784832476320460504e0,
    5.76949722146069140550e0,
    4.63033784615654529590e0,
    1.42343711074968357734e0,
)
_AS241_D = (
    1.05075007164441684324e-9,
    5.47593808499534494600e-4,
    1.51986665636164571966e-2,
    1.48103976427480074590e-1,
    6.89767334985100004550e-1,
    1.67638483018380384940e0,
    2.05319162663775882187e0,
    1.0,
)
_AS241_E = (
    2.01033439929228813265e-7,
    2.71155556874348757815e-5,
    1.24266094738807843860e-3,
    2.65321895265761230930e-2,
    2.96560571828504891230e-1,
    1.78482653991729133580e0,
    5.46378491116411436990e0,
    6.65790464350110377720e0,
)
_AS241_F = (
    2.04426310338993978564e-15,
    1.42151175831644588870e-7,
    1.84631831751005468180e-5,
    7.86869131145613259100e-4,
    1.48753612908506148525e-2,
    1.36929880922735805310e-1,
    5.99832206555887937690e-1,
    1.0,
)

_SEED_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_PURPOSE_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_ROW_FACTOR = np.uint64(0x94D049BB133111EB)
_COUNTER_FACTOR = np.uint64(0xD6E8FEB86659FD93)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)


@hot_kernel
def _mix(x):
    """Finalizer of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> _S30)) * _MIX_1
    x = (x ^ (x >> _S27)) * _MIX_2
    return x ^ (x >> _S31)


@hot_kernel
def draw(seed, purpose, row, counter):
    """64 random bits for one purpose, row and counter."""
    x = (
        np.uint64(seed) * _SEED_FACTOR
        + purpose * _PURPOSE_FACTOR
        + np.uint64(row) * _ROW_FACTOR
        + np.uint64(counter) * _COUNTER_FACTOR
    )
    return _mix(_mix(x))


@hot_kernel
def draw_unit(seed, purpose, row, counter):
    """A float64 strictly between 0 and 1."""
    return (np.float64(draw(seed, purpose, row, counter) >> _S11) + 0.5) * 2.0**-53


@hot_kernel
def _polynomial(x, coefficients):
    """A polynomial by Horner's rule, its coefficients from the highest power down."""
    value = 0.0
    for coefficient in coefficients:
        value = value * x + coefficient
    return value


@hot_kernel
def normal_quantile(p):
    """The value below which a standard normal variable lies with probability `p`, strictly between 0 and 1.

    M. J. Wichura, Algorithm AS 241, PPND16, Applied Statistics 37 (1988) 477; good to 1e-16.
    """
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _polynomial(r, _AS241_A) / _polynomial(r, _AS241_B)
    r = math.sqrt(-math.log(p if q < 0.0 else 1.0 - p))
    if r <= 5.0:
        quantile = _polynomial(r - 1.6, _AS241_C) / _polynomial(r - 1.6, _AS241_D)
    else:
        quantile = _polynomial(r - 5.0, _AS241_E) / _polynomial(r - 5.0, _AS241_F)
    return -quantile if q < 0.0 else quantile
