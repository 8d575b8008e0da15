"""A decision computed again from what it rested on."""

import msgspec

from routing_rules.compiled import CompiledBook
from routing_rules.judge import judge
from schemas.decision import Judgement
from schemas.lead import LeadState, Standing
from worker.rulebooks import Loaded


def replay(inputs: str, loaded: Loaded) -> Judgement:
    """Compute a decision again from its stored inputs."""
    return judge(*inputs_of(inputs, loaded))


def inputs_of(inputs: str, loaded: Loaded) -> tuple[LeadState, Standing, CompiledBook, int, str | None]:
    """Return what a judgement rested on, in the order in which `judge` takes it."""
    stored = msgspec.json.decode(inputs)
    state = msgspec.convert(stored["state"], LeadState, strict=False)
    standing = msgspec.convert(stored["standing"], Standing)
    return state, standing, loaded.book, stored["now_ms"], stored["account_owner"]
