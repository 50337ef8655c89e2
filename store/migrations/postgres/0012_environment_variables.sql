CREATE TABLE environments (
    id TEXT PRIMARY KEY,
    vault_id TEXT NOT NULL REFERENCES vaults (id) ON DELETE CASCADE,
    slug TEXT NOT NULL,
    description TEXT,
    copied_from TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (vault_id, slug)
);

-- A variable for every branch has the empty branch.
CREATE TABLE env_vars (
    id TEXT PRIMARY KEY,
    org_id TEXT NOT NULL,
    vault_id TEXT NOT NULL REFERENCES vaults (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    git_branch TEXT NOT NULL,
    sensitive BOOLEAN NOT NULL,
    comment TEXT,
    version BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX env_vars_by_vault ON env_vars (vault_id, name, git_branch, id);

-- The value is sealed once for each environment, at the path that policies know it by; `seal` is bound into it.
CREATE TABLE env_values (
    var_id TEXT NOT NULL REFERENCES env_vars (id) ON DELETE CASCADE,
    vault_id TEXT NOT NULL,
    name TEXT NOT NULL,
    git_branch TEXT NOT NULL,
    environment TEXT NOT NULL,
    seal BIGINT NOT NULL,
    wrapped_data_key BYTEA NOT NULL,
    ciphertext BYTEA NOT NULL,
    PRIMARY KEY (var_id, environment),
    UNIQUE (vault_id, environment, name, git_branch)
);

-- The vault that the variables of a whole organisation lie in.
CREATE TABLE shared_env_vaults (
    org_id TEXT PRIMARY KEY,
    vault_id TEXT NOT NULL UNIQUE REFERENCES vaults (id) ON DELETE CASCADE
);

-- In which vaults a variable of that vault holds.
CREATE TABLE env_links (
    vault_id TEXT NOT NULL REFERENCES vaults (id) ON DELETE CASCADE,
    var_id TEXT NOT NULL REFERENCES env_vars (id) ON DELETE CASCADE,
    PRIMARY KEY (vault_id, var_id)
);
CREATE INDEX env_links_by_var ON env_links (var_id);
