"""What may be said: every shape that crosses a boundary. No I/O, no clock."""
