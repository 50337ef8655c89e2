-- A mail waits here from the change that caused it until it is handed over. Its text is sealed, and gone once it is settled.
CREATE TABLE mails (
    id TEXT PRIMARY KEY,
    org_id TEXT,
    recipient TEXT NOT NULL,
    sealed BYTEA,
    queued_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    -- NULL once it was sent or given up.
    due_at BIGINT,
    sent_at BIGINT,
    given_up_at BIGINT,
    last_error TEXT
);
CREATE INDEX mails_due ON mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX mails_settled ON mails (queued_at) WHERE due_at IS NULL;

-- Who does a scheduled job. The token goes up with every lease: who holds an old one changes nothing any more.
CREATE TABLE jobs (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    token BIGINT NOT NULL,
    leased_until BIGINT NOT NULL,
    due_at BIGINT NOT NULL
);
