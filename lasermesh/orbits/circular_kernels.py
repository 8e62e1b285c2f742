"""SGP4 for circular orbits without drag, as patterns have: less to keep and to compute than in general."""

import math
from typing import NamedTuple

from lasermesh.compiled import kernel, parallel_kernel, prange

ROWS_AT_A_TIME = 4096
_M_PER_KM = 1000.0
_LEAST_ECCENTRICITY = 1e-6  # SGP4 flies no orbit rounder than this
_KEPLER_PRECISION = 1e-12
_KEPLER_ROUNDS = 10
_KEPLER_LARGEST_STEP = 0.95
_TURN = 2.0 * math.pi


class CircularOrbit(NamedTuple):
    """What SGP4 derives from elements that all satellites of a pattern share, under its own names."""

    mdot: float  # rad/min, of mean anomaly, argument of perigee and node
    argpdot: float
    nodedot: float
    am: float  # semi-major axis, Earth radii
    nm: float  # mean motion, rad/min
    cosip: float
    sinip: float
    inclination_rad: float
    aycof: float
    con41: float
    x1mth2: float
    x7thm1: float
    j2: float
    xke: float
    radius_km: float


@kernel
def fill_circular_states(
    first,
    stop,
    orbit,
    anomaly_rad,
    node_rad,
    t_s,
    sidereal_rad,
    rotation_rad_per_s,
    position_m,
    velocity_m_per_s,
):
    """Earth-fixed states of satellites that share all elements but mean anomaly and node, `t_s` after epoch.

    Of those from row `first` to before `stop`.

    This is the near-Earth part of SGP4 (Vallado et al., AIAA 2006-6753, `sgp4unit`) with eccentricity,
    argument of perigee and drag 0, then the rotation of `fill_earth_fixed`. `anomaly_rad` and `node_rad`
    are float64 (n,), the outputs (n, 3). What is equal for all satellites is computed once.
    """
    minutes = t_s / 60.0
    ep = _LEAST_ECCENTRICITY
    am, nm = orbit.am, orbit.nm
    argpp = (orbit.argpdot * minutes) % _TURN
    over_p = 1.0 / (am * (1.0 - ep * ep))
    axnl = ep * math.cos(argpp)
    aynl = ep * math.sin(argpp) + over_p * orbit.aycof
    # The long-period term of `xl` has axnl, 1e-6, as a factor and is kept all the same.
    if math.fabs(orbit.cosip + 1.0) > 1.5e-12:
        xlcof = 0.5 * orbit.aycof * (3.0 + 5.0 * orbit.cosip) / (1.0 + orbit.cosip)
    else:
        xlcof = 0.5 * orbit.aycof * (3.0 + 5.0 * orbit.cosip) / 1.5e-12
    long_period = over_p * xlcof * axnl
    el2 = axnl * axnl + aynl * aynl
    pl = am * (1.0 - el2)
    betal = math.sqrt(1.0 - el2)
    temp1 = 0.5 * orbit.j2 / pl
    temp2 = temp1 / pl
    speed = orbit.radius_km * orbit.xke / 60.0 * _M_PER_KM
    cos_sidereal = math.cos(sidereal_rad)
    sin_sidereal = math.sin(sidereal_rad)

    for i in range(first, stop):
        nodep = (node_rad[i] + orbit.nodedot * minutes) % _TURN
        mean = anomaly_rad[i] + orbit.mdot * minutes
        u = (mean + orbit.argpdot * minutes + long_period) % _TURN
        eo1 = u
        sineo1 = 0.0
        coseo1 = 1.0
        for _ in range(_KEPLER_ROUNDS):
            sineo1 = math.sin(eo1)
            coseo1 = math.cos(eo1)
            step = (u - aynl * coseo1 + axnl * sineo1 - eo1) / (1.0 - coseo1 * axnl - sineo1 * aynl)
            if math.fabs(step) >= _KEPLER_LARGEST_STEP:
                step = math.copysign(_KEPLER_LARGEST_STEP, step)
            eo1 += step
            if math.fabs(step) < _KEPLER_PRECISION:
                break
        ecose = axnl * coseo1 + aynl * sineo1
        esine = axnl * sineo1 - aynl * coseo1
        rl = am * (1.0 - ecose)
        rdotl = math.sqrt(am) * esine / rl
        rvdotl = math.sqrt(pl) / rl
        share = esine / (1.0 + betal)
        sinu = am / rl * (sineo1 - aynl - axnl * share)
        cosu = am / rl * (coseo1 - axnl + aynl * share)
        sin2u = (cosu + cosu) * sinu
        cos2u = 1.0 - 2.0 * sinu * sinu

        mrt = rl * (1.0 - 1.5 * temp2 * betal * orbit.con41) + 0.5 * temp1 * orbit.x1mth2 * cos2u
        su = math.atan2(sinu, cosu) - 0.25 * temp2 * orbit.x7thm1 * sin2u
        xnode = nodep + 1.5 * temp2 * orbit.cosip * sin2u
        xinc = orbit.inclination_rad + 1.5 * temp2 * orbit.cosip * orbit.sinip * cos2u
        mvt = rdotl - nm * temp1 * orbit.x1mth2 * sin2u / orbit.xke
        rvdot = rvdotl + nm * temp1 * (orbit.x1mth2 * cos2u + 1.5 * orbit.con41) / orbit.xke

        sinsu, cossu = math.sin(su), math.cos(su)
        snod, cnod = math.sin(xnode), math.cos(xnode)
        sini, cosi = math.sin(xinc), math.cos(xinc)
        ux = -snod * cosi * sinsu + cnod * cossu
        uy = cnod * cosi * sinsu + snod * cossu
        uz = sini * sinsu
        vx = -snod * cosi * cossu - cnod * sinsu
        vy = cnod * cosi * cossu - snod * sinsu
        vz = sini * cossu

        radius_m = mrt * orbit.radius_km * _M_PER_KM
        teme_v_x = (mvt * ux + rvdot * vx) * speed
        teme_v_y = (mvt * uy + rvdot * vy) * speed
        x = radius_m * (cos_sidereal * ux + sin_sidereal * uy)
        y = radius_m * (cos_sidereal * uy - sin_sidereal * ux)
        position_m[i, 0] = x
        position_m[i, 1] = y
        position_m[i, 2] = radius_m * uz
        velocity_m_per_s[i, 0] = cos_sidereal * teme_v_x + sin_sidereal * teme_v_y + rotation_rad_per_s * y
        velocity_m_per_s[i, 1] = cos_sidereal * teme_v_y - sin_sidereal * teme_v_x - rotation_rad_per_s * x
        velocity_m_per_s[i, 2] = (mvt * uz + rvdot * vz) * speed


@parallel_kernel
def fill_many_circular_states(
    orbit, anomaly_rad, node_rad, t_s, sidereal_rad, rotation_rad_per_s, position_m, velocity_m_per_s
):
    """`fill_circular_states` of all rows, on all cores: a launch costs as much as thousands of satellites."""
    n = anomaly_rad.shape[0]
    for part in prange((n + ROWS_AT_A_TIME - 1) // ROWS_AT_A_TIME):
        first = part * ROWS_AT_A_TIME
        stop = min(n, first + ROWS_AT_A_TIME)
        fill_circular_states(
            first,
            stop,
            orbit,
            anomaly_rad,
            node_rad,
            t_s,
            sidereal_rad,
            rotation_rad_per_s,
            position_m,
            velocity_m_per_s,
        )
