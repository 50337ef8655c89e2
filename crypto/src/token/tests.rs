use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use oneclaw_core::clock::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::*;

const ISSUER: &str = "https://vault.example";
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_500);

fn keys(seeds: &[u8]) -> TokenKeys {
    let keys = seeds.iter().map(|&b| {
        let seed = Zeroizing::new([b; 32]);
        (key_id(&seed), seed)
    });
    TokenKeys::new(keys.collect()).unwrap()
}

fn claims() -> Claims {
    Claims {
        sub: "agent:0190a0b0-0000-7000-8000-000000000001"
            .parse()
            .unwrap(),
        org: "0190a0b0-0000-7000-8000-000000000002".parse().unwrap(),
        scopes: vec!["api-keys/**".into()],
        vault_ids: vec!["0190a0b0-0000-7000-8000-000000000003".parse().unwrap()],
        iat: 1_700_000_000,
        exp: 1_700_003_600,
        jti: Uuid::from_u128(4),
        sid: None,
        iss: ISSUER.into(),
        intents_api_enabled: Some(false),
        environment: None,
        role: None,
    }
}

/// A token with any header and payload, signed with the seed.
fn forge(header: &Value, payload: &Value, seed: u8) -> String {
    let message = message(header, payload);
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn message(header: &Value, payload: &Value) -> String {
    let part = |v: &Value| URL_SAFE_NO_PAD.encode(v.to_string());
    format!("{}.{}", part(header), part(payload))
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "JWT", "kid": key_id(&[1; 32])})
}

fn payload() -> Value {
    serde_json::to_value(claims()).unwrap()
}

fn verify(token: &str) -> Result<Claims, TokenError> {
    keys(&[1]).verify(token, NOW, ISSUER)
}

#[test]
fn a_signed_token_is_read_back() {
    let token = keys(&[1]).sign(&claims()).unwrap();
    assert_eq!(verify(&token), Ok(claims()));
    assert_eq!(verify(&forge(&header(), &payload(), 1)), Ok(claims()));
}

#[test]
fn header_and_claims_are_those_of_the_contract() {
    let token = keys(&[1]).sign(&claims()).unwrap();
    let part = |i: usize| -> Value {
        let part = token.split('.').nth(i).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(part(0), header());
    assert_eq!(
        part(1),
        json!({
            "sub": "agent:0190a0b0-0000-7000-8000-000000000001",
            "org": "0190a0b0-0000-7000-8000-000000000002",
            "scopes": ["api-keys/**"],
            "vault_ids": ["0190a0b0-0000-7000-8000-000000000003"],
            "iat": 1_700_000_000,
            "exp": 1_700_003_600,
            "jti": "00000000-0000-0000-0000-000000000004",
            "iss": ISSUER,
            "intents_api_enabled": false,
        })
    );
}

#[test]
fn a_token_ends_at_its_second() {
    let keys = keys(&[1]);
    let token = keys.sign(&claims()).unwrap();
    let at = |ms| keys.verify(&token, Timestamp::from_millis(ms), ISSUER);
    assert_eq!(at(1_700_003_599_999), Ok(claims()));
    assert_eq!(at(1_700_003_600_000), Err(TokenError::Expired));
    assert_eq!(at(i64::MAX), Err(TokenError::Expired));
}

#[test]
fn another_issuer_is_refused() {
    let keys = keys(&[1]);
    let token = keys.sign(&claims()).unwrap();
    for other in ["", "https://vault.example/", "http://vault.example"] {
        assert_eq!(
            keys.verify(&token, NOW, other),
            Err(TokenError::WrongIssuer)
        );
    }
}

#[test]
fn after_a_rotation_old_tokens_hold_and_after_a_removal_they_do_not() {
    let old = keys(&[1]).sign(&claims()).unwrap();
    let rotated = keys(&[2, 1]);
    assert_eq!(rotated.verify(&old, NOW, ISSUER), Ok(claims()));
    let new = rotated.sign(&claims()).unwrap();
    assert_eq!(rotated.verify(&new, NOW, ISSUER), Ok(claims()));
    assert_eq!(
        keys(&[1]).verify(&new, NOW, ISSUER),
        Err(TokenError::UnknownKey)
    );
    assert_eq!(
        keys(&[2]).verify(&old, NOW, ISSUER),
        Err(TokenError::UnknownKey)
    );
}

#[test]
fn a_token_without_a_signature_is_refused() {
    for alg in ["none", "None", "NONE", ""] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": key_id(&[1; 32])});
        let message = message(&header, &payload());
        for token in [message.clone(), format!("{message}.")] {
            assert_eq!(verify(&token), Err(TokenError::Malformed), "{alg}");
        }
    }
    let unsigned = format!("{}.", message(&header(), &payload()));
    assert_eq!(verify(&unsigned), Err(TokenError::BadSignature));
}

