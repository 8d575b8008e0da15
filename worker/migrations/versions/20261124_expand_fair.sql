-- Strategies, value points and claims; the ledger of each pool.

ALTER TABLE tasuki.waiting
    ADD COLUMN value text,
    ADD COLUMN points integer NOT NULL DEFAULT 1,
    ADD COLUMN terms jsonb NOT NULL DEFAULT '{}',
    -- open to a claim by these reps until then
    ADD COLUMN claim_until timestamptz,
    ADD COLUMN claim_reps text[] NOT NULL DEFAULT '{}';
ALTER TABLE tasuki.assignment
    ADD COLUMN value text,
    ADD COLUMN points integer NOT NULL DEFAULT 1,
    ADD COLUMN terms jsonb NOT NULL DEFAULT '{}',
    -- rep -> what the strategy compared
    ADD COLUMN considered jsonb NOT NULL DEFAULT '{}';
CREATE INDEX assignment_outcome ON tasuki.assignment (rep) WHERE end_reason IN ('won', 'lost');

ALTER TABLE tasuki.pool_credit
    -- the sum of the ledger; a worker of the version before changes `credit` alone, and the next one notes that
    ADD COLUMN ledger bigint NOT NULL DEFAULT 0,
    ADD COLUMN makeup bigint NOT NULL DEFAULT 0,
    ADD COLUMN makeup_until timestamptz,
    ADD COLUMN away_since timestamptz;

CREATE TABLE tasuki.turn (
    turn_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pool text NOT NULL,
    rep text NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN
        ('taken', 'returned', 'joined', 'average', 'credit', 'expired', 'carried')),
    -- what the row changes, in units of 1/720720 turn: the credit of its rep, that of all in `shares`, and what
    -- its rep may make up for
    amount bigint NOT NULL DEFAULT 0,
    shares jsonb NOT NULL DEFAULT '{}',
    makeup bigint NOT NULL DEFAULT 0,
    -- what absent reps would have had of the turn
    missed jsonb NOT NULL DEFAULT '{}',
    lead_id bigint,
    assignment_id bigint,
    why text,
    -- a turn given back takes effect at the pool's next hand-over
    applied boolean NOT NULL DEFAULT true
);
CREATE INDEX turn_pool ON tasuki.turn (pool, at);
CREATE INDEX turn_pending ON tasuki.turn (pool) WHERE NOT applied;
CREATE UNIQUE INDEX turn_once ON tasuki.turn (assignment_id, kind) WHERE assignment_id IS NOT NULL;
CREATE INDEX outbox_claim ON tasuki.outbox (lead_id) WHERE kind = 'claim_open';

CREATE VIEW tasuki.v_turn AS
    SELECT turn_id, pool, rep, at, kind, round(amount / 720720.0, 3) AS turns, lead_id, assignment_id, why
    FROM tasuki.turn;
