-- The promises of DESIGN.md section 5 as queries that return offenders. No row: kept.
-- Each begins with `-- name: PROMISE: what an offender is`; :now is the present business time,
-- :grace the instant before which what is due should have been done.

-- name: 1: an event was applied and is quarantined as well
SELECT q.source || ' ' || q.event_id AS offender FROM tasuki.quarantine q
JOIN tasuki.event e ON e.source = q.source AND e.event_id = q.event_id
WHERE q.resolved_at IS NULL AND q.place NOT IN ('id') AND q.retry_of IS NULL AND q.event_id IS NOT NULL
  AND e.received_at <= q.received_at AND e.body = convert_from(q.raw, 'UTF8') LIMIT 20;

-- name: 1: a batch does not come out: events <> applied + repeats + quarantined
SELECT 'batch ' || batch_id AS offender FROM tasuki.batch
WHERE events <> applied + repeats + quarantined LIMIT 20;

-- name: 1: events applied and rows on record differ
SELECT 'applied ' || b.applied || ', on record ' || e.n AS offender
FROM (SELECT coalesce(sum(applied), 0) AS applied FROM tasuki.batch) b,
     (SELECT count(*) AS n FROM tasuki.event) e
WHERE b.applied <> e.n;

-- name: 1: an event names a lead that does not exist or was merged away
SELECT e.source || ' ' || e.event_id AS offender FROM tasuki.event e
LEFT JOIN tasuki.lead l USING (lead_id) WHERE l.lead_id IS NULL OR l.merged_into IS NOT NULL LIMIT 20;

-- name: 2: a lead's ledger is not the count of its events
WITH counted AS (
    SELECT lead_id, body::json -> 'data' ->> 'activity' AS kind,
           floor(extract(epoch FROM occurred_at) / 86400)::bigint AS day, count(*) AS n
    FROM tasuki.event WHERE body LIKE '%"activity"%' AND body::json -> 'data' ->> 'activity' IS NOT NULL
    GROUP BY 1, 2, 3
), folded AS (
    SELECT l.lead_id, k.key AS kind, d.key::bigint AS day, d.value::bigint AS n
    FROM tasuki.lead l, json_each((l.state::json) -> 'ledger') k, json_each_text(k.value) d
    WHERE l.merged_into IS NULL AND l.state LIKE '%"ledger"%'
)
SELECT 'lead ' || coalesce(c.lead_id, f.lead_id) || ' ' || coalesce(c.kind, f.kind) AS offender
FROM counted c FULL JOIN folded f USING (lead_id, kind, day)
WHERE c.n IS DISTINCT FROM f.n LIMIT 20;

-- name: 2: a lead's newest event is not in its state
SELECT 'lead ' || l.lead_id AS offender FROM tasuki.lead l
JOIN (SELECT lead_id, max(occurred_at) AS newest FROM tasuki.event GROUP BY lead_id) e USING (lead_id)
WHERE l.merged_into IS NULL
  AND (l.state::json ->> 'newest_ms')::bigint <> round(extract(epoch FROM e.newest) * 1000)::bigint LIMIT 20;

-- name: 3: a lead has more than one live assignment
SELECT 'lead ' || lead_id AS offender FROM tasuki.assignment WHERE ended_at IS NULL
GROUP BY lead_id HAVING count(*) > 1 LIMIT 20;

-- name: 3: a live assignment does not have exactly the clock it asks for
SELECT 'assignment ' || a.assignment_id AS offender FROM tasuki.assignment a
LEFT JOIN tasuki.clock c ON c.assignment_id = a.assignment_id AND c.next_at IS NOT NULL
WHERE a.ended_at IS NULL
GROUP BY a.assignment_id
HAVING NOT (CASE
    WHEN a.contacted_at IS NOT NULL AND a.follow_ups > 0 AND a.followed_up_at IS NULL
        THEN count(c.clock_id) = 1 AND min(c.kind) = 'follow_up'
    WHEN a.contacted_at IS NOT NULL THEN count(c.clock_id) = 0
    WHEN a.accepted_at IS NOT NULL THEN count(c.clock_id) = 1 AND min(c.kind) = 'contact'
    ELSE count(c.clock_id) = 1 AND min(c.kind) = 'accept' END) LIMIT 20;

