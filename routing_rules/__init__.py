"""What we conclude: pure judgement over leads, rulebook, roster and a given time. No I/O, no clock."""
