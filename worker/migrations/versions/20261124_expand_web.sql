-- A link's secret is in the mail and nowhere else: here is its SHA-256.
CREATE TABLE tasuki.link_token (
    token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    assignment_id bigint NOT NULL,
    rep text NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('accept', 'decline', 'contacted')),
    -- signs the page's form, so that only who was shown the page can post it
    form_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX link_token_expiry ON tasuki.link_token (expires_at);

CREATE TABLE tasuki.api_token (
    token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    -- null: not bound to one rep
    rep text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz
);
-- how many leads a rep declined today, for the pool's quota
CREATE INDEX act_rep_declined ON tasuki.act (rep, at) WHERE act = 'decline';
