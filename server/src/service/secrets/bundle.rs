//! Environment bundles: secrets of the type `env_bundle`, whose value is many variables, one `KEY=value` a line.

use std::collections::BTreeSet;

use super::super::error::{Result, ServiceError};

/// The type of such secrets.
pub(super) const ENV_BUNDLE: &str = "env_bundle";

/// Checks that the value is a bundle. No message repeats any of it.
///
/// # Errors
/// Names the line.
pub(super) fn check(value: &str) -> Result<()> {
    let wrong = |line: usize, what: &str| {
        ServiceError::field("value", format!("line {} of the bundle {what}", line + 1))
    };
    let mut names = BTreeSet::new();
    for (number, line) in value.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // As files for shells have it; clients that read bundles pass over the word.
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, _)) = line.split_once('=') else {
            return Err(wrong(number, "is not of the form `KEY=value`"));
        };
        if !is_name(name) {
            return Err(wrong(
                number,
                "has a name that is not made of letters, digits and `_`, or that begins with a digit",
            ));
        }
        if !names.insert(name) {
            return Err(wrong(number, "has a name that stands in an earlier line"));
        }
    }
    if names.is_empty() {
        return Err(ServiceError::field(
            "value",
            "has no variable in it; write one `KEY=value` a line",
        ));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn lines_of_names_and_values_are_bundles() {
        for good in [
            "A=1",
            "A=1\nB=x=y\n",
            "# how to deploy\r\n\r\nA=\r\n_b2=\"two words\"\r\n",
            "  A=1",
            "export A=1",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn slips_name_their_line_and_nothing_of_the_value() {
        for (bad, line) in [
            ("A=1\nhunter2", "line 2"),
            ("A=1\n\nA=hunter2", "line 3"),
            ("1A=hunter2", "line 1"),
            ("A B=hunter2", "line 1"),
            ("export hunter2", "line 1"),
            ("=hunter2", "line 1"),
            ("{\"A\": \"hunter2\"}", "line 1"),
        ] {
            let error = check(bad).unwrap_err().to_string();
            assert!(
                error.contains(line) && !error.contains("hunter2"),
                "{error}"
            );
        }
        assert!(check("").is_err());
        assert!(check("# nothing").is_err());
    }
}
