//! Signatures of publishers: plain Ed25519 (RFC 8032) over a text with the digest of the component.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;
use zeroize::Zeroizing;

use super::local::{Caged, Room};
use crate::context::Context;
use crate::failure::Failure;
use crate::input::read_file;

pub fn keygen(context: &Context, file: &Path) -> Result<(), Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(|error| Failure::local(error.to_string()))?;
    let key = SigningKey::from_bytes(&seed);
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| Failure::local(error.to_string()))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(file)
        .and_then(|mut opened| opened.write_all(pem.as_bytes()))
        .map_err(|error| Failure::file(file, &error))?;
    let public = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
    context.output.done(
        &format!("private key in {}; public key: {public}", file.display()),
        &json!({ "public_key": public }),
    )
}

pub fn sign(context: &Context, component: &Path, key: &Path) -> Result<(), Failure> {
    let caged = Caged::load(component, Room::WIDEST)?;
    let digest = &caged.plugin.identity().digest;
    let signature = signature(key, digest)?;
    context.output.done(
        &format!("signature over {digest}: {signature}"),
        &json!({ "digest": digest, "signature": signature }),
    )
}

/// The signature over a component, base64url.
///
/// # Errors
/// The key cannot be read.
pub fn signature(key: &Path, digest: &str) -> Result<String, Failure> {
    let pem = read_file(key)?;
    let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
        Failure::hinted(
            format!("{} holds no Ed25519 key", key.display()),
            "`1claw plugin keygen` makes one",
        )
    })?;
    let text = oneclaw_core::api::plugin_signing_text(digest);
    Ok(URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes()))
}
