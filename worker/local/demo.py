"""The demo: real servers, a real worker, and a business day of lead events through the real queue."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live

from routing_rules.counted import counted
from schemas.errors import Away
from worker import queue, rulebooks
from worker.local.deliveries import Delivery, read_day
from worker.local.home import wipe
from worker.local.picture import Picture, summary
from worker.local.players import Players
from worker.local.receivers import HookReceiver, MailBox
from worker.local.stack import Stack
from worker.now import forget_clock, now, wall_time
from worker.promises import prove
from worker.settings import settings
from worker.store.db import run, transaction
from worker.supervise import Supervisor

#: The business day ends so long after its last delivery.
TAIL: Final = timedelta(minutes=5)
#: Seconds between two lines where there is no terminal to draw on.
LINE_EVERY_S: Final = 5.0
#: Deliveries put on the queue in one round trip at most.
CHUNK: Final = 200
#: What the played reps did, as it is told.
_ACTS: Final = {"accept": "accepted", "decline": "declined"}


class Demo:
    """One run of the demo."""

    def __init__(self, state_dir: Path, seconds: float, console: Console) -> None:
        """Prepare a day that lasts about `seconds` wall seconds."""
        self._dir = state_dir
        self._console = console
        self._day = read_day()
        self._start = self._day[0].at
        self._end = self._day[-1].at + TAIL
        self._rate = (self._end - self._start).total_seconds() / seconds
        self._exit = ExitStack()
        self._players = Players()
        self._picture = Picture(total=len(self._day))
        self._next_line = 0.0

    def run(self, *, stay: bool) -> bool:
        """Run the day; return whether all promises were kept."""
        wipe(self._dir)
        self._dir.mkdir(parents=True, mode=0o755)
        with self._exit:
            self._console.print("starting PostgreSQL, Valkey, a mail box, a webhook receiver and a worker …")
            mails = self._exit.enter_context(MailBox())
            hooks = self._exit.enter_context(HookReceiver())
            supervisor = self._start_all(mails, hooks)
            self._stream(supervisor)
            self._finish(supervisor)
            kept = self._close(mails, hooks)
            if stay:
                self._stay(supervisor)
            supervisor.stop()
            self._freeze()
        return kept

    def _start_all(self, mails: MailBox, hooks: HookReceiver) -> Supervisor:
        env = {
            "TASUKI_STATE_DIR": str(self._dir), "TASUKI_SMTP_URL": mails.url, "TASUKI_WEBHOOK_URL": hooks.url,
            "TASUKI_WEBHOOK_SECRET": hooks.secret, "TASUKI_ALLOW_PRIVATE_RECEIVERS": "true", "TASUKI_SWEEP_EVERY_S": "0.2",
            "TASUKI_CLOCK": f"{self._start.isoformat()}|{wall_time() + 3.0}|{self._rate}",
        }  # fmt: skip
        self._exit.enter_context(Stack(self._dir, extra_env=env))
        forget_clock()
        supervisor = Supervisor("demo", env={"TASUKI_LOG_LEVEL": "info"}, log=self._dir / "worker.log")
        supervisor.start()
        self._exit.callback(supervisor.stop)
        return supervisor

    def _stream(self, supervisor: Supervisor) -> None:
        """Deliver each payload when its business time has come; play the reps; show the picture."""
        rest = list(reversed(self._day))
        with ExitStack() as screen:
            show: Callable[[RenderableType], None] = self._printed
            if self._console.is_terminal:
                show = screen.enter_context(Live(console=self._console, refresh_per_second=4)).update
            while rest or now() < self._end:
                at = now()
                due: list[Delivery] = []
                while rest and rest[-1].at <= at and len(due) < CHUNK:
                    due.append(rest.pop())
                self._append(due)
                self._look(supervisor, at, show)
                time.sleep(0.02 if len(due) == CHUNK else 0.1)
        if not self._console.is_terminal:
            self._console.print(self._picture.draw(now(), self._rate))

    def _printed(self, _picture: RenderableType) -> None:
        """Say where the day is, now and then, where there is no terminal to draw on."""
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_EVERY_S
            self._console.print(self._picture.line(now()))

    def _append(self, due: list[Delivery]) -> None:
        while due:
            try:
                queue.append(delivery.entry() for delivery in due)
            except Away:
                time.sleep(0.5)
                continue
            self._picture.sent += len(due)
            return

    def _look(self, supervisor: Supervisor, at: datetime, update: Callable[..., None]) -> None:
        supervisor.watch()
        self._players.play(at)
        with transaction() as connection:
            self._picture.look(connection)
        update(self._picture.draw(at, self._rate))

    def _finish(self, supervisor: Supervisor) -> None:
        """Wait until the queue is empty and everybody was told, at most half a minute."""
        until = time.monotonic() + 30
        while time.monotonic() < until and (queue.backlog() or self._untold()):
            supervisor.watch()
            time.sleep(0.1)

    @staticmethod
    def _untold() -> int:
        with transaction() as connection:
            return int(
                run(
                    connection, "SELECT count(*) FROM tasuki.outbox WHERE status = 'pending' AND attempts < 3"
                ).scalar()
            )

    def _close(self, mails: MailBox, hooks: HookReceiver) -> bool:
        with transaction() as connection:
            loaded = rulebooks.current(connection)
            for table in summary(connection, loaded, self._picture.sent):
                self._console.print(table)
            example = run(
                connection,
                "SELECT l.email FROM tasuki.assignment a JOIN tasuki.lead l USING (lead_id)"
                " WHERE a.ended_at IS NULL AND a.contacted_at IS NOT NULL ORDER BY a.assignment_id LIMIT 1",
            ).scalar()
        with transaction() as connection:
            promises = prove(connection)
        broken = [promise for promise in promises if promise.offenders or not promise.finished]
        say = self._console.print
        say(
            f"\n[bold]7. Told[/bold]: {counted(len(mails.mails), 'mail')} and {counted(len(hooks.keys), 'signed webhook')} received,"
            f" {hooks.forged} with a bad signature; reps were played by the demo: {self._acts()}."
        )
        _show_mail(mails, self._console)
        say(
            f"\n[bold]8. Promises[/bold]: {len(promises) - len(broken)} of {counted(len(promises), 'check')} kept."
        )
        for promise in broken:
            say(f"   broken: {promise.offence}: {', '.join(promise.offenders)}", markup=False)
        say("\n[bold]Look further[/bold]")
        program = "tasuki" if shutil.which("tasuki") else ".venv/bin/tasuki"
        for line in (
            f"export TASUKI_STATE_DIR={self._dir}",
            f"{program} lead explain {example or 'EMAIL'} --lang ja",
            f"{program} lead gate {example or 'EMAIL'}",
            f"{program} handoff list",
            f"{program} quarantine list",
            f"{program} rules show --file readiness.yaml",
            f"{program} check",
            f"{program} doctor",
        ):
            say(f"  {line}", markup=False, soft_wrap=True)
        return not broken

    def _acts(self) -> str:
        told = (f"{count} {_ACTS.get(what, what)}" for what, count in sorted(self._players.acts.items()))
        return ", ".join(told) or "no act"

    def _stay(self, supervisor: Supervisor) -> None:
        self._console.print("\nthe worker goes on; Ctrl-C ends the demo")
        try:
            while True:
                time.sleep(0.5)
                supervisor.watch()
        except KeyboardInterrupt:
            self._console.print("ending …")

    def _freeze(self) -> None:
        """Leave the business time where the day ended, for commands that look at its data later."""
        (self._dir / "clock").write_text(f"{self._end.isoformat()}|0|0", encoding="utf-8")
        os.environ.pop("TASUKI_CLOCK", None)
        settings.cache_clear()


def _show_mail(mails: MailBox, console: Console) -> None:
    offers = [mail for mail in mails.mails if str(mail["X-Tasuki-Key"]).startswith("offer:")]
    if offers:
        mail = offers[len(offers) // 2]
        console.print(f"   one of them, to {mail['To']}: {mail['Subject']}", markup=False)
        text = mail.get_body(("plain",))
        for line in text.get_content().splitlines() if text is not None else ():
            console.print(f"   │ {line}", markup=False)
