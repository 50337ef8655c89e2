-- Whom agents have paid: whoever gained something by what was signed for one.
CREATE TABLE payees (
    agent_id TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    first_paid_at BIGINT NOT NULL,
    PRIMARY KEY (agent_id, chain_id, address)
);

-- Of what was signed before, the payees of coin are known.
INSERT INTO payees (agent_id, chain_id, address, first_paid_at)
SELECT agent_id, chain_id, to_address, MIN(signed_at) FROM transactions
WHERE kind = 'transaction' AND signed_at IS NOT NULL AND to_address IS NOT NULL AND value_wei <> '0'
GROUP BY agent_id, chain_id, to_address;
