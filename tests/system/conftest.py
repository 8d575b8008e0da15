"""The whole of Tasuki against real servers and real workers."""

from tests.fixtures.system import published_database, system

__all__ = ["published_database", "system"]
