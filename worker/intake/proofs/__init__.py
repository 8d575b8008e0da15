"""How senders prove themselves: one file for each way, pure given the time, compared in constant time."""
