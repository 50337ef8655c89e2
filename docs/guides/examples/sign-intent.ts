// Signs a request with the agent's own Ed25519 key (RFC 9421). Node.js 18 or newer, no packages.
import { createHash, type KeyObject, randomUUID, sign } from "node:crypto";

/** The headers to send along. The key comes from `createPrivateKey` or `generateKeyPairSync("ed25519")`. */
export function signIntent(key: KeyObject, keyId: string, method: string, url: string, body: string = "", idempotencyKey?: string) {
  const { pathname, search } = new URL(url);
  const digest = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  const covered: Record<string, string> = { "@method": method, "@path": pathname, "content-digest": digest };
  if (search) covered["@query"] = search;
  if (idempotencyKey) covered["idempotency-key"] = idempotencyKey;
  const names = Object.keys(covered).map((name) => `"${name}"`).join(" ");
  const created = Math.floor(Date.now() / 1000);
  const params = `(${names});created=${created};keyid="${keyId}";nonce="${randomUUID()}";alg="ed25519"`;
  const lines = Object.entries(covered).map(([name, value]) => `"${name}": ${value}`);
  const base = [...lines, `"@signature-params": ${params}`].join("\n");
  const headers: Record<string, string> = { "Content-Digest": digest, "Signature-Input": `sig=${params}` };
  headers["Signature"] = `sig=:${sign(null, Buffer.from(base), key).toString("base64")}:`;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  return headers;
}
