"""Tables that people edit: words and what they mean. Read once, when the code that uses them is loaded.

They belong to the code and not to the world: the same version of Tasuki always reads the same.
"""

from collections.abc import Iterator
from importlib.resources import files


def rows(name: str) -> Iterator[list[str]]:
    """Yield the cells of each line of a table; empty lines and those that begin with # are skipped."""
    for line in files(__package__).joinpath(name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


def words(name: str) -> frozenset[str]:
    """Return all words of a list."""
    return frozenset(word for row in rows(name) for word in " ".join(row).split())
