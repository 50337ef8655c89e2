"""Secrets shared by the client: with the creator of an agent, and by link."""

from __future__ import annotations

import inspect
from typing import Any
from uuid import uuid4

from account import Human
from oneclaw.types import ShareListResponse, ShareResponse
from watched import client, data, fills, refused, tell

LATER = "2099-01-01T00:00:00Z"


def create(calls: Any, vault: str, secret: str, path: str, **wanted: Any) -> Any:
    """Shares a secret the way this version of the client names it."""
    if "secret_id" in inspect.signature(calls.create).parameters:
        views = wanted.pop("max_views", None)
        wanted.setdefault("recipient_type", "anyone_with_link")
        return calls.create(secret, expires_at=LATER, max_access_count=views, **wanted)
    return calls.create(vault_id=vault, secret_path=path, **wanted)


def story(base_url: str, human: Human, stranger: Human, vault: str) -> None:
    """From making a share to taking it back."""
    mine = human.client.sharing
    secret = data(human.client.secrets.set(vault, "shared/token", "handed on"), 201)["id"]

    def share(calls: Any, **wanted: Any) -> Any:
        return create(calls, vault, secret, "shared/token", **wanted)

    made = data(share(mine, max_views=2, passphrase="open sesame"), 201)
    fills(ShareResponse, made)
    assert made["recipient_type"] == "anyone_with_link" and made["max_access_count"] == 2
    assert made["share_url"].endswith(f"/v1/share/{made['id']}")
    visitor = client(base_url).sharing
    refused(visitor.access(made["id"]), 403)
    refused(visitor.access(made["id"], "open barley"), 403)
    for count in (1, 2):
        read = data(visitor.access(made["id"], "open sesame"))
        assert (read["value"], read["path"]) == ("handed on", "shared/token")
        assert read["access_count"] == count
    refused(visitor.access(made["id"], "open sesame"), 410)
    listed = data(mine.list_outbound())
    fills(ShareListResponse, listed)
    (entry,) = listed["shares"]
    fills(ShareResponse, entry)
    assert (entry["id"], entry["status"], entry["views"]) == (made["id"], "exhausted", 2)
    tell("a link is opened with its passphrase as often as it may be")

    made = data(share(mine), 201)
    data(visitor.access(made["id"]))
    refused(stranger.client.sharing.delete(made["id"]), 404)
    data(mine.delete(made["id"]), 204)
    refused(visitor.access(made["id"]), 404)
    refused(visitor.access(str(uuid4())), 404)
    tell("a link that was taken back opens nothing")

    agent = data(human.client.agents.create("sharer"), 201)
    grant = {"principal_type": "agent", "principal_id": agent["agent"]["id"]}
    data(human.client.policies.create(vault, secret_path_pattern="shared/**", **grant), 201)
    calls = client(base_url, api_key=agent["api_key"]).sharing
    refused(share(calls, recipient_type="anyone_with_link"), 403)
    wanted, unwanted = (data(share(calls, recipient_type="creator"), 201)["id"] for _ in range(2))
    inbound = data(mine.list_inbound())["shares"]
    assert {entry["id"] for entry in inbound} == {unwanted, wanted}
    assert all(entry["created_by_name"] == "sharer" for entry in inbound)
    assert all(entry["status"] == "pending" for entry in inbound)
    data(mine.accept(wanted), 204)
    data(mine.decline(unwanted), 204)
    opened = human.client.sharing.access(wanted)
    if "skip_auth" in inspect.getsource(type(mine._inner).access):
        # This version opens links alone: it shows no credential.
        refused(opened, 401)
    else:
        assert data(opened)["value"] == "handed on"
    status = {entry["id"]: entry["status"] for entry in data(mine.list_inbound())["shares"]}
    assert status == {wanted: "accepted", unwanted: "declined"}
    if hasattr(type(mine._inner), "get"):
        assert data(mine.get(wanted))["status"] == "accepted"
        refused(stranger.client.sharing.get(wanted), 404)
    if hasattr(type(mine._inner), "revoke"):
        data(calls.revoke(unwanted), 204)
    data(human.client.agents.delete(agent["agent"]["id"]), 204)
    data(human.client.secrets.delete(vault, "shared/token"), 204)
    tell("an agent shares a secret back, and its human accepts or declines")
