"""What goes wrong, in the three ways a command can end other than well."""


class UserError(Exception):
    """The user's input is wrong; the message says what, what was given, what would be right (exit code 2)."""


class RunFailed(Exception):
    """The input was right, but the run could not be finished (exit code 1)."""


class Interrupted(Exception):
    """The user stopped the run; what was computed so far is kept (exit code 130)."""
