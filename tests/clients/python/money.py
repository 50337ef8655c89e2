"""An agent with no key in sight pays, and is held to its limits."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any
from uuid import uuid4

from account import Human
from watched import client, data, refused, tell

# One ether, in wei.
ETHER = 10**18
# Somebody to pay.
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def chain_rpc(method: str, *params: Any) -> Any:
    """Asks the development chain itself."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    request = urllib.request.Request(
        os.environ["ONECLAW_STORY_RPC"], body.encode(), {"Content-Type": "application/json"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as reply:
        answer = json.load(reply)
    assert "error" not in answer, answer
    return answer["result"]


def balance(address: str) -> int:
    """In wei, as the chain says."""
    return int(chain_rpc("eth_getBalance", address, "latest"), 16)


def story(base_url: str, human: Human, stranger: Human) -> None:
    """From a signing key to money that has moved."""
    names = [chain["name"] for chain in data(human.client.chains.list())["chains"]]
    assert "dev" in names and "base" in names, names
    assert data(human.client.chains.get("31337"))["name"] == "dev"
    refused(human.client.chains.get("nowhere"), 404)

    agents = human.client.agents
    made = data(agents.create("spender", intents_api_enabled=True, tx_max_value_eth="0.1"), 201)
    agent = made["agent"]["id"]
    keys = human.client.signing_keys
    key = data(keys.create(agent, "ethereum"), 201)
    assert key["curve"] == "secp256k1" and key["is_active"] and key["key_version"] == 1
    refused(keys.create(agent, "ethereum"), 409)
    refused(keys.create(agent, "bitcoin"), 400)
    assert [k["id"] for k in data(keys.list(agent))["keys"]] == [key["id"]]
    chain_rpc("anvil_setBalance", key["address"], hex(ETHER))
    tell("an agent is given a signing key that it never sees")

    spender = client(base_url, api_key=made["api_key"])
    before = balance(PAYEE)
    once = str(uuid4())
    wanted = {"chain": "dev", "to": PAYEE, "value": "0.1", "idempotency_key": once}
    paid = data(spender.agents.submit_transaction(agent, **wanted), 201)
    assert paid["status"] == "broadcast" and paid["from"] == key["address"]
    sent = chain_rpc("eth_getTransactionByHash", paid["tx_hash"])
    assert sent["from"].lower() == key["address"].lower()
    assert balance(PAYEE) - before == ETHER // 10
    again = data(spender.agents.submit_transaction(agent, **wanted), 200)
    assert (again["id"], again["signed_tx"]) == (paid["id"], paid["signed_tx"])
    assert balance(PAYEE) - before == ETHER // 10
    tell("an agent pays: the recipient's balance rises by the amount, once")

    over = {**wanted, "value": "0.100000000000000001", "idempotency_key": None}
    assert "limit of 0.1 ETH" in refused(spender.agents.submit_transaction(agent, **over), 403)
    hexadecimal = {**over, "value": "0x1"}
    refused(spender.agents.submit_transaction(agent, **hexadecimal), 400)
    tell("one wei over its limit it does not pay")

    found = data(spender.agents.get_transaction(agent, paid["id"]))
    assert "signed_tx" not in found and found["tx_hash"] == paid["tx_hash"]
    found = data(spender.agents.get_transaction(agent, paid["id"], include_signed_tx=True))
    assert found["signed_tx"] == paid["signed_tx"]
    listed = data(spender.agents.list_transactions(agent))["transactions"]
    assert [entry["id"] for entry in listed] == [paid["id"]]
    refused(stranger.client.agents.list_transactions(agent), 404)

    plain = {"chain": "dev", "to": PAYEE, "value": "0.01"}
    tried = data(spender.agents.simulate_transaction(agent, **plain))
    assert tried["status"] == "success" and tried["gas_used"] == 21000
    bundle = data(spender.agents.simulate_bundle(agent, [plain, plain]))["simulations"]
    assert [entry["status"] for entry in bundle] == ["success", "success"]
    signed = data(spender.agents.sign_transaction(agent, **plain))
    assert signed["status"] == "sign_only" and signed["nonce"] == 1
    assert chain_rpc("eth_sendRawTransaction", signed["signed_tx"]) == signed["tx_hash"]
    message = {"intent_type": "personal_sign", "chain": "dev", "message": "hello"}
    refused(spender.agents.sign_intent(agent, **message), 403)
    data(agents.update(agent, message_signing_enabled=True))
    assert len(data(spender.agents.sign_intent(agent, **message))["signature"]) == 132
    tell("transactions are looked up, simulated, and signed without being sent")

    held = data(spender.signing_keys.balance(agent, "dev"))
    assert int(held["balance_wei"]) == balance(key["address"])
    refused(spender.signing_keys.create(agent, "ethereum"), 403)
    refused(spender.signing_keys.export(agent, "ethereum", "guess"), 403)
    keys_change(human, agent, key)


def keys_change(human: Human, agent: str, key: dict[str, Any]) -> None:
    """Export with the password, rotation, deactivation, import."""
    keys = human.client.signing_keys
    password = os.environ["ONECLAW_STORY_PASSWORD"]
    refused(keys.export(agent, "ethereum", "wrong"), 403)
    exported = data(keys.export(agent, "ethereum", password))
    assert exported["address"] == key["address"]
    rotated = data(keys.rotate(agent, "ethereum"))
    assert rotated["key_version"] == 2 and rotated["address"] != key["address"]
    data(keys.deactivate(agent, "ethereum"), 204)
    refused(keys.import_key(agent, "ethereum", private_key="0" * 64, password=password), 400)
    brought = {"private_key": exported["private_key"], "password": password}
    imported = data(keys.import_key(agent, "ethereum", **brought), 201)
    assert imported["address"] == key["address"]
    tell("a key is exported with the password, rotated, taken out of use and brought in again")
