-- What became of requests, by day in UTC. Reasons are words of ours; no payload is told.
CREATE TABLE tasuki.intake_count (
    source text NOT NULL,
    day date NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL DEFAULT '',
    requests bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (source, day, outcome, reason)
);

-- Thin events name an object only: it is read back from the platform's API, once however often it is asked for.
CREATE TABLE tasuki.fetch_request (
    source text NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    asked_at timestamptz NOT NULL,
    -- the next try; null once it is settled
    next_try_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    done_at timestamptz,
    outcome text CHECK (outcome IN ('read', 'missing', 'gave_up')),
    last_error text,
    PRIMARY KEY (source, kind, object_id),
    CHECK (next_try_at IS NOT NULL OR outcome IS NOT NULL)
);
CREATE INDEX fetch_request_due ON tasuki.fetch_request (next_try_at) WHERE next_try_at IS NOT NULL;
-- Pace and breaker of one source, over all workers.
CREATE TABLE tasuki.fetch_source (
    source text PRIMARY KEY,
    next_at timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    last_error text
);

-- The raw bytes are wiped when their time is over; what they were of, and why, stays on record.
ALTER TABLE tasuki.quarantine ADD COLUMN expired_at timestamptz;
-- Kinds of personal data that the bytes were seen to hold; null: not looked.
ALTER TABLE tasuki.quarantine ADD COLUMN personal text[];
ALTER TABLE tasuki.quarantine DROP CONSTRAINT quarantine_resolution_check;
ALTER TABLE tasuki.quarantine ADD CONSTRAINT quarantine_resolution_check
    CHECK (resolution IN ('applied', 'repeat', 'dropped', 'quarantined_again', 'expired'));
CREATE INDEX quarantine_unexpired ON tasuki.quarantine (received_at) WHERE expired_at IS NULL;
