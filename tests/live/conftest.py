"""What reads captures back."""

from tests.capture.conftest import tshark, tshark_fields

__all__ = ["tshark", "tshark_fields"]
