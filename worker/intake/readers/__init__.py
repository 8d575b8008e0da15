"""Thin events read back: one file per platform asks its API for objects by id. Repeatable; nothing is changed."""
