CREATE TABLE meta (
  id    INTEGER PRIMARY KEY CHECK (id = 0),
  epoch INTEGER NOT NULL CHECK (epoch >= 0),
  -- The oldest windlass that can read this format.
  needs TEXT NOT NULL
) STRICT;
INSERT INTO meta (id, epoch, needs) VALUES (0, 0, '');

CREATE TABLE records (
  position    INTEGER PRIMARY KEY CHECK (position >= 0),
  run         TEXT NOT NULL,
  seq         INTEGER NOT NULL CHECK (seq >= 0),
  epoch       INTEGER NOT NULL CHECK (epoch >= 0),
  at_ms       INTEGER NOT NULL,
  kind        TEXT NOT NULL,
  version     INTEGER NOT NULL CHECK (version BETWEEN 0 AND 65535),
  body_hash   BLOB NOT NULL CHECK (length(body_hash) = 32),
  prev_in_run BLOB NOT NULL CHECK (length(prev_in_run) = 32),
  link        BLOB NOT NULL CHECK (length(link) = 32),
  UNIQUE (run, seq)
) STRICT;

-- Apart from the headers, so that retention erases bodies and nothing else.
CREATE TABLE bodies (
  position INTEGER PRIMARY KEY,
  body     BLOB,
  erased   INTEGER NOT NULL CHECK (erased IN (0, 1)),
  CHECK ((body IS NULL) = erased)
) STRICT;

CREATE TABLE idempotency (
  key            TEXT PRIMARY KEY,
  run            TEXT NOT NULL,
  first_seq      INTEGER NOT NULL,
  next_seq       INTEGER NOT NULL,
  first_position INTEGER NOT NULL,
  head           BLOB NOT NULL CHECK (length(head) = 32),
  answer         BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: an id that was done must never name another row.
CREATE TABLE outbox (
  id    INTEGER PRIMARY KEY AUTOINCREMENT,
  run   TEXT NOT NULL,
  topic TEXT NOT NULL,
  key   TEXT NOT NULL,
  body  BLOB NOT NULL
) STRICT;

CREATE TABLE runs (
  run             TEXT PRIMARY KEY,
  runbook         TEXT NOT NULL,
  title           TEXT NOT NULL,
  state           TEXT NOT NULL,
  waiting_for     TEXT NOT NULL,
  target          TEXT NOT NULL,
  requester       TEXT NOT NULL,
  plan_digest     TEXT NOT NULL,
  started_at_ms   INTEGER NOT NULL,
  updated_at_ms   INTEGER NOT NULL,
  ended_at_ms     INTEGER,
  next_wake_at_ms INTEGER,
  next_seq        INTEGER NOT NULL CHECK (next_seq > 0),
  owes            INTEGER NOT NULL CHECK (owes IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_start ON runs (started_at_ms, run);
CREATE INDEX runs_by_wake ON runs (next_wake_at_ms, run) WHERE next_wake_at_ms IS NOT NULL;
CREATE INDEX runs_live ON runs (started_at_ms, run) WHERE ended_at_ms IS NULL;
