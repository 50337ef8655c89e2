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
    guesses BIGINT NOT NULL,
    guessed_since BIGINT NOT NULL,
    max_access_count BIGINT,
    access_count BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    declined_at BIGINT,
    ended_at BIGINT,
    ended_by TEXT
);
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
);
