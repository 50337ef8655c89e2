-- Times are milliseconds since 1970-01-01T00:00:00Z, ids are hyphenated UUIDs, lists and objects are
-- JSON text.

-- One row: whoever signs up changes it first, so that two sign-ups never both find an unclaimed server.
CREATE TABLE signups (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    attempts BIGINT NOT NULL
);
INSERT INTO signups (id, attempts) VALUES (1, 0);

CREATE TABLE orgs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    email TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL,
    email_verified BOOLEAN NOT NULL,
    marketing_emails BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    sessions_revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX users_by_org ON users (org_id);

CREATE TABLE session_families (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX session_families_by_user ON session_families (user_id);
CREATE INDEX session_families_by_expiry ON session_families (expires_at);

CREATE TABLE refresh_tokens (
    hash BYTEA PRIMARY KEY,
    family TEXT NOT NULL REFERENCES session_families (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

CREATE TABLE revoked_tokens (
    jti TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    key_hash BYTEA NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX api_keys_by_user ON api_keys (user_id);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    created_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    key_prefix TEXT,
    key_hash BYTEA UNIQUE,
    scopes TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    expires_at BIGINT,
    api_key_expires_at BIGINT,
    token_ttl_seconds BIGINT,
    vault_ids TEXT NOT NULL,
    intents_api_enabled BOOLEAN NOT NULL,
    environment TEXT,
    ssh_public_key TEXT,
    ecdh_public_key TEXT,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT,
    profile TEXT NOT NULL
);
CREATE INDEX agents_by_org ON agents (org_id, created_at, id);
CREATE INDEX agents_by_creator ON agents (created_by);

CREATE TABLE vaults (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL REFERENCES orgs (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    created_by TEXT NOT NULL,
    wrapped_key BYTEA NOT NULL,
    is_system BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX vaults_by_org ON vaults (org_id, created_at, id);
CREATE UNIQUE INDEX one_system_vault_per_org ON vaults (org_id) WHERE is_system;

CREATE TABLE secrets (
    id TEXT PRIMARY KEY,
    vault_id TEXT NOT NULL REFERENCES vaults (id) ON DELETE CASCADE,
    org_id TEXT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    latest_version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    UNIQUE (vault_id, path)
);
CREATE INDEX secrets_by_org ON secrets (org_id);

CREATE TABLE secret_versions (
    secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    kind TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    max_access_count BIGINT,
    access_count BIGINT NOT NULL,
    disabled_at BIGINT,
    rotation_policy TEXT,
    metadata TEXT NOT NULL,
    wrapped_data_key BYTEA NOT NULL,
    ciphertext BYTEA NOT NULL,
    PRIMARY KEY (secret_id, version)
);

CREATE TABLE policies (
    id TEXT PRIMARY KEY,
    vault_id TEXT NOT NULL REFERENCES vaults (id) ON DELETE CASCADE,
    org_id TEXT NOT NULL,
    pattern TEXT NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    permissions TEXT NOT NULL,
    conditions TEXT NOT NULL,
    allow BOOLEAN NOT NULL,
    priority BIGINT NOT NULL,
    expires_at BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    extras TEXT NOT NULL
);
CREATE INDEX policies_by_vault_and_principal ON policies (vault_id, principal_kind, principal_id);
CREATE INDEX policies_by_principal ON policies (principal_kind, principal_id);

-- Rows stay when the policies, the caller or the vault go: a revision never goes back.
CREATE TABLE policy_sets (
    vault_id TEXT NOT NULL,
    principal_kind TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (vault_id, principal_kind, principal_id)
);
CREATE INDEX policy_sets_by_principal ON policy_sets (principal_kind, principal_id);

CREATE TABLE jwt_keys (
    kid TEXT PRIMARY KEY,
    wrapped_seed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE audit_events (
    org_id TEXT NOT NULL,
    seq BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    action TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    vault_id TEXT,
    details TEXT NOT NULL,
    ip TEXT,
    at BIGINT NOT NULL,
    prev_event_id TEXT,
    integrity_hash TEXT NOT NULL,
    PRIMARY KEY (org_id, seq)
);
CREATE INDEX audit_events_by_time ON audit_events (org_id, at);
CREATE INDEX audit_events_by_actor ON audit_events (org_id, actor_id, seq);
CREATE INDEX audit_events_by_resource ON audit_events (org_id, resource_id, seq);
CREATE INDEX audit_events_by_vault ON audit_events (org_id, vault_id, seq);

CREATE TABLE audit_heads (
    org_id TEXT PRIMARY KEY,
    seq BIGINT NOT NULL,
    event_id TEXT,
    hash TEXT NOT NULL,
    seal TEXT NOT NULL
);
