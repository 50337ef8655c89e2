//! Randomness and identifiers: the one module that draws them.

use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

/// The longest string [`secret_string`] makes, in characters.
pub const MAX_SECRET_CHARACTERS: usize = 1024;

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
pub enum RandomError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Source(#[from] getrandom::Error),
    /// A string of this length is not made.
    #[error("a secret must have from 1 to {MAX_SECRET_CHARACTERS} characters, not {0}")]
    Length(usize),
}

/// Fills a buffer from the operating system's generator.
///
/// # Errors
/// If the operating system fails.
pub fn fill(buffer: &mut [u8]) -> Result<(), RandomError> {
    getrandom::fill(buffer)?;
    Ok(())
}

/// So many random bytes.
///
/// # Errors
/// If the operating system fails.
pub fn bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut out = [0; N];
    fill(&mut out)?;
    Ok(out)
}

/// A fresh identifier: UUID version 7 (RFC 9562 §5.7), so that rows sort roughly by age.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that makes identifiers"
)]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// An identifier that nobody can guess, not even from others: UUID version 4 (RFC 9562 §5.4), 122 random bits.
///
/// # Errors
/// If the operating system fails.
pub fn unguessable_id() -> Result<Uuid, RandomError> {
    Ok(uuid::Builder::from_random_bytes(bytes()?).into_uuid())
}

/// The characters of a generated secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// `0-9a-f`, 4 bits a character.
    Hex,
    /// The alphabet of RFC 4648 §4 without padding, 6 bits a character.
    Base64,
    /// `A-Za-z0-9`, 5.95 bits a character.
    Alphanumeric,
    /// The 94 visible ASCII characters `!` to `~`, 6.55 bits a character.
    Ascii,
}

impl Charset {
    /// Its characters, each once.
    #[must_use]
    pub const fn alphabet(self) -> &'static [u8] {
        match self {
            Self::Hex => b"0123456789abcdef",
            Self::Base64 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            Self::Alphanumeric => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Self::Ascii => {
                b"!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"
            }
        }
    }

    /// The character that a random byte stands for, or nothing if the byte must be drawn again: bytes beyond the
    /// largest multiple of the alphabet's size would favour its first characters.
    fn pick(self, byte: u8) -> Option<char> {
        let alphabet = self.alphabet();
        let usable = 256 - 256 % alphabet.len();
        let index = usize::from(byte);
        if index >= usable {
            return None;
        }
        alphabet.get(index % alphabet.len()).map(|&b| char::from(b))
    }
}

/// A secret of `length` characters, each drawn evenly from the charset.
///
/// # Errors
/// If the length is 0 or beyond [`MAX_SECRET_CHARACTERS`], or the operating system fails.
pub fn secret_string(length: usize, charset: Charset) -> Result<SecretString, RandomError> {
    if length == 0 || length > MAX_SECRET_CHARACTERS {
        return Err(RandomError::Length(length));
    }
    let mut text = Zeroizing::new(String::with_capacity(length));
    let mut pool = Zeroizing::new([0u8; 128]);
    while text.len() < length {
        fill(pool.as_mut_slice())?;
        let missing = length - text.len();
        text.extend(pool.iter().filter_map(|&b| charset.pick(b)).take(missing));
    }
    Ok(SecretString::from(text.as_str()))
}

/// Letters of codes that humans read and type: consonants, so that no words come out, and none that looks like another
/// (RFC 8628 §6.1).
const USER_CODE_ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// Letters in such a code: 34 bits.
const USER_CODE_LETTERS: usize = 8;

/// A code for a human to read and type, good for a few minutes.
///
/// # Errors
/// If the operating system fails.
pub fn user_code() -> Result<String, RandomError> {
    let mut code = String::with_capacity(USER_CODE_LETTERS);
    while code.len() < USER_CODE_LETTERS {
        let [byte] = bytes::<1>()?;
        // 240 is the largest multiple of 20 in a byte: what is beyond would favour the first letters.
        let letter = USER_CODE_ALPHABET.get(usize::from(byte % 20));
        if let (0..240, Some(&letter)) = (byte, letter) {
            code.push(char::from(letter));
        }
    }
    Ok(code)
}

/// A code that opens an account once, for a human to keep on paper: 80 bits in four groups.
///
/// # Errors
/// If the operating system fails.
pub fn recovery_code() -> Result<Zeroizing<String>, RandomError> {
    let digits = Zeroizing::new(hex::encode(Zeroizing::new(bytes::<10>()?).as_slice()));
    let mut code = Zeroizing::new(String::with_capacity(23));
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && i % 5 == 0 {
            code.push('-');
        }
        code.push(digit);
    }
    Ok(code)
}

/// Whether text has the form of a code for humans.
#[must_use]
pub fn is_user_code(text: &str) -> bool {
    text.len() == USER_CODE_LETTERS && text.bytes().all(|b| USER_CODE_ALPHABET.contains(&b))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const ALL: [Charset; 4] = [
        Charset::Hex,
        Charset::Base64,
        Charset::Alphanumeric,
        Charset::Ascii,
    ];

    #[test]
    fn every_character_of_a_charset_stands_for_equally_many_bytes() {
        for charset in ALL {
            let mut counts = std::collections::BTreeMap::new();
            for byte in 0..=255 {
                if let Some(c) = charset.pick(byte) {
                    *counts.entry(c).or_insert(0) += 1;
                }
            }
            assert_eq!(counts.len(), charset.alphabet().len(), "{charset:?}");
            let share = 256 / charset.alphabet().len();
            assert!(counts.values().all(|&n| n == share), "{charset:?}");
        }
    }

    #[test]
    fn a_secret_has_the_length_and_the_characters_that_were_asked_for() {
        for charset in ALL {
            for length in [1, 8, 32, 129, MAX_SECRET_CHARACTERS] {
                let secret = secret_string(length, charset).unwrap();
                let text = secret.expose_secret();
                assert_eq!(text.len(), length);
                assert!(text.bytes().all(|b| charset.alphabet().contains(&b)));
            }
        }
    }

    #[test]
    fn lengths_out_of_range_are_refused() {
        for length in [0, MAX_SECRET_CHARACTERS + 1, usize::MAX] {
            assert!(matches!(
                secret_string(length, Charset::Hex),
                Err(RandomError::Length(n)) if n == length
            ));
        }
    }

    #[test]
    fn codes_for_humans_have_eight_letters_that_cannot_be_mistaken() {
        let codes: Vec<String> = (0..200).map(|_| user_code().unwrap()).collect();
        assert!(codes.iter().all(|code| is_user_code(code)));
        let letters: std::collections::BTreeSet<char> =
            codes.iter().flat_map(|code| code.chars()).collect();
        assert_eq!(letters.len(), USER_CODE_ALPHABET.len());
        for text in ["", "BCDFGHJ", "BCDFGHJKL", "BCDFGHJA", "bcdfghjk"] {
            assert!(!is_user_code(text), "{text}");
        }
    }

    #[test]
    fn a_recovery_code_is_four_groups_of_five_digits() {
        let code = recovery_code().unwrap();
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.len(), 4);
        let sound = |g: &&str| g.len() == 5 && g.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(groups.iter().all(sound), "{}", *code);
        assert_ne!(*code, *recovery_code().unwrap());
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>().unwrap(), bytes::<32>().unwrap());
        assert_ne!(new_id(), new_id());
        assert_eq!(new_id().get_version_num(), 7);
    }
}
