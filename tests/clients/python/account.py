"""A human's account: made, signed in, refreshed, signed out, and its personal keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from oneclaw import AuthError, RateLimitError, ValidationError
from oneclaw.types import ApiKeyResponse, UserProfile
from watched import client, data, fills, raised, refused, tell


@dataclass
class Human:
    """Somebody who has signed up and in."""

    client: Any
    email: str
    id: str
    org: str


def signs_up(base_url: str, password: str) -> Human:
    """An account, an organisation, and a client that is signed in."""
    email = f"ops-{uuid4()}@example.com"
    anonymous = client(base_url)
    made = data(anonymous.auth.signup(email, password, "Ops"))
    assert made["email"] == email and made["message"]
    signed_in = client(base_url)
    token = data(signed_in.auth.login(email, password))
    assert token["user_id"] == made["user_id"] and token["expires_in"] > 0
    return Human(signed_in, email, made["user_id"], made["org_id"])


def story(base_url: str, password: str) -> Human:
    """Tells of the account, and gives it to the chapters that follow."""
    health = client(base_url)._http.request("GET", "/v1/health", skip_auth=True)
    assert data(health)["status"] == "healthy"
    tell("the server is healthy")

    human = signs_up(base_url, password)
    anonymous = client(base_url)
    refused(anonymous.auth.signup(human.email, password), 409)
    refused(anonymous.auth.signup(f"ops-{uuid4()}@example.com", "short"), 400)
    refused(anonymous.auth.signup("nobody", password), 400)
    refused(anonymous.vaults.list(), 401)
    tell("a human signs up once, with a real address and a strong password")

    stranger = client(base_url)
    refused(stranger.auth.login(human.email, password + "x"), 401)
    refused(stranger.auth.me(), 401)
    me = data(human.client.auth.me())
    fills(UserProfile, me)
    assert (me["id"], me["email"], me["org_id"]) == (human.id, human.email, human.org)
    assert (me["display_name"], me["role"]) == ("Ops", "owner")
    tell("a human signs in with the right password alone")

    before = human.client._http.get_token()
    data(human.client.auth.refresh())
    assert human.client._http.get_token() != before
    assert data(human.client.auth.me())["id"] == human.id
    refused(anonymous.auth.refresh(), 401)
    tell("a token is refreshed")

    second = client(base_url)
    session = data(second.auth.login(human.email, password))
    data(second.auth.refresh())
    data(second.auth.revoke_token(), 204)
    refused(second.auth.me(), 401)
    again = {"refresh_token": session["refresh_token"]}
    refused(second._http.request("POST", "/v1/auth/refresh", body=again, skip_auth=True), 401)
    data(human.client.auth.me())
    tell("signing out ends a session, and no other")

    changes_the_password(base_url, human, password)
    personal_keys(base_url, human)
    for call, args in (
        (anonymous.auth.social_login, ("google", "x")),
                (anonymous.auth.send_email_otp, (human.email,)),
                (anonymous.auth.verify_email_otp, (human.email, "123456")),
        (human.client.auth.federated_token, ("https://example.com",)),
        (human.client.auth.export_data, ()),
    ):
        refused(call(*args), 501)
    tell("what the server does not offer, it says so")
    return human


def changes_the_password(base_url: str, human: Human, password: str) -> None:
    """There and back again; the client in use stays signed in throughout, or signs in anew."""
    new = password + "-2"
    refused(human.client.auth.change_password(password + "x", new), 400)
    refused(human.client.auth.change_password(password, "short"), 400)
    data(human.client.auth.change_password(password, new), 204)
    refused(human.client.auth.login(human.email, password), 401)
    data(human.client.auth.login(human.email, new))
    data(human.client.auth.change_password(new, password), 204)
    data(human.client.auth.login(human.email, password))
    tell("a password is changed")


def personal_keys(base_url: str, human: Human) -> None:
    """Keys stand in for the password until they are revoked."""
    keys = human.client.api_keys
    made = data(keys.create("ci", scopes=["vaults:read"], expires_at="2099-01-01T00:00:00Z"), 201)
    text, key = made["api_key"], made["key"]
    fills(ApiKeyResponse, key)
    assert text.startswith("1ck_") and text.startswith(key["key_prefix"])
    assert (key["name"], key["scopes"], key["is_active"]) == ("ci", ["vaults:read"], True)
    assert key["expires_at"].startswith("2099-01-01")
    refused(keys.create("past", expires_at="2001-01-01T00:00:00Z"), 400)
    refused(keys.create(""), 400)

    assert data(client(base_url, api_key=text).auth.me())["id"] == human.id
    assert data(client(base_url, token=text).auth.me())["id"] == human.id
    exchanged = client(base_url)
    data(exchanged.auth.api_key_token(text))
    assert data(exchanged.auth.me())["id"] == human.id
    refused(client(base_url).auth.api_key_token("1ck_" + "A" * 43), 401)

    listed = data(keys.list())
    assert text not in str(listed)
    assert [entry["id"] for entry in listed["keys"]] == [key["id"]]
    data(keys.delete(key["id"]), 204)
    refused(client(base_url).auth.api_key_token(text), 401)
    refused(client(base_url, token=text).auth.me(), 401)
    refused(keys.delete(str(uuid4())), 404)
    assert not any(entry["is_active"] for entry in data(keys.list())["keys"])
    tell("a personal key opens the account until it is revoked")


def guesses_are_slowed(base_url: str, password: str) -> None:
    """Wrong passwords run out, with a time to wait that the client understands."""
    login = client(base_url)._http.request_or_throw
    body = {"email": f"nobody-{uuid4()}@example.com", "password": password}
    for _ in range(100):
        try:
            login("POST", "/v1/auth/token", body=body)
        except AuthError:
            continue
        except RateLimitError as limited:
            assert limited.retry_after_ms and limited.retry_after_ms % 1000 == 0
            tell("guesses at a password run out")
            return
    raise AssertionError("100 guesses at a password were not slowed down")


def errors_are_raised(base_url: str, human: Human) -> None:
    """The same answers, for those who prefer exceptions."""
    ask = human.client._http.request_or_throw
    invalid = raised(ValidationError, ask, "POST", "/v1/vaults", body={"name": ""})
    assert "name" in invalid.fields
    nobody = client(base_url, token="not.a.token")._http.request_or_throw
    assert raised(AuthError, nobody, "GET", "/v1/vaults").status == 401
    tell("errors are raised in the client's own classes")
