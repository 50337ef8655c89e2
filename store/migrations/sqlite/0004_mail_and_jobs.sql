-- A mail waits here from the change that caused it until it is handed over. Its text is sealed, and gone once it is settled.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    org_id TEXT,
    recipient TEXT NOT NULL,
    sealed BLOB,
    queued_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    -- NULL once it was sent or given up.
    due_at INTEGER,
    sent_at INTEGER,
    given_up_at INTEGER,
    last_error TEXT
) STRICT;
CREATE INDEX mails_due ON mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_settled ON mails (queued_at) WHERE due_at IS NULL;

-- Who does a scheduled job. The token goes up with every lease: who holds an old one changes nothing any more.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token INTEGER NOT NULL,
    leased_until INTEGER NOT NULL,
    due_at INTEGER NOT NULL
) STRICT;
