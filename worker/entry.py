"""What stands in the stream, for who reads entries and does not talk to Valkey."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One stream entry as read: its id, when it was accepted (wall ms), and its fields."""

    stream_id: str
    wall_ms: int
    fields: dict[bytes, bytes]
