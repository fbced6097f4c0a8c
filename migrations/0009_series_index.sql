-- Servers hold the series in memory and follow what is registered: each takes the pairs whose transaction had not ended
-- when it looked last. See docs/decisions/0092-series-are-planned-in-memory.md.
ALTER TABLE source_layouts ADD COLUMN registered xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX source_layouts_registered ON source_layouts (registered);
