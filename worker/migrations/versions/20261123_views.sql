CREATE VIEW tasuki.v_event AS
    SELECT source, event_id, type, lead_id, occurred_at, received_at, applied_at FROM tasuki.event;

CREATE VIEW tasuki.v_lead AS
    SELECT lead_id, email, company, lifecycle_stage, persona, fit, fit_grade, engagement, buying_stage, track,
           owner, rulebook_version, updated_at
    FROM tasuki.lead WHERE merged_into IS NULL;

CREATE VIEW tasuki.v_decision AS
    SELECT decision_id, lead_id, at, from_stage, to_stage, rule, reasons::jsonb AS reasons, rulebook_version
    FROM tasuki.decision;

CREATE VIEW tasuki.v_assignment AS
    SELECT assignment_id, lead_id, rep, pool, rule, strategy, offered_at, accepted_at, contacted_at, ended_at,
           end_reason, rulebook_version
    FROM tasuki.assignment;

CREATE VIEW tasuki.v_clock AS
    SELECT clock_id, assignment_id, lead_id, policy, kind, started_at, warn_at, due_at, met_at, breached_at,
           cancelled_at
    FROM tasuki.clock;

CREATE VIEW tasuki.v_outbox AS
    SELECT message_id, kind, recipient, idempotency_key, created_at, sent_at, attempts, status, last_error
    FROM tasuki.outbox;

CREATE VIEW tasuki.v_quarantine AS
    SELECT quarantine_id, source, received_at, place || ': ' || reason AS reason, retried_at, resolved_at
    FROM tasuki.quarantine;
