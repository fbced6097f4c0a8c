-- Counted up in each transaction that makes rollups anew of an hour that is closed: servers that remember what they read
-- see by it that they have to read again. See docs/decisions/0118-one-look-before-reading.md.
ALTER TABLE rollup_state ADD generation bigint NOT NULL DEFAULT 0;
