-- What agents say that they delivered, compared with what is stored.

-- Lines of files that were stored for each agent's ledger: counted in the transaction that stores them.
CREATE TABLE line_ledgers (
    host text NOT NULL,
    -- The agent's own name of its count; another after its state directory was lost.
    ledger text NOT NULL,
    stored bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, ledger)
) WITH (fillfactor = 60);  -- room for the counting, which changes no index

-- Samples of one hour of one host: what its agent had acknowledged, and how many the store held when it was asked.
CREATE TABLE sample_balances (
    host text NOT NULL,
    -- The hour's end.
    ends_at timestamptz NOT NULL,
    ledger text NOT NULL,
    acknowledged bigint NOT NULL,
    stored bigint NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, ends_at, ledger)
);
