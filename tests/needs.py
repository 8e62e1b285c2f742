"""What tests need beside Python, and may lack."""

import os

import pytest


def skip_without(reason):
    """Skip a test for want of something, or fail it in CI, which has everything."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


def needs_tun():
    """Skip where this process may not open the device of TUN."""
    from lasermesh.errors import UserError
    from lasermesh.live.tun import open_device

    try:
        os.close(open_device())
    except UserError as error:
        skip_without(f"no TUN: {error}")


def needs_network_namespaces():
    """Skip where this very process may not make network namespaces, which takes root or its rights."""
    from lasermesh.live.entering import needs_user_namespace

    needs_tun()
    if needs_user_namespace():
        skip_without("this process may not make network namespaces: run the tests as root")


def needs_user_namespaces():
    """Skip where no user namespace can be made."""
    from lasermesh.live.checks import check_user_namespace

    check = check_user_namespace()
    if check.verdict != "ok":
        skip_without(f"no user namespaces: {check.found}")
