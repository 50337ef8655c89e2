//! Checks on fields that several services share.

use std::net::IpAddr;

use oneclaw_core::clock::Timestamp;
use oneclaw_core::glob;
use oneclaw_core::path::excerpt;
use serde_json::Value;

use super::error::{Result, ServiceError};
use super::gate::is_path_scope;
use super::time;

/// Longest name of anything, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// Longest description, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 4096;
/// Most bytes of a JSON document that is stored and returned.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024;
/// Most entries in a list of an agent.
pub const MAX_LIST_ENTRIES: usize = 1000;

/// A name of 1 to [`MAX_NAME_BYTES`] bytes without control characters.
///
/// # Errors
/// Names the field.
pub fn name(field: &str, text: &str) -> Result<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ServiceError::field(field, "must not be empty"));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(ServiceError::field(
            field,
            format!("has {} bytes; the limit is {MAX_NAME_BYTES}", text.len()),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(ServiceError::field(
            field,
            "must not contain control characters",
        ));
    }
    Ok(text.to_owned())
}

/// Free text.
///
/// # Errors
/// Names the field.
pub fn description(field: &str, text: &str) -> Result<String> {
    if text.len() > MAX_DESCRIPTION_BYTES {
        return Err(ServiceError::field(
            field,
            format!(
                "has {} bytes; the limit is {MAX_DESCRIPTION_BYTES}",
                text.len()
            ),
        ));
    }
    if text.contains('\0') {
        return Err(ServiceError::field(field, "must not contain NUL"));
    }
    Ok(text.to_owned())
}

/// A client's own key for repeating a request: 1 to 255 visible ASCII characters.
///
/// # Errors
/// Names the field.
pub fn client_key(field: &str, key: &str) -> Result<String> {
    if (1..=MAX_NAME_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(key.to_owned());
    }
    Err(ServiceError::field(
        field,
        format!("must be 1 to {MAX_NAME_BYTES} visible ASCII characters"),
    ))
}

/// An address in the field `email`, as [`email_in`].
///
/// # Errors
/// Names the field.
pub fn email(text: &str) -> Result<String> {
    email_in("email", text)
}

/// An address with one `@` and something sensible on both sides; lower case.
///
/// # Errors
/// Names the field.
pub fn email_in(field: &str, text: &str) -> Result<String> {
    let text = text.trim().to_lowercase();
    let wrong = || {
        ServiceError::field(
            field,
            format!(
                "`{}` is not an address, such as `name@example.com`",
                excerpt(&text)
            ),
        )
    };
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != '@';
    let sound = !local.is_empty()
        && text.len() <= 254
        && local
            .chars()
            .all(|c| plain(c) && !matches!(c, '<' | '>' | '"' | ',' | ';'))
        && domain
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-'))
        && !domain.is_empty()
        && domain.split('.').all(|label| !label.is_empty());
    if sound { Ok(text) } else { Err(wrong()) }
}

/// Whom a network address is counted with: itself, or in IPv6 the network of 64 bits, all of which one client has.
pub fn network_of(client: IpAddr) -> String {
    match client {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            format!("{}/64", std::net::Ipv6Addr::from(network))
        }
    }
}

/// Scopes: path globs must be well-formed, capability words must be short and printable.
///
/// # Errors
/// Names the field.
pub fn scopes(field: &str, scopes: &[String]) -> Result<Vec<String>> {
    if scopes.len() > MAX_LIST_ENTRIES {
        return Err(ServiceError::field(
            field,
            format!("has more than {MAX_LIST_ENTRIES} entries"),
        ));
    }
    for scope in scopes {
        if is_path_scope(scope) {
            glob::check(scope).map_err(|e| ServiceError::field(field, e))?;
        } else if scope.len() > 128 || scope.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ServiceError::field(
                field,
                format!(
                    "`{}` is neither a path glob nor a short word such as `vaults:read`",
                    excerpt(scope)
                ),
            ));
        }
    }
    Ok(scopes.to_vec())
}

/// An optional time that must not have passed.
///
/// # Errors
/// Names the field.
pub fn future(field: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>> {
    let at = time::parse_option(field, text)?;
    match at {
        Some(at) if at <= now => Err(ServiceError::field(field, "must be in the future")),
        at => Ok(at),
    }
}

/// A JSON object (or whatever `value` is) of bounded size.
///
/// # Errors
/// Names the field.
pub fn document(field: &str, value: &Value) -> Result<()> {
    let bytes = serde_json::to_vec(value).map_or(usize::MAX, |text| text.len());
    if bytes > MAX_DOCUMENT_BYTES {
        return Err(ServiceError::field(
            field,
            format!("has {bytes} bytes as JSON; the limit is {MAX_DOCUMENT_BYTES}"),
        ));
    }
    if contains_nul(value) {
        return Err(ServiceError::field(field, "must not contain NUL"));
    }
    Ok(())
}

/// PostgreSQL cannot store NUL in text; refusing it everywhere keeps the two databases alike.
fn contains_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(contains_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || contains_nul(value)),
        _ => false,
    }
}

/// The size or the place of a page: what is too large is taken for the largest.
///
/// # Errors
/// Names the parameter.
pub fn page(field: &str, given: Option<i64>, default: i64, least: i64, most: i64) -> Result<i64> {
    match given.unwrap_or(default) {
        number if number < least => Err(ServiceError::field(
            field,
            format!("must be at least {least}"),
        )),
        number => Ok(number.min(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_cased_and_slips_are_refused() {
        assert_eq!(email(" Ops@Example.COM ").unwrap(), "ops@example.com");
        for bad in [
            "", "x", "@x", "x@", "a b@x.y", "a@b@c", "a@b..c", "a@.b", "<a@b.c>", "a@b\n.c",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn clients_of_one_ipv6_network_are_one() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("192.0.2.7"), "192.0.2.7");
        assert_eq!(network("2001:db8::1"), "2001:db8::/64");
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:2"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }
}
