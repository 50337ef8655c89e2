"""Vaults and the secrets in them, as their owner sees them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from account import Human
from oneclaw.types import SecretMetadataResponse, SecretResponse, VaultResponse
from watched import data, fills, refused, tell

AWKWARD = 'line one\nline "two"\ttab \\ £ 密 🔑 '


def vaults(human: Human) -> str:
    """Tells of vaults; the one that stays is for the chapters that follow."""
    calls = human.client.vaults
    vault = data(calls.create("production", description="What runs"), 201)
    fills(VaultResponse, vault)
    assert (vault["name"], vault["description"]) == ("production", "What runs")
    assert (vault["created_by"], vault["created_by_type"]) == (human.id, "user")
    assert vault["org_id"] == human.org
    assert data(calls.get(vault["id"])) == vault
    other = data(calls.create("production"), 201)
    assert [entry["id"] for entry in data(calls.list())["vaults"]] == [vault["id"], other["id"]]
    refused(calls.create(""), 400)
    refused(calls.create("split", mpc_custody="2-of-3"), 400)
    tell("vaults are made and listed")

    data(human.client.secrets.set(other["id"], "a", "gone with the vault"), 201)
    data(calls.delete(other["id"]), 204)
    refused(calls.get(other["id"]), 404)
    refused(human.client.secrets.get(other["id"], "a"), 404)
    refused(calls.delete(other["id"]), 404)
    refused(calls.get(str(uuid4())), 404)
    refused(calls.get("production"), 400)
    assert [entry["id"] for entry in data(calls.list())["vaults"]] == [vault["id"]]
    tell("a vault is deleted with all that is in it")
    return vault["id"]


def secrets(human: Human, vault: str) -> None:
    """Tells of secrets and leaves none behind."""
    calls = human.client.secrets
    written = data(
        calls.set(
            vault,
            "db/main/password",
            AWKWARD,
            type="password",
            metadata={"team": "storage", "nested": {"n": 1}},
            expires_at="2099-01-01T00:00:00Z",
            rotation_policy={"every_days": 30},
        ),
        201,
    )
    fills(SecretMetadataResponse, written)
    assert "value" not in written
    read = data(calls.get(vault, "db/main/password"))
    fills(SecretResponse, read)
    assert read["value"] == AWKWARD and read["created_by"] == f"user:{human.id}"
    for body in (written, read):
        assert (body["path"], body["type"], body["version"]) == ("db/main/password", "password", 1)
        assert body["metadata"] == {"team": "storage", "nested": {"n": 1}}
        assert body["expires_at"].startswith("2099-01-01")
    refused(calls.get(vault, "db/main/nothing"), 404)
    tell("a secret comes back as it was stored")

    data(calls.set(vault, "db", "x"), 201)
    data(calls.set(vault, "api/key", "y", type="api_key"), 201)
    for prefix, paths in (
        (None, ["api/key", "db", "db/main/password"]),
        ("db", ["db", "db/main/password"]),
        ("nothing", []),
    ):
        assert sorted(entry["path"] for entry in listed(calls, vault, prefix)) == paths
    tell("secrets are listed without their values")

    versions(calls, vault)
    limits(calls, vault)
    for path in ("db", "api/key"):
        data(calls.delete(vault, path), 204)
        refused(calls.get(vault, path), 410)
    assert listed(calls, vault) == []
    refused(calls.delete(vault, "never/was"), 404)
    assert data(calls.set(vault, "db", "again"), 201)["version"] == 2
    assert data(calls.get(vault, "db"))["value"] == "again"
    data(calls.delete(vault, "db"), 204)
    tell("a deleted secret is gone until it is written again")


def listed(calls: Any, vault: str, prefix: str | None = None) -> list[dict[str, Any]]:
    """A listing, which never shows a value."""
    entries = data(calls.list(vault, prefix))["secrets"]
    for entry in entries:
        fills(SecretMetadataResponse, entry)
        assert "value" not in entry
    return entries


def versions(calls: Any, vault: str) -> None:
    """Each write is a version that can be read and disabled by itself."""
    path = "db/main/password"
    assert data(calls.rotate(vault, path, "two"), 201)["version"] == 2
    generated = data(calls.rotate_generate(vault, path, length=48, charset="alphanumeric"), 201)
    assert generated["version"] == 3 and "value" not in generated
    value = data(calls.get(vault, path))["value"]
    assert len(value) == 48 and value.isascii() and value.isalnum()
    assert data(calls.rotate_generate(vault, path, type="api_key"), 201)["type"] == "api_key"
    assert len(bytes.fromhex(data(calls.get(vault, path))["value"])) == 16
    refused(calls.rotate_generate(vault, path, charset="runes"), 400)
    refused(calls.rotate_generate(vault, path, length=7), 400)
    refused(calls.rotate_generate(vault, "never/was"), 404)
    tell("a secret is rotated, by hand and by the server")

    entries = data(calls.list_versions(vault, path))["versions"]
    assert [entry["version"] for entry in entries] == [4, 3, 2, 1]
    assert not any("value" in entry or entry["is_disabled"] for entry in entries)
    assert data(calls.get_version(vault, path, 1))["value"] == AWKWARD
    assert data(calls.get_version(vault, path, 2))["value"] == "two"
    refused(calls.get_version(vault, path, 5), 404)
    data(calls.disable_version(vault, path, 1), 204)
    data(calls.disable_version(vault, path, 4), 204)
    refused(calls.disable_version(vault, path, 5), 404)
    refused(calls.get_version(vault, path, 1), 410)
    assert data(calls.get(vault, path))["value"] == value
    disabled = {e["version"]: e["is_disabled"] for e in data(calls.list_versions(vault, path))["versions"]}
    assert disabled == {4: True, 3: False, 2: False, 1: True}
    data(calls.delete(vault, path), 204)
    refused(calls.get_version(vault, path, 2), 410)
    tell("versions are read and disabled one by one")


def limits(calls: Any, vault: str) -> None:
    """What may not be written, and what may not be read for ever."""
    data(calls.set(vault, "twice", "z", max_access_count=2), 201)
    for _ in range(2):
        assert data(calls.get(vault, "twice"))["value"] == "z"
    refused(calls.get(vault, "twice"), 410)
    data(calls.delete(vault, "twice"), 204)
    refused(calls.set(vault, "none", "z", max_access_count=0), 400)
    refused(calls.set(vault, "late", "z", expires_at="2001-01-01T00:00:00Z"), 400)
    refused(calls.set(vault, "late", "z", expires_at="tomorrow"), 400)
    for path in ("a//b", "a/", "-a", "a.b", "a%2F..%2Fb", "a%00b", "a" * 513):
        refused(calls.set(vault, path, "z"), 400)
    refused(calls.set(str(uuid4()), "a", "z"), 404)
    assert listed(calls, vault, "twice") == listed(calls, vault, "late") == []
    slash = data(calls.set(vault, "enc%2Foded", "z"), 201)
    assert slash["path"] == "enc/oded"
    assert data(calls.get(vault, "enc/oded"))["value"] == "z"
    data(calls.delete(vault, "enc%2Foded"), 204)
    tell("reads are counted and bad paths refused")
