"""Judging all held leads again after a publish."""

from bench import bulk
from bench.figures import Figures, Say, said
from bench.rig import Rig, wait_until
from bench.sizes import Sizes
from worker import rulebook_files, rulebooks
from worker.now import now

_LEFT = (
    "SELECT count(*) FROM (SELECT 1 FROM tasuki.lead WHERE review_at <= '{at}'"
    " AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL LIMIT 1) AS due"
)


def measure(rig: Rig, sizes: Sizes, figures: Figures, say: Say) -> None:
    """Publish a changed scoring and wait until no held lead is judged by an older version."""
    texts = rulebook_files.read_texts(rulebook_files.EXAMPLE)
    with rig.worker():
        say(f"making {sizes.held_leads:,} held leads")
        bulk.held_leads(rig, sizes.held_leads)
        for run in range(min(sizes.runs, sizes.long_runs)):
            scoring = texts["scoring.yaml"].replace("half_life_days: 21 ", f"half_life_days: {22 + run} ")
            # Its own examples reckon with 21 days.
            scoring = scoring.partition("\nexamples:")[0] + "\n"
            before = rig.spent()
            at = now()
            version, _ = rulebooks.publish(
                {**texts, "scoring.yaml": scoring}, by="bench", note=f"run {run}", now=at
            )
            published_s = (now() - at).total_seconds()
            sql = _LEFT.format(at=at.isoformat())
            seconds = published_s + wait_until(lambda sql=sql: rig.number(sql) == 0, 900, every_s=0.1)  # type: ignore[misc]
            spent = rig.spent() - before
            old = rig.number(f"SELECT count(*) FROM tasuki.lead WHERE rulebook_version <> {version}")
            if old:
                raise RuntimeError(f"{old:g} leads were not judged again")
            figures.add("rescore.all", seconds, "s", held_leads=sizes.held_leads)
            figures.add("rescore.cpu", spent.total / sizes.held_leads * 1e6, "us CPU/lead")
            say(f"{sizes.held_leads:,} leads judged again in {said(seconds)} s")
