"""The proofs. They mirror the rooms; `system` runs real servers and workers, `browser` a real Chromium."""
