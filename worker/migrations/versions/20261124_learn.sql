-- A model is data: a scorecard in JSON that is checked at every reading. Versions never change.
CREATE TABLE tasuki.model (
    version integer PRIMARY KEY,
    digest text NOT NULL,
    document jsonb NOT NULL,
    report jsonb NOT NULL,
    fitted_at timestamptz NOT NULL,
    by text NOT NULL,
    rulebook_version integer NOT NULL REFERENCES tasuki.rulebook
);
CREATE TABLE tasuki.model_current (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    version integer NOT NULL REFERENCES tasuki.model
);
CREATE FUNCTION tasuki.refuse_model_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a fitted model never changes'; END $$;
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON tasuki.model
    FOR EACH ROW EXECUTE FUNCTION tasuki.refuse_model_change();
