"""The audit trail: complete, filtered, verified, and silent about values."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta
from typing import Any

from account import Human
from watched import client, data, tell


def story(
    base_url: str,
    human: Human,
    stranger: Human,
    vault: str,
    reader: dict[str, Any],
    marker: str,
) -> None:
    """Tells of the trail that the other chapters have left."""
    audit = human.client.audit
    by_reader = {"actor_id": reader["id"], "action": "secret.read"}
    events = data(audit.list(**by_reader, limit=1000))["events"]
    decisions = [
        (event["resource_id"], event["details"]["decision"])
        for event in reversed(events)
        if event["resource_id"] in ("api-keys/x", "keys/x")
    ]
    assert decisions[:2] == [("api-keys/x", "allow"), ("keys/x", "deny")], decisions
    for event in events:
        assert (event["actor_type"], event["resource_type"]) == ("agent", "secret")
        assert event["ip_address"] == "127.0.0.1" and event["integrity_hash"]
    tell("both reads stand in the audit trail, with what was decided")

    whole = data(audit.list(limit=1000))
    assert whole["count"] == len(whole["events"]) < 1000
    actions = {event["action"] for event in whole["events"]}
    assert actions >= {
        "auth.success", "auth.failure", "auth.logout", "auth.password_change",
        "api_key.create", "api_key.revoke", "vault.create", "vault.delete", "secret.list",
        "secret.write", "secret.read", "secret.rotate", "secret.delete", "secret.version_disable",
        "agent.register", "agent.update", "agent.deactivate", "agent.delete", "agent.rotate_key",
        "policy.create", "policy.update", "policy.delete",
    }, sorted(actions)  # fmt: skip
    exchanges = data(audit.list(actor_id=reader["id"], action="auth.success"))["events"]
    # One for each client that was given the key, however many calls it made.
    assert len(exchanges) == 3, len(exchanges)
    assert marker not in str(whole) and "ocv_" not in str(whole) and "1ck_" not in str(whole)
    tell("the trail tells of everything and shows no value")

    pages = [data(audit.list(limit=5, offset=offset))["events"] for offset in (0, 5)]
    assert pages[0] + pages[1] == whole["events"][:10]
    of_one = data(audit.list(resource_id="keys/x"))["events"]
    assert of_one and {event["resource_id"] for event in of_one} == {"keys/x"}
    in_vault = data(audit.list(resource_id=vault, action="secret.read", limit=1000))["events"]
    # The reader has also read in a vault of its own.
    elsewhere = [event for event in events if event not in in_vault]
    assert [event["resource_id"] for event in elsewhere] == ["note"]
    if "from_time" in inspect.signature(audit.list).parameters:
        last = datetime.fromisoformat(whole["events"][0]["created_at"])
        later = (last + timedelta(seconds=1)).isoformat()
        assert data(audit.list(from_time=later))["events"] == []
        assert data(audit.list(from_time=last.isoformat(), to_time=later, limit=1))["count"] == 1
    else:
        # Later versions take this filter too, and do not send it.
        of_agents = data(audit.list(resource_type="agent", limit=1000))["events"]
        assert of_agents and {event["resource_type"] for event in of_agents} == {"agent"}
    tell("the trail is filtered and paged")

    verified = data(audit.verify(limit=10000))
    assert verified["chain_valid"] is True
    assert verified["events_verified"] == verified["events_checked"] == len(whole["events"])
    tell("the chain of the trail is verified")

    own = data(client(base_url, api_key=reader["key"]).audit.list(limit=1000))["events"]
    assert own and {event["actor_id"] for event in own} == {reader["id"]}
    theirs = data(stranger.client.audit.list(limit=1000))["events"]
    assert theirs and not {e["id"] for e in theirs} & {e["id"] for e in whole["events"]}
    tell("agents see their own events, and organisations theirs")
