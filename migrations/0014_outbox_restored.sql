-- A notification that waited when a backup was taken is not sent after its restore: whoever runs now knows nothing of
-- what became of it.
ALTER TABLE outbox DROP CONSTRAINT outbox_state_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_state_check CHECK (state IN ('waiting', 'delivered', 'dead', 'restored'));
