"""How kernels are compiled, and where the compiled code is kept.

Importing this module imports numba. Every kernel takes its decorator from here, so that the cache
directory is set before numba reads its configuration.
"""

import hashlib
import os
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).parent


def kernel_sources_hash():
    """Short hash of the source of all kernels: numba does not notice an edit in a file that a kernel imports."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*_kernels.py")) + [Path(__file__), _PACKAGE / "units.py"]:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _user_cache_folder():
    if os.name == "nt":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "lasermesh"


def choose_cache_folder():
    """Folder for compiled kernels: by version and source in the user's cache, else a fresh temporary one."""
    from lasermesh import __version__

    name = f"{__version__}-{kernel_sources_hash()}"
    try:
        folder = _user_cache_folder() / name
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, RuntimeError):  # nothing writable, or no home directory
        return tempfile.mkdtemp(prefix="lasermesh-kernels-")
    return str(folder)


if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = choose_cache_folder()

import numba  # noqa: E402
from numba import prange  # noqa: E402, F401

COMPILED = not numba.config.DISABLE_JIT
"""False when NUMBA_DISABLE_JIT is set and kernels run as plain Python."""

# Division by zero gives what IEEE 754 says instead of an exception: kernels return codes, never raise.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
parallel_kernel = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)

# Without numba's reference counting, passing a tuple of arrays to a small function costs nothing; it
# doubles the speed of the packet engine. It also forbids allocation inside a kernel.
hot_kernel = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
