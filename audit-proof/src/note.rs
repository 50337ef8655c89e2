//! Checkpoints: signed notes that say how long a chain was and what the root of its tree was.
//!
//! ```text
//! oneclaw-audit/<organisation>
//! <number of events>
//! <root, base64>
//!
//! — oneclaw-audit <key id and signature, base64>
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::tree::Hash;

/// The name that the server signs with.
pub const KEY_NAME: &str = "oneclaw-audit";
/// Ed25519, in the numbering of signed notes.
const ALGORITHM: u8 = 1;
/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: usize = 16 * 1024;

/// Why a note or a key is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a verifier key.
    #[error(
        "a key must look like `{KEY_NAME}+1a2b3c4d+AQ…`: name, id and key of 33 bytes in base64"
    )]
    Key,
    /// Not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
    /// Nobody with this key signed it.
    #[error("no signature by `{0}` that holds")]
    Signature(String),
}

/// A public key with the name of its owner. As text: `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key of a server.
    ///
    /// # Errors
    /// [`NoteError::Key`] for bytes that are no key.
    pub fn new(public: &[u8; 32]) -> Result<Self, NoteError> {
        Self::named(KEY_NAME, public)
    }

    fn named(name: &str, public: &[u8; 32]) -> Result<Self, NoteError> {
        let is_name = !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+');
        let key = VerifyingKey::from_bytes(public).map_err(|_| NoteError::Key)?;
        // A weak key would verify anything.
        if !is_name || key.is_weak() {
            return Err(NoteError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Four bytes that tell keys of one name apart.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        let digest = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ALGORITHM])
            .chain_update(self.key.as_bytes())
            .finalize();
        let mut id = [0; 4];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        id
    }

    fn verify(&self, text: &str, signature: &[u8]) -> bool {
        let Some((id, signature)) = signature.split_first_chunk::<4>() else {
            return false;
        };
        let Ok(signature) = <[u8; 64]>::try_from(signature) else {
            return false;
        };
        *id == self.id()
            && self
                .key
                .verify_strict(text.as_bytes(), &Signature::from_bytes(&signature))
                .is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ALGORITHM];
        key.extend_from_slice(self.key.as_bytes());
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            STANDARD.encode(key)
        )
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ALGORITHM, public)) = key.split_first() else {
            return Err(NoteError::Key);
        };
        let public = <[u8; 32]>::try_from(public).map_err(|_| NoteError::Key)?;
        let key = Self::named(name, &public)?;
        if hex::encode(key.id()) == id {
            Ok(key)
        } else {
            Err(NoteError::Key)
        }
    }
}

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain: [`origin`] of an organisation.
    pub origin: String,
    /// Events from the first on.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

/// What the checkpoints of an organisation's chain begin with.
#[must_use]
pub fn origin(org_id: &str) -> String {
    format!("{KEY_NAME}/{org_id}")
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        )
    }

    /// The note, signed by whoever owns `key`.
    #[must_use]
    pub fn sign(&self, key: &VerifierKey, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> String {
        let text = self.text();
        let mut signature = key.id().to_vec();
        signature.extend_from_slice(&sign(text.as_bytes()));
        format!("{text}\n— {} {}\n", key.name, STANDARD.encode(signature))
    }

    /// Reads a note and checks that `key` signed it. Signatures of others are passed over.
    ///
    /// # Errors
    /// [`NoteError::Form`], [`NoteError::Signature`].
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::Form("it is too long"));
        }
        let (text, signatures) = note.split_once("\n\n").ok_or(NoteError::Form(
            "there is no empty line before the signatures",
        ))?;
        let text = format!("{text}\n");
        let is_signed = signatures
            .lines()
            .filter_map(|line| line.strip_prefix("— ")?.split_once(' '))
            .filter(|(name, _)| *name == key.name)
            .filter_map(|(_, signature)| STANDARD.decode(signature).ok())
            .any(|signature| key.verify(&text, &signature));
        if !is_signed {
            return Err(NoteError::Signature(key.to_string()));
        }
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Form("there are fewer than three lines"));
        };
        let size = size
            .parse()
            .map_err(|_| NoteError::Form("the second line is not a number"))?;
        let root = STANDARD
            .decode(root)
            .ok()
            .and_then(|root| Hash::try_from(root).ok())
            .ok_or(NoteError::Form("the third line is not a hash"))?;
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer, SigningKey};

    use super::*;

    fn signed(seed: u8) -> (String, VerifierKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let key = VerifierKey::new(secret.verifying_key().as_bytes()).unwrap();
        let checkpoint = Checkpoint {
            origin: origin("o"),
            size: 7,
            root: [9; 32],
        };
        let note = checkpoint.sign(&key, |text| secret.sign(text).to_bytes());
        assert_eq!(Checkpoint::open(&note, &key), Ok(checkpoint));
        (note, key)
    }

    #[test]
    fn keys_of_the_reference_implementation_are_read() {
        // Verifier key and note of the documentation of Go's package sumdb/note.
        let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
            .parse()
            .unwrap();
        assert_eq!(hex::encode(key.id()), "c74f20a3");
        let text = "If you think cryptography is the answer to your problem,\n\
             then you don't know what your problem is.\n";
        let signature = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        assert!(key.verify(text, &STANDARD.decode(signature).unwrap()));
    }

    #[test]
    fn a_key_is_read_as_it_is_written_and_in_no_other_way() {
        let (_, key) = signed(3);
        let text = key.to_string();
        assert_eq!(text.parse::<VerifierKey>(), Ok(key));
        for wrong in [
            String::new(),
            text.replace("oneclaw", "twoclaw"),
            text.replacen('+', "+0", 1),
            text.replace("+A", "+B"),
            format!("{text}AA"),
            format!("oneclaw-audit+00000000+{}", STANDARD.encode([1; 33])),
        ] {
            assert_eq!(wrong.parse::<VerifierKey>(), Err(NoteError::Key), "{wrong}");
        }
    }

    #[test]
    fn changed_bytes_of_a_note_do_not_pass() {
        let (note, key) = signed(3);
        for index in (0..note.len()).step_by(13) {
            let mut bytes = note.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            assert!(
                Checkpoint::open(&changed, &key).is_err(),
                "{index}: {changed}"
            );
        }
        assert!(Checkpoint::open(&note, &signed(4).1).is_err());
    }

    #[test]
    fn signatures_of_witnesses_are_passed_over() {
        let (note, key) = signed(3);
        let witnessed = note.replace("\n\n", "\n\n— somebody.example AAAA\n");
        assert_eq!(Checkpoint::open(&witnessed, &key).unwrap().size, 7);
    }
}
