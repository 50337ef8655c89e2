//! What a new password must be like.

use secrecy::{ExposeSecret, SecretString};

/// The least number of characters.
pub const MIN_PASSWORD_CHARACTERS: usize = 12;
/// The most bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a password is too weak. The messages never quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Fewer than [`MIN_PASSWORD_CHARACTERS`] characters.
    #[error("the password must have at least {MIN_PASSWORD_CHARACTERS} characters")]
    TooShort,
    /// More than [`MAX_PASSWORD_BYTES`] bytes.
    #[error("the password may have at most {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// No upper-case letter.
    #[error("the password must contain an upper-case letter")]
    NoUpper,
    /// No lower-case letter.
    #[error("the password must contain a lower-case letter")]
    NoLower,
    /// No digit.
    #[error("the password must contain a digit")]
    NoDigit,
    /// Nothing but letters and digits.
    #[error("the password must contain a character that is neither a letter nor a digit")]
    NoSpecial,
    /// `aaa`.
    #[error("the password must not contain the same character three times in a row")]
    Repeated,
    /// `abc`, `321`.
    #[error(
        "the password must not contain three letters or digits in sequence, such as `abc` or `321`"
    )]
    Sequential,
}

/// Checks a new password. Letters may be of any script; sequences are looked for among ASCII letters, in either case, and
/// ASCII digits, in either direction.
///
/// # Errors
/// The first rule that is broken.
pub fn check_strength(password: &SecretString) -> Result<(), PasswordProblem> {
    let password = password.expose_secret();
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordProblem::TooLong);
    }
    if password.chars().count() < MIN_PASSWORD_CHARACTERS {
        return Err(PasswordProblem::TooShort);
    }
    let none = |test: fn(char) -> bool| !password.chars().any(test);
    if none(char::is_uppercase) {
        return Err(PasswordProblem::NoUpper);
    }
    if none(char::is_lowercase) {
        return Err(PasswordProblem::NoLower);
    }
    if none(|c| c.is_ascii_digit()) {
        return Err(PasswordProblem::NoDigit);
    }
    if none(|c| !c.is_alphanumeric()) {
        return Err(PasswordProblem::NoSpecial);
    }
    if any_three(password, |a, b, c| a == b && b == c) {
        return Err(PasswordProblem::Repeated);
    }
    if any_three(password, in_sequence) {
        return Err(PasswordProblem::Sequential);
    }
    Ok(())
}

fn any_three(text: &str, test: impl Fn(char, char, char) -> bool) -> bool {
    let (first, second, third) = (text.chars(), text.chars().skip(1), text.chars().skip(2));
    first
        .zip(second)
        .zip(third)
        .any(|((a, b), c)| test(a, b, c))
}

fn in_sequence(a: char, b: char, c: char) -> bool {
    let one_kind = [a, b, c].iter().all(char::is_ascii_digit)
        || [a, b, c].iter().all(char::is_ascii_alphabetic);
    let [a, b, c] = [a, b, c].map(|c| u32::from(c.to_ascii_lowercase()));
    let up = |x: u32, y: u32| x.checked_add(1) == Some(y);
    one_kind && ((up(a, b) && up(b, c)) || (up(b, a) && up(c, b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(password: &str) -> Result<(), PasswordProblem> {
        check_strength(&SecretString::from(password))
    }

    #[test]
    fn good_passwords_pass() {
        for good in [
            "Correct-Horse-9-Battery",
            "Tr0ub4dor&3xyp!",
            "Pässwört-4-Müller",
            "A1!a1!A1!a1!",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn each_rule_is_named_when_it_is_broken() {
        use PasswordProblem::*;
        for (password, problem) in [
            ("", TooShort),
            ("Sh0rt!pass.", TooShort),
            ("horse-9-battery", NoUpper),
            ("HORSE-9-BATTERY", NoLower),
            ("Horse-X-Battery", NoDigit),
            ("Horse9XBattery7", NoSpecial),
            ("Horse-9-Battteery", Repeated),
            ("Horse---9-Battery", Repeated),
            ("Horse-123-Battery", Sequential),
            ("Horse-321-Battery", Sequential),
            ("Horse-9-aBcattery", Sequential),
            ("Horse-9-zyxattery", Sequential),
        ] {
            assert_eq!(check(password), Err(problem), "{password}");
        }
        let long = format!("Horse-9-{}", "Ba".repeat(600));
        assert_eq!(check(&long), Err(TooLong));
    }

    #[test]
    fn neighbours_in_ascii_that_are_no_sequence_pass() {
        // `9:;`, `@AB`, `Z[\` and `/01` follow each other in ASCII but are nothing a human would call a sequence.
        for good in [
            "Horse-x9:;Battery",
            "Horse-7@ABattery",
            "Horse-7Z[\\attery",
            "Horsex/01Battery",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_keeps_every_rule(password in "[a-cA-C1-379!_é]{8,20}") {
            if check(&password).is_ok() {
                let chars: Vec<char> = password.chars().collect();
                prop_assert!(chars.len() >= 12);
                prop_assert!(chars.iter().any(|c| c.is_uppercase()));
                prop_assert!(chars.iter().any(|c| c.is_lowercase()));
                prop_assert!(chars.iter().any(|c| c.is_ascii_digit()));
                prop_assert!(chars.iter().any(|c| !c.is_alphanumeric()));
                prop_assert!(chars.windows(3).all(|w| w[0] != w[1] || w[1] != w[2]));
            }
        }

        #[test]
        fn a_sequence_anywhere_is_found(
            start in "[!-~]{0,12}",
            first in prop_oneof![b'a'..=b'x', b'A'..=b'X', b'0'..=b'7'],
            down in any::<bool>(),
            end in "[!-~]{0,12}",
        ) {
            let mut run: Vec<char> = (0..3).map(|i| char::from(first + i)).collect();
            if down {
                run.reverse();
            }
            let run: String = run.into_iter().collect();
            let password = format!("Xx9!{start}{run}{end}pQ7*pQ7*");
            prop_assert!(check(&password).is_err(), "{}", password);
        }

        #[test]
        fn three_of_a_kind_anywhere_are_found(
            start in "[!-~]{0,12}", c in "\\PC", end in "[!-~]{0,12}",
        ) {
            let password = format!("Xx9!{start}{c}{c}{c}{end}pQ7*pQ7*");
            prop_assert!(check(&password).is_err(), "{}", password);
        }
    }
}
