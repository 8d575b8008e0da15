"""Reps as users of the CRM: looked up by e-mail address, remembered for a while, or named in the mapping."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

#: Seconds for which a look-up holds: a new user or a changed address shows after that.
REMEMBER_S: Final = 600.0


class Owners:
    """Whose id stands for which rep."""

    def __init__(
        self, crm: str, find: Callable[[Sequence[str]], dict[str, list[str]]], users: Mapping[str, str]
    ) -> None:
        """Find users by `find`: addresses in lower case -> ids of active users with them."""
        self._crm = crm
        self._find = find
        self._users = users
        self._known: dict[str, tuple[float, list[str]]] = {}

    def of(self, cards: Iterable[Mapping[str, Any]]) -> "Owners":
        """Look up all reps of these cards in one call."""
        asked = {
            str(card["rep_email"]).lower()
            for card in cards
            if card.get("rep_email") and card.get("rep") not in self._users
        }
        now = time.monotonic()
        missing = sorted(email for email in asked if self._known.get(email, (0.0, []))[0] < now)
        if missing:
            found = self._find(missing)
            self._known |= {email: (now + REMEMBER_S, found.get(email, [])) for email in missing}
        return self

    def get(self, card: Mapping[str, Any], nobody: str | None) -> tuple[str | None, str | None]:
        """Return the user who is the rep of a card, and what to tell where there is none."""
        rep = card.get("rep")
        if rep is None:
            return nobody, None
        if rep in self._users:
            return self._users[rep], None
        ids = self._known.get(str(card.get("rep_email", "")).lower(), (0.0, []))[1]
        if len(ids) == 1:
            return ids[0], None
        many = f"{len(ids)} active users have" if ids else "no active user has"
        note = (
            f"the owner was not written: {many} the e-mail address of rep {rep} in {self._crm}; see `users`"
        )
        return None, note

    def forget(self) -> None:
        """Look everybody up again: somebody was switched off."""
        self._known.clear()
