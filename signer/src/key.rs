//! Keys of accounts: made, taken in, read from what is stored.
//!
//! A key is stored as 64 hexadecimal digits. Every buffer of this crate that holds one is wiped when it is dropped, and so is
//! the scalar inside alloy's signer (`k256::ecdsa::SigningKey` is `ZeroizeOnDrop`). Not wiped is what the compiler leaves
//! on the stack when it moves a value of 32 bytes, nor the nonce of a signature, which RFC 6979 derives from the key.

use alloy::signers::local::PrivateKeySigner;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use oneclaw_core::transaction::Address;
use oneclaw_crypto::random;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::KeyError;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a private key that somebody brings is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// 64 hexadecimal digits, with or without `0x`.
    Hex,
    /// 32 bytes in base64 (RFC 4648 §4), padded or not.
    Base64,
}

/// A key pair, to be sealed.
#[derive(Debug)]
pub struct NewKey {
    /// 64 hexadecimal digits in lower case, without `0x`: what is stored.
    pub private_key: SecretString,
    /// Compressed (SEC 1 §2.3.3): `0x`, `02` or `03`, and 64 hexadecimal digits in lower case.
    pub public_key: String,
    /// The account: last 20 bytes of the Keccak-256 hash of the uncompressed public key.
    pub address: Address,
}

/// Makes a key pair.
///
/// # Errors
/// If the operating system gives no randomness.
pub fn generate() -> Result<NewKey, KeyError> {
    let mut scalar = Zeroizing::new([0; 32]);
    random::fill(scalar.as_mut_slice())?;
    // One draw in 2^128 is out of range; that is reported rather than drawn again, because it never happens.
    pair(&scalar)
}

/// Takes in a private key that was made elsewhere.
///
/// # Errors
/// If the text has another form, or is not a private key of secp256k1. The error does not quote the text.
pub fn import(text: &SecretString, format: KeyFormat) -> Result<NewKey, KeyError> {
    let scalar = match format {
        KeyFormat::Hex => from_hex(text)?,
        KeyFormat::Base64 => from_base64(text)?,
    };
    pair(&scalar)
}

/// The account of a stored key: 64 hexadecimal digits with or without `0x`, white space around them ignored.
///
/// # Errors
/// If the value is no such key. The error does not quote the value.
pub fn address_of(value: &SecretString) -> Result<Address, KeyError> {
    Ok(signer(value)?.address())
}

pub(crate) fn signer(value: &SecretString) -> Result<PrivateKeySigner, KeyError> {
    let scalar = from_hex(value)?;
    to_signer(&scalar)
}

fn to_signer(scalar: &[u8; 32]) -> Result<PrivateKeySigner, KeyError> {
    PrivateKeySigner::from_slice(scalar).map_err(|_| KeyError::OutOfRange)
}

fn pair(scalar: &[u8; 32]) -> Result<NewKey, KeyError> {
    let signer = to_signer(scalar)?;
    let public = signer.credential().verifying_key().to_encoded_point(true);
    let mut digits = Zeroizing::new([0; 64]);
    hex::encode_to_slice(scalar, digits.as_mut_slice()).map_err(|_| KeyError::NotHex)?;
    let text = std::str::from_utf8(digits.as_slice()).map_err(|_| KeyError::NotHex)?;
    Ok(NewKey {
        private_key: SecretString::from(text),
        public_key: format!("0x{}", hex::encode(public.as_bytes())),
        address: signer.address(),
    })
}

fn from_hex(text: &SecretString) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let text = text.expose_secret().trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut scalar = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, scalar.as_mut_slice()).map_err(|_| KeyError::NotHex)?;
    Ok(scalar)
}

fn from_base64(text: &SecretString) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let text = text.expose_secret().trim();
    // What base64 gives may be a byte or two longer while it is being decoded.
    let mut buffer = Zeroizing::new([0; 48]);
    let length = BASE64
        .decode_slice(text, buffer.as_mut_slice())
        .map_err(|_| KeyError::NotBase64)?;
    let bytes = buffer.get(..length).ok_or(KeyError::NotBase64)?;
    let mut scalar = Zeroizing::new([0; 32]);
    if bytes.len() != scalar.len() {
        return Err(KeyError::NotBase64);
    }
    scalar.copy_from_slice(bytes);
    Ok(scalar)
}

#[cfg(test)]
mod tests;
