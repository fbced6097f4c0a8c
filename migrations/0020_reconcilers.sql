-- Who reconciles, how it goes, and what people were told of it.

-- A row per source: what its reconciler said at the end of its last run.
CREATE TABLE reconcilers (
    source text PRIMARY KEY,
    -- The machine that it runs on.
    host text NOT NULL,
    -- The longest that two ends of runs may lie apart; null for one that a timer starts.
    patience interval,
    -- When it was heard, by this database's clock.
    completed_at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL,
    -- The run's report.
    report text NOT NULL,
    -- The store's generation that the run saw last; null where the store did not answer.
    generation bigint,
    -- The commit that is enforced.
    commit text,
    committed_at timestamptz,
    -- The last run that found drift.
    drift_at timestamptz,
    drift_report text
);

-- What holds of a reconciler that people were told of, with the key of the notice: each transition is told once, also
-- across restarts and whoever leads.
CREATE TABLE reconciler_conditions (
    source text NOT NULL,
    condition text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    notice text NOT NULL,
    PRIMARY KEY (source, condition)
);

-- The notifier that delivered last, in the form that it had then. Notices about the reconciler go there too: it is the
-- reconciler that changes notifiers.
CREATE TABLE last_delivery (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    notifier text NOT NULL,
    spec jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- The form of the notifier to use instead of the one that is declared when it is sent.
ALTER TABLE outbox ADD COLUMN via jsonb;

-- The commit that a host was last seen to have applied, when it was committed and when that was seen.
ALTER TABLE agents ADD COLUMN applied_commit text, ADD COLUMN applied_committed_at timestamptz,
    ADD COLUMN applied_at timestamptz;