-- name: 3: a clock still runs although its assignment has ended
SELECT 'clock ' || c.clock_id AS offender FROM tasuki.clock c
JOIN tasuki.assignment a USING (assignment_id) WHERE c.next_at IS NOT NULL AND a.ended_at IS NOT NULL LIMIT 20;

-- name: 3: a clock breached early, or before it was warned of
SELECT 'clock ' || clock_id AS offender FROM tasuki.clock
WHERE breached_at < due_at OR (breached_at IS NOT NULL AND warn_at IS NOT NULL AND warned_at IS NULL) LIMIT 20;

-- name: 3: a paused clock has no open pause on record, or the other way round
SELECT 'clock ' || c.clock_id AS offender FROM tasuki.clock c
LEFT JOIN tasuki.clock_pause p ON p.clock_id = c.clock_id AND p.resumed_at IS NULL
WHERE c.next_at IS NOT NULL AND (c.paused_until IS DISTINCT FROM p.until_at) LIMIT 20;

-- name: 3: a change to a calendar, an absence or a policy was not followed by the open clocks
SELECT why || ' of ' || asked_at AS offender FROM tasuki.clock_recompute
WHERE done_at IS NULL AND coalesce(looked_at, asked_at) < :grace LIMIT 20;

-- name: 3: somebody should have been told of a breach and was not
SELECT 'escalation ' || escalation_id AS offender FROM tasuki.escalation WHERE tell_at < :grace LIMIT 20;

-- name: 3: a clock is overdue and nobody handled it
SELECT 'clock ' || clock_id || ' due ' || next_at AS offender FROM tasuki.clock WHERE next_at < :grace LIMIT 20;

-- name: 4: a lead held by marketing or disqualified is with a rep
SELECT 'lead ' || l.lead_id || ' is ' || l.lifecycle_stage AS offender FROM tasuki.lead l
JOIN tasuki.assignment a ON a.lead_id = l.lead_id AND a.ended_at IS NULL
WHERE l.lifecycle_stage IN ('inquiry', 'nurture', 'disqualified') OR l.merged_into IS NOT NULL LIMIT 20;

-- name: 4: a lead whose newest word withdrew all contact is with a rep
SELECT 'lead ' || l.lead_id AS offender FROM tasuki.lead l
JOIN tasuki.assignment a ON a.lead_id = l.lead_id AND a.ended_at IS NULL
CROSS JOIN LATERAL (SELECT l.state::json -> 'consent' AS said) c
WHERE c.said -> 'all' ->> 1 = 'false'
  AND (c.said -> 'all' ->> 0)::bigint >= coalesce((c.said -> 'email' ->> 0)::bigint, 0)
  AND (c.said -> 'all' ->> 0)::bigint >= coalesce((c.said -> 'phone' ->> 0)::bigint, 0) LIMIT 20;

-- name: 4: a lead held by marketing or disqualified waits for a rep
SELECT 'lead ' || l.lead_id || ' is ' || l.lifecycle_stage AS offender FROM tasuki.waiting w
JOIN tasuki.lead l USING (lead_id) WHERE l.lifecycle_stage <> 'mql' LIMIT 20;

-- name: 5: a sales-ready lead is neither with a rep nor in a line
SELECT 'lead ' || l.lead_id AS offender FROM tasuki.lead l
LEFT JOIN tasuki.assignment a ON a.lead_id = l.lead_id AND a.ended_at IS NULL
LEFT JOIN tasuki.waiting w ON w.lead_id = l.lead_id
WHERE l.lifecycle_stage = 'mql' AND l.merged_into IS NULL
  AND (a.assignment_id IS NULL) = (w.lead_id IS NULL) LIMIT 20;

-- name: 5: a lead should have been looked at again and was not
SELECT 'lead ' || lead_id || ' for ' || pool AS offender FROM tasuki.waiting WHERE look_again_at < :grace LIMIT 20;

-- name: 5: a held lead has no day on which it is looked at again
SELECT 'lead ' || lead_id AS offender FROM tasuki.lead
WHERE lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL AND review_at IS NULL LIMIT 20;

