-- Absences entered by people and calendar files, pauses, several warnings, follow-up, and open clocks that follow
-- a changed calendar. Every column has a default: workers of the version before go on beside it.

CREATE TABLE tasuki.absence (
    absence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rep text NOT NULL,
    -- absence: takes no lead and no clock runs; out_of_rotation: takes no lead, clocks run
    kind text NOT NULL DEFAULT 'absence' CHECK (kind IN ('absence', 'out_of_rotation')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    reason text NOT NULL DEFAULT '',
    -- of a calendar file: the event's UID and, of a series, which of it
    uid text,
    occurrence text NOT NULL DEFAULT '',
    -- of a breach: the clock that took the rep out of rotation
    clock_id bigint UNIQUE,
    entered_by text NOT NULL,
    entered_at timestamptz NOT NULL,
    removed_at timestamptz,
    removed_by text,
    CHECK (ends_at > starts_at)
);
CREATE INDEX absence_rep ON tasuki.absence (rep, ends_at) WHERE removed_at IS NULL;
CREATE INDEX absence_ends ON tasuki.absence (ends_at) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX absence_uid ON tasuki.absence (rep, uid, occurrence) WHERE uid IS NOT NULL AND removed_at IS NULL;

ALTER TABLE tasuki.assignment
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    -- how many attempts the policy asked for at first contact; 0: none
    ADD COLUMN follow_ups integer NOT NULL DEFAULT 0,
    ADD COLUMN followed_up_at timestamptz;

ALTER TABLE tasuki.clock DROP CONSTRAINT clock_kind_check;
ALTER TABLE tasuki.clock ADD CONSTRAINT clock_kind_check CHECK (kind IN ('accept', 'contact', 'follow_up'));
ALTER TABLE tasuki.clock
    -- all warnings in order; empty in rows of the version before, which knew `warn_at` only
    ADD COLUMN warnings timestamptz[] NOT NULL DEFAULT '{}',
    ADD COLUMN warned integer NOT NULL DEFAULT 0,
    ADD COLUMN round integer NOT NULL DEFAULT 0,
    -- seconds of counted time granted on top, so that no change made the clock late
    ADD COLUMN extra_s double precision NOT NULL DEFAULT 0,
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN paused_until timestamptz,
    -- how long it ran, without pauses: by the wall and in the rep's working time; null until it has ended
    ADD COLUMN raw_s double precision,
    ADD COLUMN business_s double precision,
    ADD CONSTRAINT clock_pause_check CHECK ((paused_at IS NULL) = (paused_until IS NULL));
CREATE INDEX clock_unmeasured ON tasuki.clock (clock_id) WHERE next_at IS NULL AND raw_s IS NULL;
CREATE INDEX clock_open ON tasuki.clock (clock_id) WHERE next_at IS NOT NULL;

CREATE TABLE tasuki.clock_pause (
    pause_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id bigint NOT NULL,
    reason text NOT NULL,
    note text,
    paused_by text NOT NULL,
    paused_at timestamptz NOT NULL,
    until_at timestamptz NOT NULL,
    resumed_at timestamptz,
    CHECK (until_at > paused_at)
);
CREATE INDEX clock_pause_clock ON tasuki.clock_pause (clock_id);

CREATE TABLE tasuki.clock_change (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id bigint NOT NULL,
    assignment_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    at timestamptz NOT NULL,
    why text NOT NULL,
    old_due_at timestamptz NOT NULL,
    -- null: the clock ended by the change
    new_due_at timestamptz
);
CREATE INDEX clock_change_assignment ON tasuki.clock_change (assignment_id);

-- A wish to reckon open clocks anew; every sweep looks for one that is not done.
CREATE TABLE tasuki.clock_recompute (
    recompute_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    why text NOT NULL,
    rep text,
    from_version integer,
    to_version integer,
    asked_at timestamptz NOT NULL,
    -- the newest progress
    looked_at timestamptz,
    -- it begins once every transaction that may not have seen the change has ended
    begins_after xid8,
    reached bigint NOT NULL DEFAULT 0,
    looked integer NOT NULL DEFAULT 0,
    moved integer NOT NULL DEFAULT 0,
    done_at timestamptz
);
CREATE INDEX clock_recompute_open ON tasuki.clock_recompute (recompute_id) WHERE done_at IS NULL;

-- Who is still to be told of a breach that nobody mended.
CREATE TABLE tasuki.escalation (
    escalation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    clock_id bigint NOT NULL,
    assignment_id bigint NOT NULL,
    lead_id bigint NOT NULL,
    kind text NOT NULL,
    step integer NOT NULL,
    rep text NOT NULL,
    tell_at timestamptz,
    told_at timestamptz,
    needless_at timestamptz,
    UNIQUE (assignment_id, kind, step),
    CHECK (num_nonnulls(tell_at, told_at, needless_at) = 1)
);
CREATE INDEX escalation_due ON tasuki.escalation (tell_at) WHERE tell_at IS NOT NULL;

CREATE OR REPLACE VIEW tasuki.v_clock AS
    SELECT clock_id, assignment_id, lead_id, policy, kind, started_at, warn_at, due_at, met_at, breached_at,
           cancelled_at, paused_at, paused_until, raw_s, business_s
    FROM tasuki.clock;

CREATE VIEW tasuki.v_clock_change AS
    SELECT change_id, clock_id, assignment_id, lead_id, at, why, old_due_at, new_due_at FROM tasuki.clock_change;

CREATE VIEW tasuki.v_absence AS
    SELECT absence_id, rep, kind, starts_at, ends_at, reason, entered_by, entered_at, removed_at
    FROM tasuki.absence;
