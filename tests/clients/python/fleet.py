"""Agents, what policies let them do, and what they may not do all the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from account import Human
from oneclaw import OneclawError, OneclawResponse
from oneclaw.types import AgentResponse, PolicyResponse, TokenResponse
from watched import client, data, fills, raised, refused, tell


def records(base_url: str, human: Human, vault: str) -> None:
    """The life of an agent's record, as its owner keeps it."""
    agents = human.client.agents
    refused(human.client.org.agent_keys_vault_id(), 404)
    wanted = {
        "description": "Pays invoices",
        "intents_api_enabled": True,
        "shroud_enabled": True,
        "shroud_config": {"pii_policy": "redact"},
        "token_ttl_seconds": 900,
        "vault_ids": [vault],
        "scopes": ["invoices/**", "tx:sign"],
        "tx_to_allowlist": ["0x" + "11" * 20],
        "tx_max_value_eth": "0.05",
        "tx_daily_limit_eth": "1.5",
        "tx_allowed_chains": ["base", "ethereum"],
        "federation_enabled": False,
        "federation_audiences": ["https://example.com"],
        "message_signing_enabled": True,
        "api_key_expires_at": "2099-01-01T00:00:00Z",
    }
    made = data(agents.create("payer", **wanted), 201)
    agent, key = made["agent"], made["api_key"]
    assert key.startswith("ocv_") and key.startswith(agent["api_key_prefix"])
    assert all(made[name] == value for name, value in agent.items())
    holds(agent, {"name": "payer", "auth_method": "api_key", "is_active": True, **wanted})
    assert (agent["org_id"], agent["created_by"]) == (human.org, human.id)
    assert agent["ssh_public_key"] and agent["ecdh_public_key"]
    assert agent["tx_max_value"] == "0.05" and agent["signing_chains"] == []
    assert data(agents.get(agent["id"])) == agent
    assert key not in str(data(agents.list()))
    assert agent["id"] in [entry["id"] for entry in data(agents.list())["agents"]]
    data(human.client.org.agent_keys_vault_id())
    refused(agents.create(""), 400)
    refused(agents.create("lost", vault_ids=[str(uuid4())]), 400)
    refused(agents.create("brief", token_ttl_seconds=1), 400)
    refused(agents.get(str(uuid4())), 404)
    tell("an agent is registered with everything that it was given")

    changes = {
        "name": "payer-2",
        "description": "Pays less",
        "scopes": [],
        "vault_ids": [],
        "tx_max_value_eth": "",
        "tx_max_per_day": 7,
        "token_ttl_seconds": 1200,
        "per_chain_guardrails": {"base": {"max_value": "0.01"}},
    }
    changed = data(agents.update(agent["id"], **changes))
    holds(changed, {**changes, "tx_max_value_eth": None})
    assert changed["tx_daily_limit_eth"] == "1.5" and changed["intents_api_enabled"] is True
    assert data(agents.get(agent["id"])) == changed
    refused(agents.update(agent["id"], tx_daily_limit_eth="much"), 400)
    refused(agents.update(str(uuid4()), name="x"), 404)
    assert data(agents.get(agent["id"])) == changed
    tell("an agent's record is changed field by field")

    rotated = data(agents.rotate_key(agent["id"]))["api_key"]
    assert rotated.startswith("ocv_") and rotated != key
    refused(client(base_url).auth.agent_token(key), 401)
    token = data(client(base_url).auth.agent_token(rotated, agent["id"]))
    fills(TokenResponse, token)
    assert (token["agent_id"], token["vault_ids"]) == (agent["id"], [])
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 1200)
    refused(client(base_url).auth.agent_token(rotated, str(uuid4())), 401)
    renewed = data(agents.rotate_identity_keys(agent["id"]))
    for name in ("ssh_public_key", "ecdh_public_key"):
        assert renewed[name] != agent[name]
    tell("an agent's keys are rotated, and the old one is dead")

    living = client(base_url, token=token["access_token"])
    assert data(living.agents.me())["id"] == agent["id"]
    data(agents.delete(agent["id"]), 204)
    refused(living.agents.me(), 401)
    refused(client(base_url).auth.agent_token(rotated), 401)
    refused(agents.get(agent["id"]), 404)
    refused(agents.delete(agent["id"]), 404)
    tell("a deleted agent is gone at once, and its tokens with it")


