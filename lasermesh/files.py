"""Files that people ask for by name: checked before anything is computed, written whole or not at all."""

import contextlib
import os
import stat
import sys
from pathlib import Path

from lasermesh.errors import UserError


def check_output(path, suffixes=None):
    """Refuse a file that cannot be written, or whose name ends in none of `suffixes` (lower case, with dot).

    Raises
    ------
    UserError
    """
    file = Path(path)
    if not str(path).strip():
        raise UserError("the name of the file to write is empty")
    if suffixes is not None and file.suffix.lower() not in suffixes:
        ends = ", ".join(suffixes[:-1]) + (" or " if len(suffixes) > 1 else "") + suffixes[-1]
        raise UserError(f'the name "{path}" must end in {ends}, which says what is written')
    if not file.parent.is_dir():
        raise UserError(f'"{path}" cannot be written: there is no folder "{file.parent}"')
    if file.is_dir():
        raise UserError(f'"{path}" cannot be written: it is a folder')
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f'"{path}" cannot be written: permission denied')


@contextlib.contextmanager
def whole_file(path, binary=False):
    """A file to write to, which takes the place of `path` once all is written; None is standard output.

    It is written beside `path` under another name and then renamed; if anything goes wrong on the way, it is
    removed. What is no regular file (a pipe, /dev/stdout) is written to directly.
    """
    if path is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    target = Path(os.path.realpath(path))
    form = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    part = None
    try:
        before = target.stat() if target.exists() else None
        if before is None or stat.S_ISREG(before.st_mode):
            part = target.with_name(f"{target.name}.{os.getpid()}.part")
        with (part or target).open(**form) as out:
            yield out
        if part is not None:
            if before is not None:
                part.chmod(stat.S_IMODE(before.st_mode))
            part.replace(target)
            part = None
    except OSError as error:
        raise UserError(f'"{path}" cannot be written: {error.strerror or error}') from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
