"""The official client, with a note of each call, so that the story can show that it left none out."""

from __future__ import annotations

import sys
from types import MethodType
from typing import Any

from oneclaw import OneclawError, OneclawResponse, create_client

# Every call of these resources is told of, but for those in NOT_TOLD.
TOLD_IN_FULL = (
    "auth",
    "vaults",
    "secrets",
    "policies",
    "audit",
    "api_keys",
    "signing_keys",
    "sharing",
    "chains",
)

# Of the rest, which is delegations and the like, these calls alone.
ALSO_TOLD = {
    "agents.create",
    "agents.get",
    "agents.me",
    "agents.list",
    "agents.update",
    "agents.delete",
    "agents.rotate_key",
    "agents.rotate_identity_keys",
    "agents.submit_transaction",
    "agents.sign_transaction",
    "agents.get_transaction",
    "agents.list_transactions",
    "agents.simulate_transaction",
    "agents.simulate_bundle",
    "agents.sign_intent",
    "org.agent_keys_vault_id",
}

# Second factors, sign-in by other means, mail, and keys that customers manage: the server has none of it.
NOT_TOLD = {
    "auth.mfa_status",
    "auth.mfa_setup",
    "auth.mfa_verify_setup",
    "auth.mfa_verify",
    "auth.mfa_disable",
    "auth.get_human_factor_auth",
    "auth.set_human_factor_auth",
    "auth.forgot_password",
    "auth.reset_password",
    "vaults.enable_cmek",
    "vaults.disable_cmek",
    "vaults.enable_mpc",
    "vaults.rotate_cmek",
    "vaults.get_rotation_job_status",
}

_made: set[str] = set()


class Watched:
    """A client, or one of its resources: passes every call on unchanged and remembers its name."""

    def __init__(self, inner: Any, name: str = "") -> None:
        self._inner = inner
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        full = f"{self._name}.{name}" if self._name else name
        if isinstance(value, MethodType):
            _made.add(full)
        elif type(value).__module__.startswith("oneclaw.resources"):
            return Watched(value, full)
        return value


def client(base_url: str, **credentials: str) -> Any:
    """The official client. Its address is the only thing that is set for this server."""
    return Watched(create_client(base_url=base_url, **credentials))


def calls_left_out() -> set[str]:
    """Calls that the story was to make and did not."""
    expected = set(ALSO_TOLD)
    with create_client() as offered:
        for resource in TOLD_IN_FULL:
            methods = vars(type(getattr(offered, resource)))
            expected |= {f"{resource}.{name}" for name in methods if not name.startswith("_")}
    return expected - NOT_TOLD - _made


def data(response: OneclawResponse[Any], status: int = 200) -> Any:
    """The body of a success with exactly this status."""
    assert response.error is None, f"HTTP {response.meta.status}: {response.error}"
    assert response.meta.status == status, f"HTTP {response.meta.status}, not {status}"
    assert (response.data is None) == (status == 204), f"HTTP {status} with {response.data!r}"
    return response.data


# What the client makes of a status.
KINDS = {
    400: "validation_error",
    401: "auth_error",
    403: "auth_error",
    404: "not_found",
    409: "unknown",
    410: "unknown",
    501: "server_error",
}


def refused(response: OneclawResponse[Any], status: int) -> str:
    """The message of a refusal with exactly this status."""
    assert response.error is not None, f"HTTP {response.meta.status}, not {status}"
    assert response.meta.status == status, f"HTTP {response.meta.status}: {response.error}"
    assert response.data is None
    assert response.error.type == KINDS[status], response.error
    assert response.error.message != f"HTTP {status}", "the answer has no detail"
    return response.error.message


def raised(error: type[OneclawError], call: Any, *args: Any, **kwargs: Any) -> Any:
    """The error of exactly this class that the call raises."""
    try:
        call(*args, **kwargs)
    except OneclawError as caught:
        assert type(caught) is error, repr(caught)
        return caught
    raise AssertionError(f"no {error.__name__} was raised")


def fills(kind: type, body: dict[str, Any]) -> None:
    """The client's own picture of a resource can be made from this body."""
    known = {name: body[name] for name in kind.__dataclass_fields__ if name in body}
    kind(**known)


def tell(sentence: str) -> None:
    """One line for each thing that was seen to work."""
    sys.stdout.write(f"ok: {sentence}\n")
    sys.stdout.flush()
