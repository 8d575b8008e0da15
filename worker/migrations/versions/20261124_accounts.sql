-- Accounts are known by identities, and not by one key; leads and accounts that may be one are listed; merges can be undone.

CREATE TABLE tasuki.account_identity (
    kind text NOT NULL CHECK (kind IN ('corporate_number', 'domain', 'name')),
    value text COLLATE "C" NOT NULL,
    -- of names: where the company sits (JP-13, or a country, or not known), and its legal form
    place text NOT NULL DEFAULT '',
    form text NOT NULL DEFAULT '',
    account_key text NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (kind, value, place, form, account_key)
);
CREATE INDEX account_identity_account ON tasuki.account_identity (account_key);
CREATE INDEX account_identity_seen ON tasuki.account_identity USING brin (seen_at);
CREATE INDEX lead_account ON tasuki.lead (account_key) WHERE account_key IS NOT NULL;

-- what is known from before: each account's key is its one identity
INSERT INTO tasuki.account_identity (kind, value, account_key, seen_at)
SELECT CASE split_part(account_key, ':', 1) WHEN 'corp' THEN 'corporate_number' ELSE split_part(account_key, ':', 1) END,
       substr(account_key, strpos(account_key, ':') + 1), account_key, now()
FROM (SELECT account_key FROM tasuki.lead WHERE account_key IS NOT NULL
      UNION SELECT account_key FROM tasuki.account) AS known
WHERE split_part(account_key, ':', 1) IN ('corp', 'domain', 'name')
ON CONFLICT DO NOTHING;

-- `one` is an account, or `lead:N` where a lead belongs to none yet
CREATE TABLE tasuki.account_candidate (
    one text NOT NULL,
    account_key text NOT NULL,
    because text NOT NULL,
    score real NOT NULL,
    seen_at timestamptz NOT NULL,
    settled_at timestamptz,
    settled text CHECK (settled IN ('merged', 'apart', 'put')),
    PRIMARY KEY (one, account_key),
    CHECK ((settled IS NULL) = (settled_at IS NULL))
);
CREATE INDEX account_candidate_open ON tasuki.account_candidate (seen_at) WHERE settled IS NULL;
CREATE TABLE tasuki.account_pin (
    lead_id bigint PRIMARY KEY,
    account_key text NOT NULL,
    by text NOT NULL,
    at timestamptz NOT NULL
);
CREATE TABLE tasuki.account_merge (
    merge_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kept text NOT NULL,
    gone text NOT NULL,
    at timestamptz NOT NULL,
    by text NOT NULL,
    identities jsonb NOT NULL,
    leads jsonb NOT NULL,
    owner text,
    kept_owner text,
    undone_at timestamptz,
    undone_by text
);
-- up to which instant names were compared with one another
CREATE TABLE tasuki.account_compared (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until timestamptz NOT NULL
);

-- what a merge of leads moved, so that it can be undone: which events, and who stood where with sales
ALTER TABLE tasuki.lead_merge ADD COLUMN by text, ADD COLUMN undone_by text,
    ADD COLUMN kept_keys jsonb NOT NULL DEFAULT '[]', ADD COLUMN standing jsonb NOT NULL DEFAULT '{}';
CREATE TABLE tasuki.lead_merge_event (
    merge_id bigint NOT NULL,
    source text NOT NULL,
    event_id text NOT NULL,
    PRIMARY KEY (merge_id, source, event_id)
);
CREATE INDEX lead_merge_kept ON tasuki.lead_merge (kept) WHERE undone_at IS NULL;
ALTER TABLE tasuki.merge_candidate
    ADD COLUMN settled_at timestamptz,
    ADD COLUMN settled text CHECK (settled IN ('merged', 'apart'));

-- what outside sources were asked of whom, and what they answered
CREATE TABLE tasuki.enrichment_request (
    provider text NOT NULL,
    lead_id bigint NOT NULL,
    subject text NOT NULL,
    asked_at timestamptz NOT NULL,
    next_try_at timestamptz,
    tries integer NOT NULL DEFAULT 0,
    outcome text CHECK (outcome IN ('answered', 'nothing', 'gave_up')),
    last_error text,
    PRIMARY KEY (provider, lead_id, subject),
    CHECK ((outcome IS NULL) = (next_try_at IS NOT NULL))
);
CREATE INDEX enrichment_request_due ON tasuki.enrichment_request (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE TABLE tasuki.enrichment_answer (
    provider text NOT NULL,
    subject text NOT NULL,
    answered_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    said jsonb NOT NULL,
    PRIMARY KEY (provider, subject)
);
CREATE TABLE tasuki.enrichment_provider (
    provider text PRIMARY KEY,
    day date NOT NULL,
    asked integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    closed_until timestamptz
);
