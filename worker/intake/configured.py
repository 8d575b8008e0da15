"""This process's sources: those of TASUKI_SOURCES."""

import os
from functools import lru_cache

from worker.intake.sources import Registry
from worker.settings import settings


@lru_cache(maxsize=1)
def registry() -> Registry:
    """Return the sources, with the secrets that the environment holds now."""
    return Registry(settings().sources, os.environ)
