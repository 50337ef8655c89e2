-- Tokens that are mailed to an account: to prove its address, or to set a new password. Only their hash is kept.
CREATE TABLE mailed_tokens (
    hash BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    -- The address it was mailed to: another one is not proved by it.
    email TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX mailed_tokens_by_user ON mailed_tokens (user_id, purpose);
CREATE INDEX mailed_tokens_by_expiry ON mailed_tokens (expires_at);

-- Addresses for which a mail was asked, whether there is an account with them or not; looked into after the answer.
CREATE TABLE mail_requests (
    id TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    email TEXT NOT NULL,
    client TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
