//! Text as it is kept in a blob: short text as it is, longer text deflated.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use crate::db::malformed;
use crate::error::Result;

/// Below so many bytes deflating gains less than it costs. Measured on records of access, which have 150 to 250.
const WORTH_DEFLATING: usize = 512;
/// Most bytes that a blob unpacks to: settings have at most 16 MiB, and everything else less.
const MAX_UNPACKED: u64 = 32 << 20;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// Packs text.
pub(crate) fn pack(text: &str) -> Vec<u8> {
    if text.len() >= WORTH_DEFLATING
        && let Some(packed) = deflate(text)
    {
        return packed;
    }
    let mut plain = Vec::with_capacity(text.len().saturating_add(1));
    plain.push(PLAIN);
    plain.extend_from_slice(text.as_bytes());
    plain
}

fn deflate(text: &str) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(vec![DEFLATED], Compression::fast());
    // Writing to memory does not fail; if it did, the text would be kept as it is.
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok()
}

/// Unpacks what [`pack`] made.
///
/// # Errors
/// [`crate::StoreError::Corrupt`] for anything else.
pub(crate) fn unpack(blob: &[u8], column: &'static str) -> Result<String> {
    let broken = || malformed(column);
    match blob.split_first() {
        Some((&PLAIN, text)) => String::from_utf8(text.to_vec()).map_err(|_| broken()),
        Some((&DEFLATED, deflated)) => {
            let mut text = String::new();
            DeflateDecoder::new(deflated)
                .take(MAX_UNPACKED)
                .read_to_string(&mut text)
                .map_err(|_| broken())?;
            Ok(text)
        }
        _ => Err(broken()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_out_again_and_long_text_gets_shorter() {
        let long = "{\"kind\":\"call\",\"parent\":null}".repeat(100);
        for text in ["", "{}", "ä", &long] {
            assert_eq!(unpack(&pack(text), "body").unwrap(), text);
        }
        assert!(pack(&long).len() < long.len() / 4);
        for broken in [&[][..], &[2, 3], &[DEFLATED, 255, 255], &[PLAIN, 0xff]] {
            assert!(unpack(broken, "body").is_err());
        }
    }
}
