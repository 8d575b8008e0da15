"""What the door takes, a worker takes: both understand the same bytes."""

import base64
import json

import pytest

from schemas.understanding import MAX_EVENT_BYTES
from worker.intake import canonical


@pytest.mark.parametrize("numbers, is_taken", [("1", True), ("1e15", False)])
def test_unpacked_data_is_no_larger_than_an_event_may_be(numbers: str, is_taken: bool) -> None:
    """Data in base64 is kept unpacked; as JSON it may be larger than it was, and a worker would refuse it."""
    many = ",".join([numbers] * (95_000 if is_taken else 36_000))
    data = b'{"email":"a@x.example.com","more":[' + many.encode() + b"]}"
    said = {"id": "1", "source": "s", "type": "lead.captured", "time": "2026-11-24T00:00:00Z"}
    body = json.dumps({**said, "data_base64": base64.b64encode(data).decode()}).encode()
    assert len(body) < MAX_EVENT_BYTES

    [part] = canonical.parts_of("structured", body, {}, 1_795_485_600_000)

    assert (part.problem is None) == is_taken
    assert not is_taken or len(part.raw) <= MAX_EVENT_BYTES
