-- Which record of which CRM a lead is. A lead has one record in each connection.
CREATE TABLE tasuki.crm_link (
    connection text NOT NULL,
    lead_id bigint NOT NULL,
    object text NOT NULL,
    crm_id text NOT NULL,
    how text NOT NULL CHECK (how IN ('created', 'matched', 'converted', 'told')),
    linked_at timestamptz NOT NULL,
    -- CRM field -> digest of what was written last: tells a human's later word from ours, and holds no personal data
    written jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (connection, lead_id),
    UNIQUE (connection, crm_id)
);
CREATE INDEX crm_link_lead ON tasuki.crm_link (lead_id);

-- What must be written: one row a lead and connection, so that a burst of changes is one write of the newest truth.
CREATE TABLE tasuki.crm_push (
    connection text NOT NULL,
    lead_id bigint NOT NULL,
    -- counts the changes; what is written is read from the lead at that moment, and is at least this new
    version bigint NOT NULL DEFAULT 1,
    written_version bigint NOT NULL DEFAULT 0,
    erase boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'written', 'refused', 'not_needed', 'erased')),
    wanted_at timestamptz NOT NULL,
    written_at timestamptz,
    -- tries since the newest change
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz,
    -- who writes the lead now has it to itself until then; the number tells a late answer from the newest try
    leased_until timestamptz,
    lease bigint NOT NULL DEFAULT 0,
    last_error text,
    -- what could not be written although the rest was
    note text,
    PRIMARY KEY (connection, lead_id),
    CHECK ((status = 'pending') = (next_try_at IS NOT NULL))
);
CREATE INDEX crm_push_due ON tasuki.crm_push (connection, next_try_at) WHERE next_try_at IS NOT NULL;

-- How a connection fares: its breaker, its budget, and how far its outcomes were read.
CREATE TABLE tasuki.crm_connection (
    connection text PRIMARY KEY,
    failures integer NOT NULL DEFAULT 0,
    open_until timestamptz,
    last_error text,
    last_ok_at timestamptz,
    -- wall time: the next call is not made before it
    free_at timestamptz NOT NULL DEFAULT '-infinity',
    day date,
    calls_today integer NOT NULL DEFAULT 0,
    calls_left bigint,
    cursor jsonb NOT NULL DEFAULT '{}',
    pulled_at timestamptz
);

CREATE VIEW tasuki.v_crm_push AS
    SELECT p.connection, p.lead_id, p.status, l.object, l.crm_id, p.wanted_at, p.written_at, p.attempts,
           p.next_try_at, p.last_error, p.note
    FROM tasuki.crm_push p LEFT JOIN tasuki.crm_link l USING (connection, lead_id);
