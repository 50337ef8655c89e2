//! Checks on what an administrator says of a chain. No message repeats a URL: it may hold a key.

use oneclaw_chain::RpcUrl;
use oneclaw_core::path::excerpt;
use oneclaw_store::Chain;

use super::super::error::{Result, ServiceError};
use super::runtime::connect;

/// Most URLs of nodes for one chain.
const MAX_URLS: usize = 8;
/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 2048;
/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Longest symbol of a coin, in bytes.
const MAX_SYMBOL_BYTES: usize = 16;
/// Largest chain id (EIP-2294: 2^63 - 37).
const MAX_CHAIN_ID: u64 = 9_223_372_036_854_775_771;

/// The name of a chain: it stands in paths, in guardrails and in the names of budgets.
pub fn name(text: &str) -> Result<String> {
    let well_formed = (1..=MAX_NAME_BYTES).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if !well_formed {
        return Err(ServiceError::field(
            "name",
            format!(
                "`{}` is not a name: write 1 to {MAX_NAME_BYTES} of `a` to `z`, `0` to `9` and `-`, such as `base-sepolia`, \
                 without `-` in front",
                excerpt(text)
            ),
        ));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ServiceError::field(
            "name",
            format!("`{text}` would be read as a chain id; put a letter into it"),
        ));
    }
    Ok(text.to_owned())
}

/// EIP-155.
pub fn chain_id(id: u64) -> Result<u64> {
    if (1..=MAX_CHAIN_ID).contains(&id) {
        return Ok(id);
    }
    Err(ServiceError::field(
        "chain_id",
        format!("must be from 1 to {MAX_CHAIN_ID}"),
    ))
}

/// Blocks on top.
pub fn confirmations(blocks: u64) -> Result<u64> {
    if (1..=1000).contains(&blocks) {
        return Ok(blocks);
    }
    Err(ServiceError::field(
        "confirmations",
        "must be from 1 to 1000",
    ))
}

/// The symbol of a coin.
pub fn currency(text: &str) -> Result<String> {
    if (1..=MAX_SYMBOL_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(ServiceError::field(
        "native_currency",
        format!("must be a symbol such as `ETH`: 1 to {MAX_SYMBOL_BYTES} letters, digits or signs"),
    ))
}

/// The URLs of nodes, from the field for one and the field for several.
pub fn rpc_urls(one: Option<String>, many: Option<Vec<String>>) -> Result<Vec<String>> {
    let one = one.filter(|url| !url.is_empty());
    let urls = match (one, many) {
        (Some(url), None) => return Ok(vec![http_url("rpc_url", url)?]),
        (Some(url), Some(many)) if many.first() != Some(&url) => {
            return Err(ServiceError::field(
                "rpc_url",
                "must be the first of `rpc_urls`, or absent, where both are given",
            ));
        }
        (_, Some(many)) => many,
        (None, None) => return Ok(Vec::new()),
    };
    if urls.len() > MAX_URLS {
        return Err(ServiceError::field(
            "rpc_urls",
            format!("has {} entries; the limit is {MAX_URLS}", urls.len()),
        ));
    }
    urls.into_iter()
        .enumerate()
        .map(|(i, url)| http_url(&format!("rpc_urls[{i}]"), url))
        .collect()
}

/// Refuses nodes at private addresses, unless the chain allows them.
pub fn nodes(chain: &Chain) -> Result<()> {
    if !chain.allow_private_rpc
        && let Some(host) = chain
            .rpc_urls
            .iter()
            .filter_map(|url| RpcUrl::parse(url).ok())
            .map(|url| url.host().trim_end_matches('.').to_ascii_lowercase())
            .find(|host| host == "localhost" || host.ends_with(".localhost"))
    {
        return Err(ServiceError::field(
            "rpc_urls",
            format!(
                "`{host}` is not a public address; set `allow_private_rpc` to true for this chain if that is meant"
            ),
        ));
    }
    connect(
        &chain.name,
        chain.chain_id,
        &chain.rpc_urls,
        chain.allow_private_rpc,
    )
    .map(drop)
    .map_err(|error| match error {
        oneclaw_chain::SpecError::Forbidden { address, .. } => ServiceError::field(
            "rpc_urls",
            format!(
                "{address} is not a public address; set `allow_private_rpc` to true for this chain if that is meant"
            ),
        ),
        oneclaw_chain::SpecError::NotAUrl => ServiceError::field("rpc_urls", error),
        oneclaw_chain::SpecError::Client(detail) => ServiceError::Internal(detail),
    })
}

/// Where a node tells of events.
pub fn ws_url(url: Option<String>) -> Result<Option<String>> {
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let is_ws = url
        .strip_prefix("ws")
        .is_some_and(|rest| is_url(&format!("http{rest}")));
    if is_ws {
        return Ok(Some(url));
    }
    Err(ServiceError::field(
        "ws_url",
        "must begin with `wss://` or `ws://` and name a host",
    ))
}

/// Where humans look.
pub fn explorer_url(url: Option<String>) -> Result<Option<String>> {
    url.filter(|url| !url.is_empty())
        .map(|url| http_url("explorer_url", url))
        .transpose()
}

fn http_url(field: &str, url: String) -> Result<String> {
    if is_url(&url) {
        return Ok(url);
    }
    Err(ServiceError::field(
        field,
        format!(
            "must begin with `https://` or `http://`, name a host, and have at most {MAX_URL_BYTES} bytes"
        ),
    ))
}

fn is_url(url: &str) -> bool {
    url.len() <= MAX_URL_BYTES
        && !url.chars().any(|c| c.is_control() || c.is_whitespace())
        && RpcUrl::parse(url).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_into_paths_and_are_never_read_as_ids() {
        for good in [
            "base",
            "a",
            "base-sepolia",
            "0x",
            "1-mainnet",
            &"a".repeat(64),
        ] {
            assert_eq!(name(good).unwrap(), good);
        }
        for bad in ["", "Base", "-a", "a b", "a/b", "é", "8453", &"a".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_speaks_http_and_is_never_repeated() {
        for bad in [
            "ftp://h/SECRET",
            "https://",
            "SECRET",
            "http://h/ SECRET",
            "file:///SECRET",
        ] {
            let error = rpc_urls(Some(bad.to_owned()), None)
                .unwrap_err()
                .to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
        assert!(ws_url(Some("wss://h/x".to_owned())).unwrap().is_some());
        assert!(ws_url(Some("https://h/x".to_owned())).is_err());
        assert_eq!(
            rpc_urls(Some(String::new()), None).unwrap(),
            Vec::<String>::new()
        );
    }
}
