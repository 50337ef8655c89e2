-- Second factors. A secret is sealed; `confirmed_at` is NULL until its first code was shown. `last_step` is the latest 30
-- seconds whose code was taken: no code counts twice.
CREATE TABLE second_factors (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    sealed_secret BYTEA NOT NULL,
    last_step BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT
);

-- One row for each recovery code that is left.
CREATE TABLE recovery_codes (
    hash BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

-- Proofs that are half the way in (`challenge`: the password was right, a code is wanted) or a step up (`reauth`). Each
-- counts once.
CREATE TABLE proofs (
    hash BYTEA PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    guesses_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX proofs_by_user ON proofs (user_id);
CREATE INDEX proofs_by_expiry ON proofs (expires_at);
