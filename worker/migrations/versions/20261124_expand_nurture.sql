-- What the MA platform was told: one row for each stay of a lead on a track. Kept where TASUKI_MA_URL is set.
CREATE TABLE tasuki.track_stay (
    stay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id bigint NOT NULL,
    track text NOT NULL,
    because text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    left_because text,
    -- seconds for which the lead had been on this track before, in all its earlier stays
    before_s bigint NOT NULL DEFAULT 0,
    CHECK ((left_at IS NULL) = (left_because IS NULL))
);
CREATE UNIQUE INDEX track_stay_open ON tasuki.track_stay (lead_id) WHERE left_at IS NULL;
CREATE INDEX track_stay_lead ON tasuki.track_stay (lead_id, track);

INSERT INTO tasuki.receiver (receiver) VALUES ('ma') ON CONFLICT DO NOTHING;
-- What was not told yet of a lead, so that a newer instruction can overtake it.
CREATE INDEX outbox_ma_lead ON tasuki.outbox (lead_id) WHERE receiver = 'ma' AND next_try_at IS NOT NULL;

-- Lost leads that come back to nurture on a day.
CREATE INDEX lead_lost_review ON tasuki.lead (review_at)
    WHERE review_at IS NOT NULL AND lifecycle_stage = 'lost' AND merged_into IS NULL;

CREATE VIEW tasuki.v_track_stay AS
    SELECT stay_id, lead_id, track, because, entered_at, left_at, left_because, before_s FROM tasuki.track_stay;

-- What was to be judged again after each publish; what is left of it are the leads whose review is due since.
CREATE TABLE tasuki.rescoring (
    rescoring_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version integer NOT NULL,
    asked_at timestamptz NOT NULL,
    leads bigint NOT NULL,
    done_at timestamptz
);
CREATE UNIQUE INDEX rescoring_open ON tasuki.rescoring ((true)) WHERE done_at IS NULL;
