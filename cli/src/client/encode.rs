//! Parts of a URL. What a user gives can be anything, and must stay within its segment.

/// Everything but the unreserved characters of RFC 3986, percent-encoded.
fn encoded(text: &str, keep: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// One segment of a route. `.` and `..` would be taken for steps on the way, and are encoded too.
pub fn segment(text: &str) -> String {
    match text {
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => encoded(text, b""),
    }
}

/// The path of a secret: slashes stay.
pub fn path(text: &str) -> String {
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A query from what was given, with the `?`; empty if nothing was.
pub fn query(pairs: &[(&str, Option<&str>)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if let Some(value) = value {
            out.push(if out.is_empty() { '?' } else { '&' });
            out.push_str(name);
            out.push('=');
            out.push_str(&encoded(value, b""));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_stays_in_its_segment() {
        assert_eq!(segment("a/../b?c#d"), "a%2F..%2Fb%3Fc%23d");
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(path("api-keys/op en?ai"), "api-keys/op%20en%3Fai");
        assert_eq!(path("a/../b"), "a/%2E%2E/b");
        assert_eq!(
            query(&[("a", None), ("b", Some("x&y")), ("c", Some("1"))]),
            "?b=x%26y&c=1"
        );
        assert_eq!(query(&[("a", None)]), "");
    }
}
