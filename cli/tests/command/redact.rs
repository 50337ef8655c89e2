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
        for find in [
            uuid,
            time,
            credential,
            server,
            public_key,
            hexadecimal,
            base64,
            measured,
        ] {
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
    let prefix = ["ocv_", "1ck_", "1en_", "whsec_", "eyJ"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let length = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c)))
        .unwrap_or(text.len());
    (length >= 12).then(|| (length, format!("<{prefix}…>")))
}

/// Addresses, hashes and signatures. What differs in length from run to run, such as a signed transaction, gets one length.
fn hexadecimal(text: &str) -> Option<(usize, String)> {
    let prefix = if text.starts_with("0x") { 2 } else { 0 };
    let digits = text[prefix..]
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(text.len() - prefix);
    let name = if prefix == 2 { "0x" } else { "hex" };
    match digits {
        ..40 => None,
        40 | 64 => {
            let dashes = prefix + digits - name.len() - 2;
            Some((prefix + digits, format!("<{name}{}>", "-".repeat(dashes))))
        }
        _ => Some((prefix + digits, format!("<{name}…>"))),
    }
}

/// Keys and signatures, in either alphabet (RFC 4648, sections 4 and 5). Words that hyphens join have no letters of both
/// cases.
fn base64(text: &str) -> Option<(usize, String)> {
    let run = |more: &str| {
        text.find(|c: char| !(c.is_ascii_alphanumeric() || more.contains(c)))
            .unwrap_or(text.len())
    };
    let for_urls = run("-_");
    let has = |is: fn(&char) -> bool| text[..for_urls].chars().any(|c| is(&c));
    let is_key = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase);
    let length = run("+/=").max(if is_key { for_urls } else { 0 });
    (length >= 40).then(|| (length, "<base64…>".to_owned()))
}

/// What a plugin used up, and what a server calls its key.
fn measured(text: &str) -> Option<(usize, String)> {
    let names = [
        "\"fuel\": ",
        "\"elapsed_us\": ",
        "\"key_id\": ",
        "\"kid\": ",
    ];
    let name = names.into_iter().find(|name| text.starts_with(name))?;
    let end = text[name.len()..].find([',', '\n'])?;
    Some((name.len() + end, format!("{name}<…>")))
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
