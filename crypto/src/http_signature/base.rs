//! Components of a request, and the text that is signed (RFC 9421 §2).

use oneclaw_core::path::excerpt;
use sfv::{InnerList, ListSerializer};

use super::{MAX_COMPONENTS, MAX_HEADER_BYTES, Message, SignatureError};

/// Names of the components that a signature covers, in their order.
pub(super) fn covered(input: &InnerList) -> Result<Vec<&str>, SignatureError> {
    if input.items.len() > MAX_COMPONENTS {
        return Err(SignatureError::TooManyComponents);
    }
    let mut names: Vec<&str> = Vec::with_capacity(input.items.len());
    for item in &input.items {
        let name = item
            .bare_item
            .as_string()
            .ok_or(SignatureError::NotAName)?
            .as_str();
        if !item.params.is_empty() {
            return Err(SignatureError::ComponentParameters(excerpt(name)));
        }
        if names.contains(&name) {
            return Err(SignatureError::Twice(excerpt(name)));
        }
        names.push(name);
    }
    Ok(names)
}

/// Whether all that has to be covered is.
pub(super) fn check_required(
    message: &Message<'_>,
    covered: &[&str],
) -> Result<(), SignatureError> {
    let has = |header: &str| lines(message, header).next().is_some();
    let required = [
        ("@method", true),
        ("@path", true),
        ("content-digest", true),
        ("@query", message.query.is_some_and(|it| !it.is_empty())),
        ("idempotency-key", has("idempotency-key")),
    ];
    required
        .into_iter()
        .find(|(name, needed)| *needed && !covered.contains(name))
        .map_or(Ok(()), |(name, _)| Err(SignatureError::NotCovered(name)))
}

/// The signature base (RFC 9421 §2.5). Its last line is the list as received, every parameter in its place.
pub(super) fn signature_base(
    message: &Message<'_>,
    input: &InnerList,
    covered: &[&str],
) -> Result<String, SignatureError> {
    let mut base = String::new();
    for name in covered {
        let value = component(message, name)?;
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    let mut list = ListSerializer::new();
    let mut inner = list.inner_list();
    inner.items(&input.items);
    inner.finish().parameters(&input.params);
    let parameters = list.finish().ok_or(SignatureError::NotAName)?;
    base.push_str(&format!("\"@signature-params\": {parameters}"));
    Ok(base)
}

fn component(message: &Message<'_>, name: &str) -> Result<String, SignatureError> {
    let path = if message.path.is_empty() {
        "/"
    } else {
        message.path
    };
    match name {
        "@method" => Ok(message.method.to_owned()),
        "@path" => Ok(path.to_owned()),
        "@query" => Ok(format!("?{}", message.query.unwrap_or_default())),
        "@authority" => Ok(origin(message, name)?.1),
        "@target-uri" => {
            let (scheme, authority) = origin(message, name)?;
            let query = message.query.map_or(String::new(), |q| format!("?{q}"));
            Ok(format!("{scheme}://{authority}{path}{query}"))
        }
        _ if name.starts_with('@') => Err(SignatureError::UnknownComponent(excerpt(name))),
        // A signature over a signature means nothing without the parameters that say which.
        "signature" | "signature-input" => Err(SignatureError::UnknownComponent(excerpt(name))),
        _ if is_header_name(name) => {
            header(message, name)?.ok_or_else(|| SignatureError::HeaderNotSent(excerpt(name)))
        }
        _ => Err(SignatureError::NotAHeader(excerpt(name))),
    }
}

/// Scheme and authority, normalised: in lower case and without the scheme's own port (RFC 9421 §2.2.3).
fn origin(message: &Message<'_>, name: &str) -> Result<(String, String), SignatureError> {
    let (scheme, authority) = message
        .origin
        .and_then(|origin| origin.split_once("://"))
        .ok_or_else(|| SignatureError::UnknownComponent(excerpt(name)))?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority.trim_end_matches('/').to_ascii_lowercase();
    let port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let bare = authority.strip_suffix(port).unwrap_or(&authority);
    let bare = bare.to_owned();
    Ok((scheme, bare))
}

/// A `token` (RFC 9110 §5.6.2) without upper case.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b)
        })
}

fn lines<'a>(message: &Message<'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    message
        .headers
        .iter()
        .filter(move |(given, _)| given.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_slice())
}

/// The value of a header: its lines, each without white space around it, with a comma and a space between them (RFC 9421
/// §2.1). `None` if there is no such line.
pub(super) fn header(message: &Message<'_>, name: &str) -> Result<Option<String>, SignatureError> {
    let mut combined: Option<String> = None;
    for line in lines(message, name) {
        let text = std::str::from_utf8(line)
            .ok()
            .filter(|text| text.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')))
            .ok_or_else(|| SignatureError::NotText(excerpt(name)))?
            .trim_matches([' ', '\t']);
        let length = combined.as_ref().map_or(0, |so_far| so_far.len() + 2) + text.len();
        if length > MAX_HEADER_BYTES {
            return Err(SignatureError::TooLong(excerpt(name)));
        }
        match &mut combined {
            None => combined = Some(text.to_owned()),
            Some(so_far) => {
                so_far.push_str(", ");
                so_far.push_str(text);
            }
        }
    }
    Ok(combined)
}
