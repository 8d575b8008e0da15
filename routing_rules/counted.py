"""A number with what it counts, in English; Japanese knows no plural."""


def counted(number: int | str, one: str, many: str = "") -> str:
    """Return `1 lead`, `3 leads`, `1 lead waits`, `1,200 leads wait`.

    Args:
        number: how many; a number that is already written stays as it is.
        one: what is counted, and what is said of it, of a single one.
        many: the same of several; by default `one` and an s.

    """
    shown = number if isinstance(number, str) else f"{number:,}"
    return f"{shown} {one if shown == '1' else many or f'{one}s'}"
