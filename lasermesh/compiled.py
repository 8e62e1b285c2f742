"""How kernels are compiled, and where the compiled code is kept.

Importing this module imports numba. Every kernel takes its decorator from here, so that the cache
directory is set before anything is compiled.
"""

import atexit
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from lasermesh import __version__

_PACKAGE = Path(__file__).parent
_IMPORTED_HERE = re.compile(r"^from lasermesh\.([\w.]+) import", re.MULTILINE)


def kernel_sources():
    """Files whose edit must lead to new compiled code: the kernels, and what they take constants from."""
    found = {_PACKAGE / "compiled.py"}
    waiting = list(_PACKAGE.rglob("*_kernels.py"))
    while waiting:
        path = waiting.pop()
        if path not in found and path.is_file():
            found.add(path)
            imported = _IMPORTED_HERE.findall(path.read_text(encoding="utf-8"))
            waiting += [_PACKAGE / (module.replace(".", "/") + ".py") for module in imported]
    return sorted(found)


def kernel_sources_hash():
    """Short hash of all kernels' sources: numba does not notice an edit in a file that a kernel imports."""
    digest = hashlib.sha256()
    for path in kernel_sources():
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_key():
    """Name of the cache folder: version, sources, and the one switch that numba's cache does not notice."""
    bounds_checked = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")
    return f"{__version__}-{kernel_sources_hash()}" + ("-boundscheck" if bounds_checked else "")


def _user_cache_folder():
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lasermesh"


def choose_cache_folder():
    """Folder for compiled kernels, created: inside NUMBA_CACHE_DIR where that is set, else the user's cache.

    Returns
    -------
    folder : str or None
        Ends in `cache_key()`. A temporary folder, removed when the process ends, where neither can be
        written; None where not even that can be had, and kernels are then compiled in every process.
    """
    key = cache_key()
    try:
        base = Path(os.environ.get("NUMBA_CACHE_DIR") or _user_cache_folder())
        folder = base if base.name == key else base / key  # set already by the process that started this one
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return str(folder)
    except (OSError, RuntimeError):  # not writable, or no home directory
        pass
    try:
        temporary = Path(tempfile.mkdtemp(prefix="lasermesh-kernels-"))
    except OSError:
        return None
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    folder = temporary / key
    folder.mkdir()
    return str(folder)


CACHE_FOLDER = choose_cache_folder()
"""Where compiled kernels are kept; None where nothing can be written."""

if CACHE_FOLDER is not None:
    os.environ["NUMBA_CACHE_DIR"] = CACHE_FOLDER

import numba  # noqa: E402
import numba.extending  # noqa: E402
import numpy  # noqa: E402
from numba import prange  # noqa: E402, F401

numba.config.reload_config()  # somebody may have imported numba, which reads the environment, before us

COMPILED = not numba.config.DISABLE_JIT
"""False when NUMBA_DISABLE_JIT is set and kernels run as plain Python."""

if not COMPILED:
    # Hashes multiply modulo 2**64 on purpose; compiled code does so in silence.
    numpy.seterr(over="ignore")

# Division by zero gives what IEEE 754 says instead of an exception: kernels return codes, never raise.
_OPTIONS = {"cache": CACHE_FOLDER is not None, "nogil": True, "error_model": "numpy"}
kernel = numba.njit(**_OPTIONS)
parallel_kernel = numba.njit(**_OPTIONS, parallel=True)

# Without numba's reference counting, passing a tuple of arrays to a small function costs nothing; it
# doubles the speed of the packet engine. It also forbids allocation inside a kernel.
hot_kernel = numba.njit(**_OPTIONS, _nrt=False)

# A kernel that only other kernels call, put into its callers: a call would copy every array of the tuple.
_INLINE_OPTIONS = {"forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_INNER_OPTIONS = {"cache": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner_kernel = numba.njit(**{**_OPTIONS, **_INNER_OPTIONS})
"""A kernel that only other kernels call: it is compiled as a part of them, without what Python would need."""

inline_kernel = numba.njit(**{**_OPTIONS, "cache": False}, _nrt=False, **_INLINE_OPTIONS)

part_kernel = numba.njit(**{**_OPTIONS, **_INNER_OPTIONS}, _nrt=False)
"""A part of a hot kernel that is called: too large to be put into its callers, as what is put into one kernel
after the other is optimized anew in each; called seldom enough for the copy of the tuple not to matter."""

intrinsic = numba.extending.intrinsic if COMPILED else None


def libc_function(name, result, *arguments):
    """A function of the C library for kernels, which call it as compiled code does: no wrapper, no lock.

    Types are names of numba's integers, "int64" also for sizes and for addresses, which kernels are given as
    numbers. What ctypes makes could not be cached.
    """
    if COMPILED:
        types = [getattr(numba.types, of) for of in (result, *arguments)]
        return numba.types.ExternalFunction(name, types[0](*types[1:]))
    import ctypes

    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    as_c = {"int32": ctypes.c_int32, "int64": ctypes.c_int64, "uint32": ctypes.c_uint32}
    function.restype, function.argtypes = as_c[result], [as_c[of] for of in arguments]
    return function
