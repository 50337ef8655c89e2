-- Programs that ask to be signed in by a human with a browser (RFC 8628). The code that the program keeps is known by its
-- keyed hash alone; the one that the human types is short, and lives for ten minutes.
CREATE TABLE device_logins (
    hash BYTEA PRIMARY KEY,
    user_code TEXT NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    email TEXT,
    ip TEXT NOT NULL,
    state TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    interval_ms BIGINT NOT NULL,
    polled_at BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX device_logins_by_expiry ON device_logins (expires_at);
CREATE INDEX device_logins_by_user ON device_logins (user_id);
