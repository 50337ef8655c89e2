-- The id of a link is all that its holder needs, so that audit events name `audit_id` instead.
CREATE TABLE shares (
    id TEXT PRIMARY KEY,
    audit_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    creator_kind TEXT NOT NULL,
    creator_id TEXT NOT NULL,
    recipient_type TEXT NOT NULL,
    recipient TEXT,
    recipient_email TEXT,
    permissions TEXT NOT NULL,
    ip_allowlist TEXT NOT NULL,
    passphrase_hash TEXT,
    guesses INTEGER NOT NULL,
    guessed_since INTEGER NOT NULL,
    max_access_count INTEGER,
    access_count INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    accepted_at INTEGER,
    declined_at INTEGER,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;
CREATE INDEX shares_by_secret ON shares (secret_id);
CREATE INDEX shares_by_creator ON shares (creator_kind, creator_id, created_at);
CREATE INDEX shares_by_recipient ON shares (recipient, created_at);
CREATE INDEX shares_by_email ON shares (recipient_email, created_at);
CREATE INDEX shares_by_org ON shares (org_id, created_at);
CREATE INDEX shares_by_expiry ON shares (expires_at);

-- The times of an organisation's last shares, as a JSON list; the row is locked while one is made.
CREATE TABLE share_rates (
    org_id TEXT PRIMARY KEY,
    made TEXT NOT NULL
) STRICT;
