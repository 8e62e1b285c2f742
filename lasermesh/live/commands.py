"""What is said of commands that cannot be run."""

import errno
import os
import shutil


def command_trouble(argv, error_number):
    """Why a command cannot be run, by the error that the kernel gave."""
    # A folder of PATH that may not be read makes a missing command look like a forbidden one.
    path = argv[0] if os.sep in argv[0] else shutil.which(argv[0])
    if path is not None and os.path.isfile(path):
        if not os.access(path, os.X_OK):
            return f'"{path}" is not executable; `chmod +x` makes it so'
        if error_number == errno.ENOENT:
            return f'"{path}" cannot be run: the interpreter that its first line names is missing'
    elif path is None or error_number in (errno.ENOENT, errno.ENOTDIR):
        return f'there is no command "{argv[0]}"; give one that `command -v` finds, or its path'
    return f'the command "{argv[0]}" cannot be run: {os.strerror(error_number)}'
