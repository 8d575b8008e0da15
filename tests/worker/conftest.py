"""The whole of Tasuki where a part of the worker needs its stores."""

from tests.fixtures.system import published_database, system

__all__ = ["published_database", "system"]
