//! Receipts: what a server signed about one of its decisions, and how anybody verifies it offline.
//!
//! A receipt is JSON. What is signed is its canonical text (RFC 8785), with Ed25519 (RFC 8032). The text begins with `{`,
//! so that no signature on a receipt is one on a token or on a checkpoint.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the member `type` of a receipt says.
pub const TYPE: &str = "oneclaw/decision-receipt/1";

/// Longest receipt that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// What is said about a decision. Everything in it is text, so that no canonical form changes a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// [`TYPE`]
    #[serde(rename = "type")]
    pub kind: String,
    /// The address of the server.
    pub issuer: String,
    /// The organisation.
    pub org_id: String,
    /// The decision: the id of its audit event.
    pub decision_id: String,
    /// RFC 3339.
    pub decided_at: String,
    /// `access-policy` or `transaction-guardrail`.
    pub world: String,
    /// On whose account, for example `agent:<uuid>`.
    pub principal: String,
    /// What held: `allow`, `deny` or `require-approval`.
    pub verdict: String,
    /// A stable word for why.
    pub code: String,
    /// SHA-256 of the canonical bytes of the request, in hexadecimal; absent if there was no request yet.
    pub request_digest: Option<String>,
    /// SHA-256 of the stored record, in hexadecimal; the audit event of the decision names it too.
    pub record_digest: String,
    /// What ran the plugins.
    pub engine: String,
    /// Who answered what.
    pub plugins: Vec<Answer>,
}

/// What one plugin answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The name in its manifest.
    pub name: String,
    /// The version in its manifest.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub digest: String,
    /// SHA-256 of its settings, in hexadecimal.
    pub settings_digest: String,
    /// `enforce`, `canary` or `shadow`.
    pub mode: String,
    /// `allow`, `deny`, `require-approval`, `abstain` or `failed`.
    pub verdict: String,
    /// A stable word for why.
    pub code: String,
}

/// A receipt with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// What is said.
    pub receipt: Receipt,
    /// `EdDSA`
    pub alg: String,
    /// Which of the server's published keys.
    pub kid: String,
    /// Over the canonical text of `receipt`, in base64url without padding.
    pub signature: String,
}

/// Why a receipt does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// It cannot be read.
    #[error("not a receipt: {0}")]
    Form(String),
    /// The key is none.
    #[error("not an Ed25519 key of 32 bytes in base64url")]
    Key,
    /// It was signed with another key.
    #[error("signed with key `{signed}`, not with `{given}`")]
    OtherKey {
        /// The key that it names.
        signed: String,
        /// The key that it was verified with.
        given: String,
    },
    /// Somebody altered it, or another server signed it.
    #[error("the signature does not hold: the receipt was altered, or signed by somebody else")]
    Signature,
    /// The bytes that it is compared with are not those that it names.
    #[error("the {what} has the digest {given}, and the receipt names {named}")]
    Digest {
        /// For example `component`.
        what: &'static str,
        /// Of what was given.
        given: String,
        /// In the receipt.
        named: String,
    },
}

impl Receipt {
    /// The text that is signed (RFC 8785).
    ///
    /// # Errors
    /// None for receipts that this type can hold; serde asks for the possibility.
    pub fn canonical(&self) -> Result<Vec<u8>, ReceiptError> {
        serde_json_canonicalizer::to_vec(self).map_err(|e| ReceiptError::Form(e.to_string()))
    }

