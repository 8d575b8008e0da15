-- One row a receiver: the unit that fails and recovers as one (the mail server, a chat's webhook, ...).
CREATE TABLE tasuki.receiver (
    receiver text PRIMARY KEY,
    -- failures in a row
    failures integer NOT NULL DEFAULT 0,
    -- since when it is left alone but for probes; null while it is well
    open_since timestamptz,
    -- nothing goes out before: the next probe, or the receiver's own wish to wait
    not_before timestamptz,
    -- a worker sends to it until then
    busy_until timestamptz,
    last_error text,
    last_ok_at timestamptz
);
INSERT INTO tasuki.receiver (receiver) VALUES ('email'), ('webhook');

ALTER TABLE tasuki.outbox
    DROP CONSTRAINT outbox_channel_check,
    DROP CONSTRAINT outbox_status_check,
    -- the channel in team.yaml; null for what was written before, and for TASUKI_WEBHOOK_URL
    ADD COLUMN channel_id text,
    -- whose health counts
    ADD COLUMN receiver text NOT NULL DEFAULT 'email',
    -- the rep who is told; null for what was written before, and for machines
    ADD COLUMN rep text,
    -- goes out in quiet hours, and is never held for a digest
    ADD COLUMN urgent boolean NOT NULL DEFAULT false,
    -- channels that are left when this one fails, the next first
    ADD COLUMN route text[] NOT NULL DEFAULT '{}',
    -- why it waits, when that is no error
    ADD COLUMN waits_for text,
    -- the message that carries this one
    ADD COLUMN digest_id bigint REFERENCES tasuki.outbox,
    -- the message that this one stands in for
    ADD COLUMN fallback_of bigint REFERENCES tasuki.outbox,
    ADD CONSTRAINT outbox_channel_check CHECK (channel IN
        ('email', 'webhook', 'slack', 'teams', 'chatwork', 'line', 'lineworks', 'apprise')),
    ADD CONSTRAINT outbox_status_check CHECK (status IN
        ('pending', 'in_digest', 'sent', 'superseded', 'refused', 'rerouted', 'dropped'));
UPDATE tasuki.outbox SET receiver = 'webhook' WHERE channel = 'webhook';

-- The oldest of one receiver; the 10,000 that wait for another, dead one are never read.
CREATE INDEX outbox_receiver_due ON tasuki.outbox (receiver, next_try_at, message_id) WHERE next_try_at IS NOT NULL;
CREATE INDEX outbox_digest ON tasuki.outbox (digest_id) WHERE digest_id IS NOT NULL;
-- What a rep was sent of late on a channel, for digests.
CREATE INDEX outbox_rep_sent ON tasuki.outbox (rep, receiver, sent_at) WHERE sent_at IS NOT NULL;

CREATE VIEW tasuki.v_receiver AS
    SELECT receiver,
           CASE WHEN open_since IS NULL THEN 'well' ELSE 'open' END AS breaker,
           failures, open_since, not_before, last_ok_at, last_error
    FROM tasuki.receiver;
