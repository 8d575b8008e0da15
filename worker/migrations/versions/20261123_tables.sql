-- Instants are UTC. Names are DESIGN.md's.

CREATE SEQUENCE tasuki.lead_seq INCREMENT BY 1000;  -- one step is a block of ids that a worker hands out

CREATE TABLE tasuki.rulebook (
    version integer PRIMARY KEY,
    digest text NOT NULL,
    texts jsonb NOT NULL,
    note text NOT NULL DEFAULT '',
    published_by text NOT NULL,
    published_at timestamptz NOT NULL
);
CREATE TABLE tasuki.rulebook_current (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version integer NOT NULL REFERENCES tasuki.rulebook
);
CREATE FUNCTION tasuki.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a published rulebook never changes'; END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON tasuki.rulebook
    FOR EACH ROW EXECUTE FUNCTION tasuki.refuse_change();

CREATE TABLE tasuki.lead (
    lead_id bigint PRIMARY KEY,
    email text,
    company text,
    account_key text,
    lifecycle_stage text NOT NULL CHECK (lifecycle_stage IN
        ('inquiry', 'nurture', 'mql', 'sal', 'sql', 'won', 'lost', 'disqualified')),
    persona text,
    fit smallint NOT NULL DEFAULT 0 CHECK (fit BETWEEN 0 AND 100),
    fit_grade text,
    -- BETWEEN refuses NaN and infinity, which `>` alone would let be sales-ready
    engagement double precision NOT NULL DEFAULT 0 CHECK (engagement BETWEEN 0 AND 1000000),
    buying_stage text,
    track text,
    rule text,
    owner text,
    recycle_count integer NOT NULL DEFAULT 0,
    recycled_at timestamptz,
    cool_down_until timestamptz,
    review_at timestamptz,
    rulebook_version integer NOT NULL,
    state text NOT NULL,
    merged_into bigint REFERENCES tasuki.lead,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX lead_review ON tasuki.lead (review_at)
    WHERE review_at IS NOT NULL AND lifecycle_stage IN ('inquiry', 'nurture') AND merged_into IS NULL;
CREATE INDEX lead_mql ON tasuki.lead (lead_id) WHERE lifecycle_stage = 'mql';

CREATE TABLE tasuki.lead_key (
    kind text NOT NULL,
    value text NOT NULL,
    lead_id bigint NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX lead_key_lead ON tasuki.lead_key (lead_id);

CREATE TABLE tasuki.lead_merge (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kept bigint NOT NULL,
    merged bigint NOT NULL,
    at timestamptz NOT NULL,
    because text NOT NULL,
    kept_state text NOT NULL,
    merged_state text NOT NULL,
    keys jsonb NOT NULL,
    undone_at timestamptz
);
CREATE TABLE tasuki.merge_candidate (
    lead_a bigint NOT NULL,
    lead_b bigint NOT NULL,
    because text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (lead_a, lead_b)
);

CREATE TABLE tasuki.account (
    account_key text PRIMARY KEY,
    owner text NOT NULL,
    since timestamptz NOT NULL
);

CREATE TABLE tasuki.event (
    source text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    lead_id bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    applied_at timestamptz NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (source, event_id)
);
CREATE INDEX event_lead ON tasuki.event (lead_id);

CREATE TABLE tasuki.batch (
    batch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    worker text NOT NULL,
    entries integer NOT NULL,
    events integer NOT NULL,
    applied integer NOT NULL,
    repeats integer NOT NULL,
    quarantined integer NOT NULL
);
CREATE TABLE tasuki.attempt (
    stream_id text PRIMARY KEY,
    tries integer NOT NULL,
    first_at timestamptz NOT NULL
);

CREATE TABLE tasuki.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    event_id text,
    stream_id text NOT NULL,
    part integer NOT NULL DEFAULT 0,
    platform text NOT NULL DEFAULT 'canonical',
    received_at timestamptz NOT NULL,
    place text NOT NULL,
    reason text NOT NULL,
    raw bytea NOT NULL,
    raw_bytes integer NOT NULL,
    retried_at timestamptz,
    retry_of bigint REFERENCES tasuki.quarantine,
    resolved_at timestamptz,
    resolution text CHECK (resolution IN ('applied', 'repeat', 'dropped', 'quarantined_again')),
    UNIQUE (stream_id, part)
);
CREATE INDEX quarantine_open ON tasuki.quarantine (quarantine_id) WHERE resolved_at IS NULL;

CREATE TABLE tasuki.decision (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id bigint NOT NULL,
    at timestamptz NOT NULL,
    verdict text NOT NULL,
    from_stage text,
    to_stage text NOT NULL,
    rule text,
    reasons text NOT NULL,
    inputs text NOT NULL,
    rulebook_version integer NOT NULL
);
CREATE INDEX decision_lead ON tasuki.decision (lead_id);

CREATE TABLE tasuki.pool (pool_id text PRIMARY KEY);
CREATE TABLE tasuki.pool_credit (
    pool text NOT NULL,
    rep text NOT NULL,
    credit bigint NOT NULL,
    PRIMARY KEY (pool, rep)
);

CREATE TABLE tasuki.waiting (
    lead_id bigint PRIMARY KEY,
    pool text NOT NULL,
    rule text NOT NULL,
    strategy text NOT NULL,
    sla text NOT NULL,
    owner text,
    priority smallint NOT NULL,
    ready_at timestamptz NOT NULL,
    look_again_at timestamptz NOT NULL,
    parked boolean NOT NULL DEFAULT false,
    reason text NOT NULL DEFAULT 'ready',
    had text[] NOT NULL DEFAULT '{}',
    hops integer NOT NULL DEFAULT 0,
    rulebook_version integer NOT NULL
);
CREATE INDEX waiting_due ON tasuki.waiting (pool, look_again_at);

CREATE TABLE tasuki.assignment (
    assignment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id bigint NOT NULL,
    rep text NOT NULL,
    pool text NOT NULL,
    rule text NOT NULL,
    strategy text NOT NULL,
    sla text NOT NULL,
    ready_at timestamptz NOT NULL,
    offered_at timestamptz NOT NULL,
    accepted_at timestamptz,
    contacted_at timestamptz,
    ended_at timestamptz,
    end_reason text,
    end_note text,
    had text[] NOT NULL DEFAULT '{}',
    hops integer NOT NULL DEFAULT 0,
    skipped jsonb NOT NULL DEFAULT '{}',
    rulebook_version integer NOT NULL,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK (contacted_at IS NULL OR accepted_at IS NOT NULL)
);
CREATE UNIQUE INDEX assignment_one_live ON tasuki.assignment (lead_id) WHERE ended_at IS NULL;
CREATE INDEX assignment_rep_live ON tasuki.assignment (rep) WHERE ended_at IS NULL;
CREATE INDEX assignment_rep_day ON tasuki.assignment (rep, offered_at);
CREATE INDEX assignment_lead ON tasuki.assignment (lead_id);

CREATE TABLE tasuki.clock (
    clock_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    policy text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('accept', 'contact')),
    started_at timestamptz NOT NULL,
    warn_at timestamptz,
    due_at timestamptz NOT NULL,
    warned_at timestamptz,
    met_at timestamptz,
    breached_at timestamptz,
    cancelled_at timestamptz,
    -- the next instant at which something is due; null once the clock has ended
    next_at timestamptz,
    CHECK (num_nonnulls(met_at, breached_at, cancelled_at) <= 1),
    CHECK ((num_nonnulls(met_at, breached_at, cancelled_at) = 0) = (next_at IS NOT NULL))
);
CREATE INDEX clock_due ON tasuki.clock (next_at) WHERE next_at IS NOT NULL;
CREATE UNIQUE INDEX clock_one_running ON tasuki.clock (assignment_id, kind) WHERE next_at IS NOT NULL;
CREATE INDEX clock_assignment ON tasuki.clock (assignment_id);

CREATE TABLE tasuki.act (
    act_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assignment_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    rep text NOT NULL,
    act text NOT NULL,
    reason text,
    note text,
    at timestamptz NOT NULL
);
CREATE INDEX act_assignment ON tasuki.act (assignment_id);

CREATE TABLE tasuki.outbox (
    message_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    idempotency_key text NOT NULL UNIQUE,
    kind text NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook')),
    recipient text NOT NULL,
    lead_id bigint NOT NULL,
    assignment_id bigint,
    body jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'superseded', 'refused')),
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    sent_at timestamptz,
    last_error text,
    CHECK ((status = 'pending') = (next_try_at IS NOT NULL))
);
CREATE INDEX outbox_due ON tasuki.outbox (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX outbox_assignment ON tasuki.outbox (assignment_id);
