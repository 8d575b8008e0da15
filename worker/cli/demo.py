"""`tasuki demo`: stub."""


def demo() -> None:
    """Stub."""
