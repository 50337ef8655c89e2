//! What differs from run to run, replaced by something of the same length, so that columns stay where they are.

#![expect(
    clippy::string_slice,
    reason = "the text was looked at before, and tests fail by panicking"
)]

/// Replaces ids, times, keys, tokens and addresses of servers.
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    'next: while let Some(c) = rest.chars().next() {
        for find in [uuid, time, credential, server, public_key] {
            if let Some((length, instead)) = find(rest) {
                out.push_str(&instead);
                rest = &rest[length..];
                continue 'next;
            }
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

fn uuid(text: &str) -> Option<(usize, String)> {
    let candidate = text.get(..36)?;
    let fits = candidate.char_indices().all(|(i, c)| match i {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    });
    fits.then(|| (36, format!("<id{}>", "-".repeat(32))))
}

fn time(text: &str) -> Option<(usize, String)> {
    let shape = "0000-00-00T00:00:00";
    let candidate = text.get(..shape.len())?;
    let fits = candidate
        .chars()
        .zip(shape.chars())
        .all(|(c, s)| if s == '0' { c.is_ascii_digit() } else { c == s });
    let end = text.find('Z').filter(|_| fits)?;
    Some((end + 1, format!("<time{}>", "-".repeat(14))))
}

fn credential(text: &str) -> Option<(usize, String)> {
    let prefix = ["ocv_", "1ck_", "eyJ"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let length = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .unwrap_or(text.len());
    (length >= 12).then(|| (length, format!("<{prefix}…>")))
}

fn server(text: &str) -> Option<(usize, String)> {
    let rest = text.strip_prefix("http://127.0.0.1:")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    Some((text.len() - rest.len() + digits, "<server>".to_owned()))
}

/// The public keys that every agent has.
fn public_key(text: &str) -> Option<(usize, String)> {
    let name = ["\"ssh_public_key\": \"", "\"ecdh_public_key\": \""]
        .into_iter()
        .find(|name| text.starts_with(name))?;
    let end = text[name.len()..].find('"')?;
    Some((name.len() + end, format!("{name}<key>")))
}