def holds(agent: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The record says what it was told."""
    fills(AgentResponse, agent)
    for name, value in wanted.items():
        said = agent[name]
        if name.endswith("_at"):
            said, value = datetime.fromisoformat(said), datetime.fromisoformat(value)
        assert said == value, f"{name}: {said!r}, not {value!r}"


def reads(base_url: str, human: Human, vault: str, marker: str) -> dict[str, Any]:
    """The story in the middle of it all: a policy allows one read, and nothing allows the other."""
    for path in ("api-keys/x", "keys/x"):
        data(human.client.secrets.set(vault, path, f"{marker}-{path}", type="api_key"), 201)
    agent = data(human.client.agents.create("reader", scopes=["vaults:read"]), 201)
    identity = agent["agent"]["id"]
    policy = data(
        human.client.policies.create(
            vault,
            principal_type="agent",
            principal_id=identity,
            secret_path_pattern="api-keys/**",
        ),
        201,
    )
    fills(PolicyResponse, policy)
    assert policy["permissions"] == ["read"] and policy["conditions"] == {}
    assert (policy["effect"], policy["priority"], policy["expires_at"]) == ("allow", 0, None)
    assert (policy["vault_id"], policy["created_by"]) == (vault, human.id)
    assert data(human.client.policies.list(vault))["policies"] == [policy]

    reader = client(base_url, api_key=agent["api_key"])
    assert data(reader.secrets.get(vault, "api-keys/x"))["value"] == f"{marker}-api-keys/x"
    assert reader.resolved_agent_id == identity
    tell("allowed read: an agent reads a secret that a policy allows")
    refusal = refused(reader.secrets.get(vault, "keys/x"), 403)
    assert refused(reader.secrets.get(vault, "keys/never-was"), 403) == refusal
    assert "keys/x" not in refusal and marker not in refusal
    tell("refused read: the same agent is refused one that no policy allows")

    assert [entry["path"] for entry in data(reader.secrets.list(vault))["secrets"]] == ["api-keys/x"]
    assert [entry["id"] for entry in data(reader.vaults.list())["vaults"]] == [vault]
    assert data(reader.secrets.get_version(vault, "api-keys/x", 1))["value"] == f"{marker}-api-keys/x"
    refused(reader.secrets.get_version(vault, "keys/x", 1), 403)
    refused(reader.secrets.list_versions(vault, "keys/x"), 403)
    for refused_call in (
        reader.secrets.set(vault, "api-keys/x", "mine"),
        reader.secrets.rotate_generate(vault, "api-keys/x"),
        reader.secrets.disable_version(vault, "api-keys/x", 1),
        reader.secrets.delete(vault, "api-keys/x"),
        reader.policies.list(vault),
        reader.policies.delete(vault, policy["id"]),
        reader.vaults.delete(vault),
        reader.agents.list(),
        reader.agents.create("another"),
        reader.agents.update(identity, scopes=["**"]),
        reader.agents.delete(identity),
        reader.auth.me(),
        reader.api_keys.list(),
        reader.audit.verify(),
    ):
        refused(refused_call, 403)
    assert data(human.client.secrets.get(vault, "api-keys/x"))["version"] == 1
    profile = data(reader.agents.me())
    assert (profile["id"], profile["name"], profile["org_id"]) == (identity, "reader", human.org)
    refused(human.client.agents.me(), 403)
    tell("an agent that may read may do nothing else")
    return {"id": identity, "key": agent["api_key"], "client": reader, "policy": policy["id"]}


def read(vault: str, reader: dict[str, Any]) -> OneclawResponse[Any]:
    """The read that a policy allows, by the client that has made it before."""
    return reader["client"].secrets.get(vault, "api-keys/x")


def conditions(human: Human, vault: str, reader: dict[str, Any]) -> None:
    """What a policy depends on, and how its changes act on the next request."""
    policies, policy = human.client.policies, reader["policy"]
    now = datetime.fromisoformat(data(human.client.vaults.create("clock"), 201)["created_at"])
    past, future = now - timedelta(days=1), now + timedelta(days=1)

    def around(hours: int) -> str:
        return (now + timedelta(hours=hours)).strftime("%H:%M")

    opened = {"after": around(-1), "before": around(1), "timezone": "UTC"}
    closed = {"after": around(1), "before": around(2), "timezone": "UTC"}
    for status, change in (
        (403, {"conditions": {"ip_allowlist": ["203.0.113.0/24"]}}),
        (200, {"conditions": {"ip_allowlist": ["203.0.113.7", "127.0.0.0/8", "::1"]}}),
        (403, {"conditions": {"time_window": closed}}),
        (200, {"conditions": {"time_window": opened}}),
        (403, {"conditions": {"time_window": opened, "ip_allowlist": ["203.0.113.0/24"]}}),
        (403, {"conditions": {"environment_in": ["production"]}}),
        (403, {"conditions": {}, "expires_at": past.isoformat()}),
        (200, {"expires_at": future.isoformat()}),
        (403, {"permissions": ["write"]}),
        (200, {"permissions": ["read", "write"]}),
    ):
        changed = data(policies.update(vault, policy, **change))
        assert all(changed[name] == change[name] for name in change if name != "expires_at")
        (data if status == 200 else refused)(read(vault, reader), status)
    tell("a policy holds at its times, from its addresses, until its end")

    for bad in (
        {"ip_allowlist": []},
        {"ip_allowlist": ["10.0.0.0/33"]},
        {"time_window": {"after": "25:00"}},
        {"time_window": {"after": "09:00", "timezone": "Mars/Olympus"}},
        {"ip_allow_list": ["127.0.0.1"]},
    ):
        refused(policies.update(vault, policy, conditions=bad), 400)
    to_nobody = {"principal_type": "agent", "principal_id": str(uuid4()), "secret_path_pattern": "**"}
    refused(policies.create(vault, **to_nobody), 404)
    to_reader = {**to_nobody, "principal_id": reader["id"]}
    refused(policies.create(vault, **to_reader, permissions=["own"]), 400)
    refused(policies.create(vault, **{**to_reader, "secret_path_pattern": "a b"}), 400)
    refused(policies.update(vault, str(uuid4()), permissions=["read"]), 404)
    assert len(data(policies.list(vault))["policies"]) == 1
    tell("a policy with a slip in it is refused")

    writer = reader["client"].secrets
    assert data(writer.set(vault, "api-keys/new", "by the agent"), 201)["version"] == 1
    assert data(human.client.secrets.get(vault, "api-keys/new"))["created_by"] == f"agent:{reader['id']}"
    data(writer.rotate_generate(vault, "api-keys/new"), 201)
    data(writer.delete(vault, "api-keys/new"), 204)
    refused(writer.set(vault, "keys/new", "outside"), 403)
    data(policies.delete(vault, policy), 204)
    refused(read(vault, reader), 403)
    refused(policies.delete(vault, policy), 404)
    to_reader["secret_path_pattern"] = "api-keys/*"
    reader["policy"] = data(policies.create(vault, **to_reader), 201)["id"]
    data(read(vault, reader))
    tell("a change of policies acts on the next request")


def bounds(base_url: str, human: Human, vault: str, reader: dict[str, Any]) -> None:
    """What stands above the policies: binding, scopes, private keys, deactivation, organisations."""
    agents, secrets = human.client.agents, human.client.secrets
    elsewhere = data(human.client.vaults.create("elsewhere"), 201)["id"]
    data(agents.update(reader["id"], vault_ids=[elsewhere]))
    refused(read(vault, reader), 403)
    refused(reader["client"].secrets.list(vault), 403)
    data(agents.update(reader["id"], vault_ids=[]))
    data(read(vault, reader))
    data(agents.update(reader["id"], scopes=["other/**"]))
    refused(client(base_url, api_key=reader["key"]).secrets.get(vault, "api-keys/x"), 403)
    data(agents.update(reader["id"], scopes=[]))
    assert data(client(base_url, token=reader["key"]).agents.me())["id"] == reader["id"]
    tell("an agent stays within its vaults and its scopes")

    data(secrets.set(vault, "api-keys/signer", "0x" + "11" * 32, type="private_key"), 201)
    data(agents.update(reader["id"], intents_api_enabled=True))
    for call in (
        reader["client"].secrets.get(vault, "api-keys/signer"),
        reader["client"].secrets.get_version(vault, "api-keys/signer", 1),
    ):
        refused(call, 403)
    data(read(vault, reader))
    data(agents.update(reader["id"], intents_api_enabled=False))
    tell("an agent that may sign cannot read private keys")

    owner = client(base_url, api_key=reader["key"])
    own = data(owner.vaults.create("of an agent"), 201)
    assert (own["created_by"], own["created_by_type"]) == (reader["id"], "agent")
    data(owner.secrets.set(own["id"], "note", "mine"), 201)
    assert data(owner.secrets.get(own["id"], "note"))["value"] == "mine"
    assert data(secrets.get(own["id"], "note"))["value"] == "mine"
    data(owner.vaults.delete(own["id"]), 204)
    tell("an agent owns the vault that it made")


def strangers(human: Human, stranger: Human, vault: str, reader: dict[str, Any]) -> None:
    """Another organisation finds nothing."""
    calls = stranger.client
    for call in (
        calls.vaults.get(vault),
        calls.vaults.delete(vault),
        calls.secrets.get(vault, "api-keys/x"),
        calls.secrets.list(vault),
        calls.secrets.set(vault, "api-keys/x", "theirs"),
        calls.policies.list(vault),
        calls.policies.delete(vault, reader["policy"]),
        calls.agents.get(reader["id"]),
        calls.agents.update(reader["id"], is_active=False),
        calls.agents.rotate_key(reader["id"]),
        calls.agents.delete(reader["id"]),
    ):
        refused(call, 404)
    assert data(calls.vaults.list())["vaults"] == data(calls.agents.list())["agents"] == []
    assert data(human.client.agents.get(reader["id"]))["is_active"] is True
    tell("another organisation finds nothing")


def deactivation(base_url: str, human: Human, vault: str, reader: dict[str, Any]) -> None:
    """Off at once, for tokens that are out and for new ones."""
    data(read(vault, reader))
    data(human.client.agents.update(reader["id"], is_active=False))
    refused(read(vault, reader), 401)
    fresh = client(base_url, api_key=reader["key"])
    assert raised(OneclawError, fresh.secrets.get, vault, "api-keys/x").status == 401
    data(human.client.agents.update(reader["id"], is_active=True))
    data(read(vault, reader))
    tell("a deactivated agent is refused on its very next call")
