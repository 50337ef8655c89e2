"""Signs a request with the agent's own Ed25519 key (RFC 9421). Python 3.9 or newer."""

import base64
import hashlib
import secrets
import time
from urllib.parse import urlsplit


def sign_intent(key, key_id, method, url, body=b"", idempotency_key=None):
    """The headers to send along. `key` is an Ed25519PrivateKey of the package `cryptography`."""
    def encode(data):
        return base64.b64encode(data).decode()
    parts = urlsplit(url)
    digest = f"sha-256=:{encode(hashlib.sha256(body).digest())}:"
    covered = {"@method": method, "@path": parts.path or "/", "content-digest": digest}
    headers = {"Content-Digest": digest}
    if parts.query:
        covered["@query"] = "?" + parts.query
    if idempotency_key:
        covered["idempotency-key"] = headers["Idempotency-Key"] = idempotency_key
    names = " ".join(f'"{name}"' for name in covered)
    nonce = secrets.token_urlsafe(16)
    params = f'({names});created={int(time.time())};keyid="{key_id}";nonce="{nonce}";alg="ed25519"'
    lines = [f'"{name}": {value}' for name, value in covered.items()]
    base = "\n".join([*lines, f'"@signature-params": {params}'])
    headers["Signature-Input"] = f"sig={params}"
    headers["Signature"] = f"sig=:{encode(key.sign(base.encode()))}:"
    return headers
