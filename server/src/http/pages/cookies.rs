//! The one cookie of a browser.

use axum::http::{HeaderMap, HeaderValue, header};

/// Longest cookie that is looked at, in bytes.
const MAX_COOKIE_BYTES: usize = 128;

/// The name of the cookie. Where the server is reached by https, the prefix makes browsers refuse one that another host or
/// an insecure page has set (RFC 6265bis §4.1.3.2).
pub fn name(secure: bool) -> &'static str {
    if secure {
        "__Host-oneclaw_session"
    } else {
        "oneclaw_session"
    }
}

/// What the browser sent, if it is one cookie of this name. Two of them are none: one may have been planted.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(value), None) if value.len() <= MAX_COOKIE_BYTES => Some(value),
        _ => None,
    }
}

/// A cookie for the browser to keep for so many seconds. `Lax` and not `Strict`, because pages are opened from links in
/// mails; what changes anything is a form, and forms carry a token.
pub fn set(secure: bool, value: &str, seconds: u64) -> Option<HeaderValue> {
    let secure_word = if secure { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure_word}",
        name(secure)
    );
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, cookie.parse().unwrap());
        }
        find(&headers, "oneclaw_session").map(str::to_owned)
    }

    #[test]
    fn a_cookie_is_found_among_others_and_never_guessed_among_two() {
        assert_eq!(found(&["a=1; oneclaw_session=x; b=2"]), Some("x".into()));
        assert_eq!(found(&["a=1", "oneclaw_session=x"]), Some("x".into()));
        assert_eq!(found(&["oneclaw_session=x; oneclaw_session=y"]), None);
        assert_eq!(found(&["xoneclaw_session=x"]), None);
        assert_eq!(
            found(&[&format!("oneclaw_session={}", "x".repeat(200))]),
            None
        );
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn over_https_the_cookie_is_tied_to_the_host() {
        let text = |secure| set(secure, "v", 60).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(true),
            "__Host-oneclaw_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            text(false),
            "oneclaw_session=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }
}