#[test]
fn the_public_key_as_an_hmac_secret_opens_nothing() {
    let public = keys(&[1]).public_key_base64();
    let raw = STANDARD.decode(&public).unwrap();
    for secret in [raw.as_slice(), public.as_bytes()] {
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": key_id(&[1; 32])});
        let message = message(&header, &payload());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).unwrap();
        mac.update(message.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        let token = format!("{message}.{signature}");
        assert_eq!(verify(&token), Err(TokenError::Malformed));
    }
}

#[test]
fn another_key_under_our_identifier_or_its_own_is_refused() {
    let ours = forge(&header(), &payload(), 9);
    assert_eq!(verify(&ours), Err(TokenError::BadSignature));
    let own = json!({"alg": "EdDSA", "typ": "JWT", "kid": key_id(&[9; 32])});
    assert_eq!(
        verify(&forge(&own, &payload(), 9)),
        Err(TokenError::UnknownKey)
    );
    let none = json!({"alg": "EdDSA", "typ": "JWT"});
    assert_eq!(
        verify(&forge(&none, &payload(), 1)),
        Err(TokenError::Malformed)
    );
}

#[test]
fn a_header_that_we_did_not_write_is_refused_even_with_a_good_signature() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("jku", json!("https://elsewhere.example/keys")),
        ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("x", json!(1)),
    ] {
        let mut header = header();
        header[name] = value;
        assert_eq!(
            verify(&forge(&header, &payload(), 1)),
            Err(TokenError::Malformed),
            "{name}"
        );
    }
}

#[test]
fn claims_of_another_shape_are_refused_even_with_a_good_signature() {
    for name in [
        "sub",
        "org",
        "scopes",
        "vault_ids",
        "iat",
        "exp",
        "jti",
        "iss",
    ] {
        let mut missing = payload();
        missing.as_object_mut().unwrap().remove(name);
        let mut wrong = payload();
        wrong[name] = json!({});
        for payload in [missing, wrong] {
            assert_eq!(
                verify(&forge(&header(), &payload, 1)),
                Err(TokenError::Malformed),
                "{name}"
            );
        }
    }
}

#[test]
fn any_changed_character_is_refused() {
    let token = keys(&[1]).sign(&claims()).unwrap();
    for i in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[i] = if bytes[i] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&changed).is_err(), "character {i}");
    }
    for bad in ["", ".", "..", "a.b.c", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
        assert_eq!(verify(bad), Err(TokenError::Malformed));
    }
    assert!(verify(&format!("{token}=")).is_err());
    assert!(verify(&format!("{token}.{token}")).is_err());
}

/// With a public key of small order an all-zero signature would pass a check that is not strict.
#[test]
fn a_weak_signature_is_refused() {
    let message = message(&header(), &payload());
    let mut weak = [0u8; 64];
    weak[0] = 1;
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(weak));
    assert_eq!(verify(&token), Err(TokenError::BadSignature));
}

/// RFC 8037 appendix A.3.
#[test]
fn the_identifier_is_the_published_thumbprint() {
    let seed = URL_SAFE_NO_PAD
        .decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
        .unwrap();
    let seed: [u8; 32] = seed.try_into().unwrap();
    assert_eq!(key_id(&seed), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_key_set_lists_every_public_key_and_no_private_part() {
    let jwks = keys(&[2, 1]).jwks();
    let listed = jwks["keys"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    for (key, seed) in listed.iter().zip([2u8, 1]) {
        let public = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
        assert_eq!(
            *key,
            json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key_id(&[seed; 32]), "x": URL_SAFE_NO_PAD.encode(public.as_bytes()),
            })
        );
    }
    assert_eq!(
        STANDARD.decode(keys(&[2, 1]).public_key_base64()).unwrap(),
        URL_SAFE_NO_PAD
            .decode(listed[0]["x"].as_str().unwrap())
            .unwrap()
    );
}

#[test]
fn keys_under_a_wrong_identifier_are_refused_and_no_keys_too() {
    let wrong = vec![(key_id(&[2; 32]), Zeroizing::new([1; 32]))];
    assert!(matches!(TokenKeys::new(wrong), Err(TokenError::KeyId(_))));
    assert!(matches!(
        TokenKeys::new(Vec::new()),
        Err(TokenError::NoKeys)
    ));
}

#[test]
fn debug_output_shows_identifiers_alone() {
    let shown = format!("{:?}", keys(&[1, 2]));
    assert_eq!(
        shown,
        format!(
            "TokenKeys {{ ids: {:?} }}",
            [key_id(&[1; 32]), key_id(&[2; 32])]
        )
    );
}
