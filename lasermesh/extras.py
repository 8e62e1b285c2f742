"""Packages that are installed only with an extra, as `pip install "lasermesh[plot]"`."""

import importlib.util

from lasermesh.errors import UserError


def require(package, extra, purpose):
    """Refuse to go on without a package that an extra brings; `purpose` begins the sentence, "plots need".

    Raises
    ------
    UserError
    """
    if importlib.util.find_spec(package) is None:
        raise UserError(f'{purpose} {package}, which is not installed: pip install "lasermesh[{extra}]"')
