"""The record of rescorings: one row for each version that was put in force."""

from datetime import datetime

from sqlalchemy import Connection

from worker.store.db import run


def ask(connection: Connection, version: int, leads: int, at: datetime) -> None:
    """Note that a version was put in force and so many leads are to be judged by it; an older wish is over."""
    run(connection, "UPDATE tasuki.rescoring SET done_at = :at WHERE done_at IS NULL", at=at)
    run(
        connection,
        "INSERT INTO tasuki.rescoring (version, asked_at, leads, done_at)"
        " VALUES (:v, :at, :n, CASE WHEN :n = 0 THEN cast(:at AS timestamptz) END)",
        v=version, at=at, n=leads,
    )  # fmt: skip
