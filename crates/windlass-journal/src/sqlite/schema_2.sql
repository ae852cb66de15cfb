-- Rows of one lane are sent in order; of each lane the oldest row that waits is its head.
ALTER TABLE outbox ADD COLUMN lane TEXT NOT NULL DEFAULT '';
-- Before this the row is not tried.
ALTER TABLE outbox ADD COLUMN next_at_ms INTEGER NOT NULL DEFAULT 0;
-- Whether it is not tried any more, and stays to be seen.
ALTER TABLE outbox ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept IN (0, 1));
-- What the sender knows of it, in the sender's own form.
ALTER TABLE outbox ADD COLUMN progress BLOB NOT NULL DEFAULT x'';
CREATE INDEX outbox_lanes ON outbox (lane, id) WHERE kept = 0;
CREATE INDEX outbox_runs ON outbox (run, id);
