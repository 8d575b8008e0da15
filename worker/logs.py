"""Logs: one line an event of ours, by static names, with ids and never with personal data."""

import logging
import sys
from typing import Any, Final

import structlog

from worker.settings import settings

#: Keys that a log line may carry; anything else is dropped, so that no e-mail or name can slip in.
ALLOWED_KEYS: Final = frozenset(
    """
    event level timestamp logger exception error_type worker pid process task task_id slot
    stream_id event_id source lead_id lead_ids decision_id assignment_id clock_id message_id quarantine_id
    pool rep rule strategy policy kind channel stage verdict rulebook_version reason place attempts
    entries events applied repeats quarantined ready held recycled offered parked waiting breached warned returned told
    sent failed superseded due_at look_again_at seconds ms count backlog pending port url_host signal code
    version file line column what
    """.split()
)


def _only_allowed(_: Any, __: str, line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key in ALLOWED_KEYS}


def _type_of_exception(_: Any, __: str, line: dict[str, Any]) -> dict[str, Any]:
    """Say an exception's type only: its text may quote what an event says."""
    info = line.pop("exc_info", None)
    if info:
        error = info if isinstance(info, BaseException) else sys.exc_info()[1]
        if error is not None:
            line["error_type"] = type(error).__name__
    return line


def configure() -> None:
    """Set up structlog and the standard library's root logger, once a process."""
    options = settings()
    as_json = options.log_format == "json" or (options.log_format is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _type_of_exception,
        _only_allowed,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    level = logging.getLevelNamesMapping()[options.log_level.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.WriteLogger(
            sys.stderr
        ),  # the stream of the moment, not of the start
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, force=True)


def get_logger() -> Any:
    """Return the logger."""
    return structlog.get_logger()
