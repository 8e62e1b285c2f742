"""What tests need beside Python, and may lack."""

import os

import pytest


def skip_without(reason):
    """Skip a test for want of something, or fail it in CI, which has everything."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
