-- Plans of branches that gitops-sync shows and never enforces: the last set of each source, replaced as a whole.
CREATE TABLE previews (
    source text PRIMARY KEY CHECK (length(source) BETWEEN 1 AND 128),
    received_at timestamptz NOT NULL DEFAULT now(),
    -- {"previews": [{"branch", "head", "plannedAt", "verdict", "report", …}], "leftOff": [branch]}
    previews jsonb NOT NULL
);
