"""How many entries a batch takes: more while the stream is full, few again once it is not, never too many bytes."""

from hypothesis import given
from hypothesis import strategies as st

from worker.drain import GROWS_TO, MAX_GROWN_BYTES, BatchSize
from worker.entry import Entry


def entries(count: int, size: int = 600) -> list[Entry]:
    """Return so many entries of so many bytes."""
    return [Entry(f"{n}-0", n, {b"event": b"x" * size}) for n in range(count)]


def test_full_batches_grow_and_one_that_is_not_full_ends_it() -> None:
    """500, 1,000, 2,000, 4,000 and no more."""
    size = BatchSize(500)
    taken = []
    for _ in range(5):
        taken.append(size.next)
        size.took(entries(size.next))
    assert taken == [500, 1_000, 2_000, 4_000, 4_000]
    size.took(entries(3_999))
    assert size.next == 500


@given(
    least=st.integers(1, 40),
    batches=st.lists(st.tuples(st.booleans(), st.integers(0, MAX_GROWN_BYTES // 20)), max_size=12),
)
def test_what_is_large_does_not_grow(least: int, batches: list[tuple[bool, int]]) -> None:
    """A grown batch of entries as large as those before it stays within the bytes, whatever comes."""
    size = BatchSize(least)
    for full, each in batches:
        took = size.next if full else size.next - 1
        size.took(entries(took, each))
        assert least <= size.next <= least * GROWS_TO
        if size.next > max(took, least):
            assert size.next * each <= MAX_GROWN_BYTES
