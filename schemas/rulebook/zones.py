"""Names of time zones, as rule files write them."""

from zoneinfo import ZoneInfo


def zone_name(value: str) -> str:
    """Take the name of a time zone that this machine knows."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError on some platforms
        msg = f"{value!r} is not a time zone; write one such as Asia/Tokyo"
        raise ValueError(msg) from error
    except KeyError as error:
        msg = f"{value!r} is not a time zone; write one such as Asia/Tokyo"
        raise ValueError(msg) from error
    return value