    /// Has it signed.
    ///
    /// # Errors
    /// As [`Receipt::canonical`].
    pub fn sign(
        self,
        public: &[u8; 32],
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<SignedReceipt, ReceiptError> {
        let signature = sign(&self.canonical()?);
        Ok(SignedReceipt {
            receipt: self,
            alg: "EdDSA".to_owned(),
            kid: key_id(public),
            signature: URL_SAFE_NO_PAD.encode(signature),
        })
    }

    /// Checks that these are the bytes of a component that answered, and gives what it answered.
    ///
    /// # Errors
    /// [`ReceiptError::Digest`] when no plugin of the receipt has this digest.
    pub fn answer_of(&self, component: &[u8]) -> Result<&Answer, ReceiptError> {
        let given = hex::encode(Sha256::digest(component));
        let found = self.plugins.iter().find(|plugin| plugin.digest == given);
        found.ok_or_else(|| ReceiptError::Digest {
            what: "component",
            given,
            named: self
                .plugins
                .iter()
                .map(|plugin| plugin.digest.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }

    /// Checks that these are the canonical bytes of the request that was decided on.
    ///
    /// # Errors
    /// [`ReceiptError::Digest`] when they are not.
    pub fn is_about(&self, request: &[u8]) -> Result<(), ReceiptError> {
        let named = self.request_digest.clone().unwrap_or_default();
        same("request", request, named)
    }
}

impl Answer {
    /// Checks that these are the settings that it answered with.
    ///
    /// # Errors
    /// [`ReceiptError::Digest`] when they are not.
    pub fn was_told(&self, settings: &str) -> Result<(), ReceiptError> {
        same(
            "settings",
            settings.as_bytes(),
            self.settings_digest.clone(),
        )
    }
}

fn same(what: &'static str, bytes: &[u8], named: String) -> Result<(), ReceiptError> {
    let given = hex::encode(Sha256::digest(bytes));
    if given == named {
        return Ok(());
    }
    Err(ReceiptError::Digest { what, given, named })
}

/// The name of a key that signs receipts: `receipt-` and the thumbprint of the key (RFC 7638), in base64url.
#[must_use]
pub fn key_id(public: &[u8; 32]) -> String {
    let x = URL_SAFE_NO_PAD.encode(public);
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    format!(
        "receipt-{}",
        URL_SAFE_NO_PAD.encode(Sha256::digest(canonical))
    )
}

impl SignedReceipt {
    /// Reads a receipt. It is not verified yet.
    ///
    /// # Errors
    /// [`ReceiptError::Form`], also for members that are not known: what is not verified must not be believed.
    pub fn read(text: &[u8]) -> Result<Self, ReceiptError> {
        if text.len() > MAX_BYTES {
            return Err(ReceiptError::Form(format!("longer than {MAX_BYTES} bytes")));
        }
        let signed: Self =
            serde_json::from_slice(text).map_err(|e| ReceiptError::Form(e.to_string()))?;
        if signed.receipt.kind != TYPE {
            return Err(ReceiptError::Form(format!("its type is not `{TYPE}`")));
        }
        if signed.alg != "EdDSA" {
            return Err(ReceiptError::Form(
                "its algorithm is not `EdDSA`".to_owned(),
            ));
        }
        Ok(signed)
    }

    /// Verifies it with the public key of a server, and gives what was signed.
    ///
    /// # Errors
    /// Says why it does not hold.
    pub fn verify(&self, public: &[u8; 32]) -> Result<&Receipt, ReceiptError> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| ReceiptError::Key)?;
        let given = key_id(public);
        if self.kid != given {
            return Err(ReceiptError::OtherKey {
                signed: self.kid.chars().take(100).collect(),
                given,
            });
        }
        let signature = URL_SAFE_NO_PAD
            .decode(&self.signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or(ReceiptError::Signature)?;
        key.verify_strict(&self.receipt.canonical()?, &signature)
            .map_err(|_| ReceiptError::Signature)?;
        Ok(&self.receipt)
    }

    /// Finds the key that a receipt names in a published set of keys (RFC 7517), as text.
    ///
    /// # Errors
    /// [`ReceiptError::Form`] for what is no set of keys, [`ReceiptError::Key`] when it does not hold the key.
    pub fn key_in(&self, jwks: &str) -> Result<[u8; 32], ReceiptError> {
        let set: serde_json::Value =
            serde_json::from_str(jwks).map_err(|e| ReceiptError::Form(e.to_string()))?;
        set.get("keys")
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten()
            .find(|key| key.get("kid").and_then(|kid| kid.as_str()) == Some(&self.kid))
            .and_then(|key| key.get("x")?.as_str())
            .and_then(|x| URL_SAFE_NO_PAD.decode(x).ok())
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(ReceiptError::Key)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn signed() -> (SignedReceipt, [u8; 32]) {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let receipt = Receipt {
            kind: TYPE.to_owned(),
            issuer: "https://vault.example".to_owned(),
            org_id: "o".to_owned(),
            decision_id: "d".to_owned(),
            decided_at: "2026-01-01T00:00:00Z".to_owned(),
            world: "access-policy".to_owned(),
            principal: "agent:a".to_owned(),
            verdict: "deny".to_owned(),
            code: "policy/no-match".to_owned(),
            request_digest: Some(hex::encode(Sha256::digest(b"request"))),
            record_digest: "r".to_owned(),
            engine: "e".to_owned(),
            plugins: vec![Answer {
                name: "access-policy".to_owned(),
                version: "1.0.0".to_owned(),
                digest: hex::encode(Sha256::digest(b"component")),
                settings_digest: hex::encode(Sha256::digest(b"{}")),
                mode: "enforce".to_owned(),
                verdict: "deny".to_owned(),
                code: "policy/no-match".to_owned(),
            }],
        };
        let signed = receipt
            .sign(&public, |text| key.sign(text).to_bytes())
            .unwrap();
        (signed, public)
    }

    #[test]
    fn a_receipt_holds_after_a_journey_as_text_in_any_order_of_members() {
        let (signed, public) = signed();
        let text = serde_json::to_string_pretty(&signed).unwrap();
        let back = SignedReceipt::read(text.as_bytes()).unwrap();
        assert_eq!(back.verify(&public).unwrap(), &signed.receipt);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut members: Vec<_> = value["receipt"].as_object().unwrap().iter().collect();
        members.reverse();
        let inner: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\": {value}"))
            .collect();
        let shuffled = format!(
            "{{\"signature\": {}, \"kid\": {}, \"alg\": \"EdDSA\", \"receipt\": {{{}}}}}",
            value["signature"],
            value["kid"],
            inner.join(", ")
        );
        let back = SignedReceipt::read(shuffled.as_bytes()).unwrap();
        assert!(back.verify(&public).is_ok());
    }

    #[test]
    fn any_changed_member_is_noticed() {
        let (signed, public) = signed();
        let text = serde_json::to_value(&signed).unwrap();
        let receipt = text["receipt"].as_object().unwrap();
        for (name, value) in receipt {
            if name == "plugins" || name == "type" {
                continue;
            }
            assert!(value.is_string(), "{name}");
            let mut altered = text.clone();
            altered["receipt"][name] = "altered".into();
            let altered = SignedReceipt::read(altered.to_string().as_bytes()).unwrap();
            assert_eq!(
                altered.verify(&public),
                Err(ReceiptError::Signature),
                "{name}"
            );
        }
        let mut altered = text.clone();
        altered["receipt"]["plugins"][0]["verdict"] = "allow".into();
        let altered = SignedReceipt::read(altered.to_string().as_bytes()).unwrap();
        assert_eq!(altered.verify(&public), Err(ReceiptError::Signature));
        let mut more = text;
        more["receipt"]["note"] = "added".into();
        assert!(SignedReceipt::read(more.to_string().as_bytes()).is_err());
    }

    #[test]
    fn another_key_another_component_and_other_settings_are_told_apart() {
        let (signed, public) = signed();
        let other = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
        assert!(matches!(
            signed.verify(&other),
            Err(ReceiptError::OtherKey { .. })
        ));
        let receipt = signed.verify(&public).unwrap();
        let answer = receipt.answer_of(b"component").unwrap();
        assert!(receipt.answer_of(b"another").is_err());
        assert!(answer.was_told("{}").is_ok());
        assert!(answer.was_told("{\"a\":1}").is_err());
        assert!(receipt.is_about(b"request").is_ok());
        assert!(receipt.is_about(b"another").is_err());
    }
}
