-- Amounts of native coin are decimal text in wei. Amounts that are added up are eight numbers of 32 bits, least significant
-- first, so that a sum of them is exact.

CREATE TABLE chains (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    chain_id BIGINT NOT NULL UNIQUE,
    rpc_urls TEXT NOT NULL,
    ws_url TEXT,
    explorer_url TEXT,
    native_currency TEXT NOT NULL,
    is_testnet BOOLEAN NOT NULL,
    is_enabled BOOLEAN NOT NULL,
    allow_private_rpc BOOLEAN NOT NULL,
    confirmations BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Which chains have come with the server once: what was removed since is not brought back.
CREATE TABLE seeded_chains (
    name TEXT PRIMARY KEY
);

CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    chain TEXT NOT NULL,
    curve TEXT NOT NULL,
    public_key TEXT NOT NULL,
    address TEXT,
    secret_id TEXT NOT NULL,
    vault_id TEXT NOT NULL,
    path TEXT NOT NULL,
    secret_version BIGINT NOT NULL,
    key_version BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT
);
CREATE INDEX signing_keys_by_agent ON signing_keys (agent_id, chain, key_version);
CREATE UNIQUE INDEX one_active_signing_key ON signing_keys (agent_id, chain) WHERE is_active;

CREATE TABLE key_addresses (
    secret_id TEXT NOT NULL REFERENCES secrets (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (secret_id, version)
);

-- Rows stay when the agent goes. `family` is the first of the transactions that replace each other: one of them at most is
-- ever included.
CREATE TABLE transactions (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    family TEXT NOT NULL,
    kind TEXT NOT NULL,
    mode TEXT NOT NULL,
    chain_name TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    from_address TEXT NOT NULL,
    to_address TEXT,
    value_wei TEXT NOT NULL,
    data TEXT,
    nonce BIGINT,
    tx_type BIGINT,
    gas_limit BIGINT,
    max_fee_per_gas TEXT,
    max_priority_fee_per_gas TEXT,
    status TEXT NOT NULL,
    signed_tx TEXT,
    tx_hash TEXT,
    error_message TEXT,
    simulation_id TEXT,
    simulation_status TEXT,
    request_digest TEXT NOT NULL,
    decision_event TEXT NOT NULL,
    intent_key_id TEXT,
    replaces TEXT,
    replaced_by TEXT,
    created_at BIGINT NOT NULL,
    signed_at BIGINT,
    broadcast_at BIGINT,
    block_number BIGINT,
    block_hash TEXT,
    gas_used BIGINT,
    effective_gas_price TEXT,
    final_state TEXT,
    last_checked_at BIGINT,
    attempts BIGINT NOT NULL
);
CREATE INDEX transactions_by_agent ON transactions (agent_id, created_at, id);
CREATE INDEX transactions_by_nonce ON transactions (chain_id, from_address, nonce);
CREATE INDEX transactions_pending ON transactions (created_at) WHERE status = 'pending';
CREATE INDEX transactions_to_track ON transactions (last_checked_at) WHERE mode = 'submit'
    AND status IN ('signed', 'broadcast') AND (final_state IS NULL OR final_state IN ('included', 'reverted'));

CREATE TABLE budget_entries (
    transaction_id TEXT NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
    family TEXT NOT NULL,
    org_id TEXT NOT NULL,
    budget_key TEXT NOT NULL,
    asset TEXT NOT NULL,
    at BIGINT NOT NULL,
    a0 BIGINT NOT NULL,
    a1 BIGINT NOT NULL,
    a2 BIGINT NOT NULL,
    a3 BIGINT NOT NULL,
    a4 BIGINT NOT NULL,
    a5 BIGINT NOT NULL,
    a6 BIGINT NOT NULL,
    a7 BIGINT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (transaction_id, budget_key, asset)
);
CREATE INDEX budget_entries_by_budget ON budget_entries (org_id, budget_key, asset, at);
CREATE INDEX budget_entries_by_family ON budget_entries (family);

-- Whoever reads a budget to reserve in it changes its row first.
CREATE TABLE budget_locks (
    org_id TEXT NOT NULL,
    budget_key TEXT NOT NULL,
    PRIMARY KEY (org_id, budget_key)
);

CREATE TABLE nonces (
    chain_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    next_nonce BIGINT NOT NULL,
    PRIMARY KEY (chain_id, address)
);

CREATE TABLE free_nonces (
    chain_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    nonce BIGINT NOT NULL,
    PRIMARY KEY (chain_id, address, nonce)
);

CREATE TABLE idempotency (
    agent_id TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    body_digest BYTEA NOT NULL,
    transaction_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (agent_id, idempotency_key)
);
CREATE INDEX idempotency_by_transaction ON idempotency (transaction_id);
CREATE INDEX idempotency_by_time ON idempotency (created_at);

CREATE TABLE intent_keys (
    agent_id TEXT NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    key_id TEXT NOT NULL,
    org_id TEXT NOT NULL,
    public_key BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (agent_id, key_id)
);

CREATE TABLE intent_nonces (
    agent_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    nonce TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (agent_id, key_id, nonce)
);
CREATE INDEX intent_nonces_by_expiry ON intent_nonces (expires_at);