-- name: 6: a rep holds a lead that they had before and declined or let pass
SELECT 'assignment ' || a.assignment_id || ' to ' || a.rep AS offender FROM tasuki.assignment a
WHERE a.rep = ANY(a.had) LIMIT 20;

-- name: 6: a lead went back to a rep who had declined it
SELECT 'assignment ' || a.assignment_id || ' to ' || a.rep AS offender FROM tasuki.assignment d
JOIN tasuki.assignment a ON a.lead_id = d.lead_id AND a.rep = d.rep AND a.assignment_id > d.assignment_id
WHERE d.end_reason = 'declined' LIMIT 20;

-- name: 6: a lead went to a rep who had declined the same person under another lead, merged before
SELECT 'assignment ' || a.assignment_id || ' to ' || a.rep AS offender FROM tasuki.assignment d
JOIN tasuki.lead_merge m ON m.merged = d.lead_id AND m.undone_at IS NULL
JOIN tasuki.assignment a ON a.lead_id = m.kept AND a.rep = d.rep AND a.offered_at > m.at AND a.offered_at > d.ended_at
WHERE d.end_reason = 'declined' LIMIT 20;

-- name: 7: what a rep is owed in a pool is not the sum of the ledger
WITH changes AS (
    SELECT pool, rep, amount AS units FROM tasuki.turn WHERE applied AND amount <> 0
    UNION ALL
    SELECT t.pool, s.key, s.value::bigint FROM tasuki.turn t, jsonb_each_text(t.shares) s
    WHERE t.applied AND t.shares <> '{}'
), summed AS (SELECT pool, rep, sum(units) AS units FROM changes GROUP BY pool, rep)
SELECT coalesce(c.pool, s.pool) || ' ' || coalesce(c.rep, s.rep) AS offender
FROM tasuki.pool_credit c FULL JOIN summed s USING (pool, rep)
WHERE coalesce(c.ledger, 0) <> coalesce(s.units, 0) LIMIT 20;

-- name: 7: a rep is owed or in advance by more than (n - 1)/2 turns and what the pool's policies credited
WITH pools AS (
    SELECT pool, count(*) AS n FROM tasuki.pool_credit GROUP BY pool
), credited AS (
    SELECT pool, sum(abs(amount)) AS units FROM tasuki.turn WHERE applied AND kind <> 'taken' GROUP BY pool
)
SELECT c.pool || ' ' || c.rep AS offender FROM tasuki.pool_credit c JOIN pools p USING (pool)
LEFT JOIN credited d USING (pool)
WHERE abs(c.ledger) > 720720 * (p.n - 1) / 2.0 + 2 * coalesce(d.units, 0) + 7207 LIMIT 20;

-- name: 7: a lead was given and the pool's ledger has no turn of it
SELECT 'assignment ' || a.assignment_id AS offender FROM tasuki.assignment a
LEFT JOIN tasuki.turn t ON t.assignment_id = a.assignment_id AND t.kind = 'taken'
WHERE a.considered <> '{}' AND t.turn_id IS NULL LIMIT 20;

-- name: 9: a message is neither delivered nor shown with what it waits for
SELECT 'message ' || message_id AS offender FROM tasuki.outbox o
WHERE status = 'pending' AND last_error IS NULL AND waits_for IS NULL AND created_at < :grace
AND NOT EXISTS (SELECT FROM tasuki.receiver r WHERE r.receiver = o.receiver
                AND (r.open_since IS NOT NULL OR r.not_before IS NOT NULL OR r.last_ok_at >= :grace)) LIMIT 20;

-- name: 9: a message waits for a digest that nobody sends
SELECT 'message ' || m.message_id AS offender FROM tasuki.outbox m
LEFT JOIN tasuki.outbox d ON d.message_id = m.digest_id
WHERE m.status = 'in_digest' AND d.status IS DISTINCT FROM 'pending' LIMIT 20;

-- name: 9: an assignment was offered and nobody was told
SELECT 'assignment ' || a.assignment_id AS offender FROM tasuki.assignment a
LEFT JOIN tasuki.outbox o ON o.assignment_id = a.assignment_id AND o.kind IN ('offer', 'claimed')
WHERE o.message_id IS NULL LIMIT 20;
