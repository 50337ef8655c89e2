use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use sha2::{Digest, Sha256, Sha512};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_500);
const CREATED: i64 = 1_700_000_000;
const SEED: [u8; 32] = [7; 32];

/// A request that can be changed after it was signed.
#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn message(&self) -> Message<'_> {
        Message {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            origin: Some("https://Vault.Example:443"),
            headers: &self.headers,
            body: &self.body,
        }
    }

    fn verify(&self) -> Result<VerifiedSignature, SignatureError> {
        verify(&self.message(), known, NOW)
    }

    fn refusal(&self) -> SignatureError {
        self.verify().unwrap_err()
    }

    fn header(&mut self, name: &str, value: &str) -> &mut Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    fn without(&mut self, name: &str) -> &mut Self {
        self.headers.retain(|(given, _)| given != name);
        self
    }

    fn signed(&self, components: &str) -> Self {
        self.signed_with(&SEED, components, &parameters_at(CREATED))
    }

    fn signed_with(&self, seed: &[u8; 32], components: &str, parameters: &str) -> Self {
        let mut signed = self.clone();
        let input = format!("sig=({components}){parameters}");
        let inputs: Dictionary = Parser::new(&input).parse().unwrap();
        let ListEntry::InnerList(list) = &inputs["sig"] else {
            panic!("a list");
        };
        let names: Vec<&str> = list
            .items
            .iter()
            .map(|item| item.bare_item.as_string().unwrap().as_str())
            .collect();
        let base = base::signature_base(&self.message(), list, &names).unwrap();
        let signature = SigningKey::from_bytes(seed).sign(base.as_bytes());
        let signature = format!("sig=:{}:", STANDARD.encode(signature.to_bytes()));
        signed
            .header("signature-input", &input)
            .header("signature", &signature);
        signed
    }

    /// Announces a signature that nobody made, for refusals that come before it is looked at.
    fn announced(&self, components: &str, parameters: &str) -> Self {
        let mut announced = self.clone();
        let signature = format!("sig=:{}:", STANDARD.encode([1; 64]));
        announced
            .header(
                "signature-input",
                &format!("sig=({components}){parameters}"),
            )
            .header("signature", &signature);
        announced
    }
}

fn public(seed: &[u8; 32]) -> [u8; 32] {
    SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

fn known(id: &str) -> Option<[u8; 32]> {
    match id {
        "mine" => Some(public(&SEED)),
        "second" => Some(public(&[8; 32])),
        _ => None,
    }
}

fn parameters_at(created: i64) -> String {
    format!(r#";created={created};keyid="mine";nonce="n-1";alg="ed25519""#)
}

fn digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

const BODY: &[u8] = br#"{"to":"0x35","value":"1"}"#;

/// A submit with an idempotency key and a query.
fn request() -> Request {
    let mut request = Request {
        method: "POST".to_owned(),
        path: "/v1/agents/a/transactions".to_owned(),
        query: Some("dry=0".to_owned()),
        headers: Vec::new(),
        body: BODY.to_vec(),
    };
    request
        .header("content-type", "application/json")
        .header("idempotency-key", "k-1")
        .header("content-digest", &digest(BODY));
    request
}

const ALL: &str = r#""@method" "@path" "@query" "content-digest" "idempotency-key""#;

#[test]
fn a_signed_request_is_who_it_says_it_is() {
    let verified = request().signed(ALL).verify().unwrap();
    assert_eq!(
        verified,
        VerifiedSignature {
            key_id: "mine".to_owned(),
            created: Timestamp::from_millis(CREATED * 1000),
            nonce: "n-1".to_owned(),
            covered: [
                "@method",
                "@path",
                "@query",
                "content-digest",
                "idempotency-key"
            ]
            .map(str::to_owned)
            .to_vec(),
        }
    );
}

/// RFC 9421 B.2.6, with the key of B.1.4. It is not of our profile, so only its base and its signature are looked at.
#[test]
fn the_example_of_the_rfc_holds() {
    let input = "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
                 \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
    let signature = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";
    let mut request = Request {
        method: "POST".to_owned(),
        path: "/foo".to_owned(),
        query: Some("param=Value&Pet=dog".to_owned()),
        headers: Vec::new(),
        body: br#"{"hello": "world"}"#.to_vec(),
    };
    request
        .header("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .header("Content-Type", "application/json")
        .header("Content-Digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:")
        .header("Content-Length", "18")
        .header("Signature-Input", input)
        .header("Signature", signature);
    let message = Message {
        origin: Some("https://example.com"),
        ..request.message()
    };
    content_digest::check(&message).unwrap();
    let key: [u8; 32] = URL_SAFE_NO_PAD
        .decode("JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs")
        .unwrap()
        .try_into()
        .unwrap();
    let inputs = dictionary(&message, "signature-input").unwrap();
    let (label, list, key_id, key) =
        chosen(&inputs, |id| (id == "test-key-ed25519").then_some(key)).unwrap();
    assert_eq!((label, key_id), ("sig-b26", "test-key-ed25519"));
    let covered = base::covered(list).unwrap();
    let base = base::signature_base(&message, list, &covered).unwrap();
    assert_eq!(
        base,
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@method\": POST\n\
         \"@path\": /foo\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"content-length\": 18\n\
         \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
         \"content-length\");created=1618884473;keyid=\"test-key-ed25519\""
    );
    let signatures = dictionary(&message, "signature").unwrap();
    check_signature(&signatures, label, &key, base.as_bytes()).unwrap();
}

#[test]
fn whatever_is_altered_after_signing_is_noticed() {
    let signed = request().signed(ALL);
    signed.verify().unwrap();
    let changed = |change: fn(&mut Request)| {
        let mut changed = signed.clone();
        change(&mut changed);
        changed.refusal()
    };
    assert_eq!(
        changed(|it| it.body.push(b' ')),
        SignatureError::OtherBody("sha-256")
    );
    for change in [
        (|it| it.path.push('/')) as fn(&mut Request),
        |it| it.method = "PUT".to_owned(),
        |it| it.query = Some("dry=1".to_owned()),
        |it| it.query = None,
        |it| {
            it.without("idempotency-key")
                .header("idempotency-key", "k-2");
        },
        |it| {
            it.header("idempotency-key", "k-2");
        },
        // A thief who changes the body with its digest.
        |it| {
            it.body.push(b' ');
            let digest = digest(&it.body);
            it.without("content-digest")
                .header("content-digest", &digest);
        },
    ] {
        assert_eq!(changed(change), SignatureError::DoesNotHold);
    }
    assert_eq!(
        changed(|it| {
            it.without("idempotency-key");
        }),
        SignatureError::HeaderNotSent("idempotency-key".to_owned())
    );
    assert_eq!(
        changed(|it| {
            let later = format!("sig=({ALL}){}", parameters_at(CREATED + 1));
            it.without("signature-input")
                .header("signature-input", &later);
        }),
        SignatureError::DoesNotHold
    );
}

#[test]
fn a_signature_by_another_key_does_not_hold() {
    let foreign = request().signed_with(&[8; 32], ALL, &parameters_at(CREATED));
    assert_eq!(foreign.refusal(), SignatureError::DoesNotHold);
    let unknown = parameters_at(CREATED).replace("mine", "theirs");
    assert_eq!(
        request().signed_with(&SEED, ALL, &unknown).refusal(),
        SignatureError::UnknownKey("theirs".to_owned())
    );
}

#[test]
fn a_signature_is_good_for_five_minutes() {
    let now = NOW.as_seconds();
    for (created, outcome) in [
        (now, Ok(())),
        (now - MAX_AGE_SECONDS + 1, Ok(())),
        (now - MAX_AGE_SECONDS - 1, Err(SignatureError::TooOld)),
        (0, Err(SignatureError::TooOld)),
        (-999_999_999_999_999, Err(SignatureError::TooOld)),
        (now + MAX_SKEW_SECONDS, Ok(())),
        (
            now + MAX_SKEW_SECONDS + 1,
            Err(SignatureError::FromTheFuture),
        ),
        (999_999_999_999_999, Err(SignatureError::FromTheFuture)),
    ] {
        let signed = request().signed_with(&SEED, ALL, &parameters_at(created));
        assert_eq!(signed.verify().map(|_| ()), outcome, "{created}");
    }
}

#[test]
fn who_signs_may_set_an_earlier_end() {
    let with = |expires: i64| {
        let parameters = format!("{};expires={expires}", parameters_at(CREATED));
        request().signed_with(&SEED, ALL, &parameters).verify()
    };
    with(CREATED + 1).unwrap();
    assert_eq!(with(CREATED).unwrap_err(), SignatureError::Expired);
}

#[test]
fn what_moves_money_must_be_covered() {
    for name in [
        "@method",
        "@path",
        "@query",
        "content-digest",
        "idempotency-key",
    ] {
        let fewer = ALL.replace(&format!("\"{name}\""), "");
        let error = request().signed(fewer.trim()).refusal();
        assert_eq!(error, SignatureError::NotCovered(name));
        assert!(error.to_string().contains(name));
    }
    let mut plain = request();
    plain.query = None;
    plain.without("idempotency-key");
    let few = r#""content-digest" "@path" "@method""#;
    plain.signed(few).verify().unwrap();
    plain.query = Some(String::new());
    plain.signed(few).verify().unwrap();
}

#[test]
fn more_may_be_covered() {
    let more = format!(r#"{ALL} "content-type" "@authority" "@target-uri""#);
    let mut signed = request().signed(&more);
    signed.verify().unwrap();
    let elsewhere = Message {
        origin: Some("https://other.example"),
        ..signed.message()
    };
    assert_eq!(
        verify(&elsewhere, known, NOW),
        Err(SignatureError::DoesNotHold)
    );
    let nowhere = Message {
        origin: None,
        ..signed.message()
    };
    assert_eq!(
        verify(&nowhere, known, NOW),
        Err(SignatureError::UnknownComponent("@authority".to_owned()))
    );
    signed
        .without("content-type")
        .header("content-type", "text/plain");
    assert_eq!(signed.refusal(), SignatureError::DoesNotHold);
}

/// RFC 9421 §2.1: lines of the same header are one value, white space around them does not count.
#[test]
fn lines_of_a_header_are_taken_together() {
    let mut request = request();
    request.header("x-note", "  a ").header("x-note", "b\t");
    let more = format!(r#"{ALL} "x-note""#);
    let mut signed = request.signed(&more);
    signed.verify().unwrap();
    signed.without("x-note").header("X-Note", "a, b");
    signed.verify().unwrap();
    signed.without("X-Note").header("x-note", "a,b");
    assert_eq!(signed.refusal(), SignatureError::DoesNotHold);
}

#[test]
fn every_parameter_is_signed_in_its_place() {
    let order = r#";tag="any";nonce="n";x-own=?0;keyid="mine";created=1700000000"#;
    let signed = request().signed_with(&SEED, ALL, order);
    signed.verify().unwrap();
    let mut tampered = signed;
    let input = format!("sig=({ALL}){}", order.replace("any", "other"));
    tampered
        .without("signature-input")
        .header("signature-input", &input);
    assert_eq!(tampered.refusal(), SignatureError::DoesNotHold);
}

#[test]
fn parameters_of_another_form_are_refused() {
    let good = parameters_at(CREATED);
    for (from, to, name) in [
        (";created=1700000000", "", "created"),
        (";keyid=\"mine\"", "", "keyid"),
        (";nonce=\"n-1\"", "", "nonce"),
    ] {
        let error = request().announced(ALL, &good.replace(from, to)).refusal();
        assert_eq!(error, SignatureError::NoParameter(name));
    }
    let long = format!("\"{}\"", "n".repeat(MAX_NONCE_CHARACTERS + 1));
    for (from, to, name) in [
        ("1700000000", "\"1700000000\"", "created"),
        ("1700000000", "1700000000.5", "created"),
        ("\"mine\"", "mine", "keyid"),
        ("\"n-1\"", "\"\"", "nonce"),
        ("\"n-1\"", "1", "nonce"),
        ("\"n-1\"", long.as_str(), "nonce"),
        ("\"ed25519\"", "\"hmac-sha256\"", "alg"),
        ("\"ed25519\"", "ed25519", "alg"),
        ("alg=", "expires=\"soon\";alg=", "expires"),
    ] {
        let error = request().announced(ALL, &good.replace(from, to)).refusal();
        assert!(
            matches!(error, SignatureError::Parameter { name: given, .. } if given == name),
            "{to}: {error}"
        );
    }
    let longest = format!("\"{}\"", "n".repeat(MAX_NONCE_CHARACTERS));
    request()
        .signed_with(&SEED, ALL, &good.replace("\"n-1\"", &longest))
        .verify()
        .unwrap();
}

#[test]
fn components_of_another_form_are_refused() {
    let refusal = |more: &str| {
        request()
            .announced(&format!("{ALL} {more}"), &parameters_at(CREATED))
            .refusal()
    };
    let name = str::to_owned;
    assert_eq!(
        refusal("\"@method\""),
        SignatureError::Twice(name("@method"))
    );
    assert_eq!(
        refusal("\"content-type\";bs"),
        SignatureError::ComponentParameters(name("content-type"))
    );
    assert_eq!(
        refusal("\"@query-param\";name=\"a\""),
        SignatureError::ComponentParameters(name("@query-param"))
    );
    for unknown in ["@status", "@scheme", "@request-target", "signature"] {
        assert_eq!(
            refusal(&format!("\"{unknown}\"")),
            SignatureError::UnknownComponent(name(unknown))
        );
    }
    for bad in ["Content-Type", "", "a b", "a:"] {
        assert_eq!(
            refusal(&format!("\"{bad}\"")),
            SignatureError::NotAHeader(name(bad))
        );
    }
    assert_eq!(refusal("token"), SignatureError::NotAName);
    assert_eq!(
        refusal("\"x-absent\""),
        SignatureError::HeaderNotSent(name("x-absent"))
    );
    let many: Vec<String> = (0..MAX_COMPONENTS).map(|n| format!("\"x-{n}\"")).collect();
    assert_eq!(refusal(&many.join(" ")), SignatureError::TooManyComponents);
}

#[test]
fn headers_of_another_form_are_refused() {
    assert_eq!(
        request().refusal(),
        SignatureError::NoHeader("signature-input")
    );
    let signed = request().signed(ALL);
    let replaced = |name: &str, value: &str| {
        let mut replaced = signed.clone();
        replaced.without(name).header(name, value);
        replaced.refusal()
    };
    for bad in [
        "sig=(",
        "sig",
        "sig=1",
        "sig=(\"@method\"",
        "=()",
        "sig=();",
    ] {
        assert!(
            matches!(
                replaced("signature-input", bad),
                SignatureError::Malformed { .. }
            ),
            "{bad}"
        );
    }
    assert_eq!(
        replaced("signature-input", ""),
        SignatureError::NoParameter("keyid")
    );
    assert_eq!(
        replaced("signature", "other=:AAAA:"),
        SignatureError::NoSignature("sig".to_owned())
    );
    for bad in ["sig=:AAAA:", "sig=\"AAAA\"", "sig=()", "sig"] {
        assert_eq!(
            replaced("signature", bad),
            SignatureError::NotASignature("sig".to_owned()),
            "{bad}"
        );
    }
    assert_eq!(
        replaced("idempotency-key", "é"),
        SignatureError::NotText("idempotency-key".to_owned())
    );
    assert_eq!(
        replaced("signature", &"a".repeat(MAX_HEADER_BYTES + 1)),
        SignatureError::TooLong("signature".to_owned())
    );
}

#[test]
fn the_body_has_to_have_one_of_its_digests() {
    let with = |value: &str| {
        let mut request = request();
        request
            .without("content-digest")
            .header("content-digest", value);
        request.signed(ALL).verify().map(|_| ())
    };
    let sha_512 = format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(BODY)));
    with(&sha_512).unwrap();
    with(&format!("{}, {sha_512}, md5=:AAAA:", digest(BODY))).unwrap();
    assert_eq!(with("md5=:AAAA:"), Err(SignatureError::NoDigest));
    for (value, algorithm) in [
        (digest(b"other"), "sha-256"),
        (format!("{}, sha-512=:AAAA:", digest(BODY)), "sha-512"),
        (format!("{}, {sha_512}", digest(b"other")), "sha-256"),
        ("sha-256=\"text\"".to_owned(), "sha-256"),
        ("sha-256=()".to_owned(), "sha-256"),
    ] {
        assert_eq!(
            with(&value),
            Err(SignatureError::OtherBody(algorithm)),
            "{value}"
        );
    }
}

/// A proxy may sign too; what counts is the key that is known.
#[test]
fn of_several_signatures_the_one_by_a_known_key_counts() {
    let mut signed = request().signed(ALL);
    signed
        .header(
            "signature-input",
            r#"proxy=("@method");keyid="of-the-proxy""#,
        )
        .header("signature", "proxy=:AAAA:");
    assert_eq!(signed.verify().unwrap().key_id, "mine");
    signed.header(
        "signature-input",
        r#"also=("@method");keyid="second";created=1700000000;nonce="n""#,
    );
    assert_eq!(signed.refusal(), SignatureError::Several);
}

/// RFC 8032 §5.1.7: `s` must be below the order of the group, or every signature would have a twin.
#[test]
fn a_signature_has_no_twin() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut signed = request().signed(ALL);
    let (_, value) = signed.headers.last().unwrap();
    let text = String::from_utf8(value.clone()).unwrap();
    let encoded = text.trim_start_matches("sig=:").trim_end_matches(':');
    let mut bytes = STANDARD.decode(encoded).unwrap();
    let mut carry = 0_u16;
    for (byte, order) in bytes.iter_mut().skip(32).zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    let twin = format!("sig=:{}:", STANDARD.encode(bytes));
    signed.without("signature").header("signature", &twin);
    assert_eq!(signed.refusal(), SignatureError::DoesNotHold);
}

mod public_keys {
    use super::*;

    /// RFC 8410 §10.1.
    const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn every_usual_form_of_a_key_is_read() {
        let key = parse_public_key(PEM).unwrap();
        let standard = STANDARD.encode(key);
        assert_eq!(standard, "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=");
        let all = public(&[0xfb; 32]);
        for key in [key, all] {
            for text in [
                STANDARD.encode(key),
                STANDARD.encode(key).trim_end_matches('=').to_owned(),
                URL_SAFE_NO_PAD.encode(key),
                format!("{}=", URL_SAFE_NO_PAD.encode(key)),
                format!(" {}\n", STANDARD.encode(key)),
            ] {
                assert_eq!(parse_public_key(&text).unwrap(), key, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_key_of_anybody_is_refused() {
        for bad in [
            "",
            "AAAA",
            &hex::encode(public(&SEED)),
            &STANDARD.encode([1; 33]),
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(parse_public_key(bad), Err(PublicKeyError::Form), "{bad}");
        }
        let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(parse_public_key(private), Err(PublicKeyError::Private));
        let mut one = [0; 32];
        one[0] = 1;
        // 2^255 - 18: the point 1 in an encoding that is not its own.
        let mut non_canonical = [0xff; 32];
        non_canonical[0] = 0xee;
        non_canonical[31] = 0x7f;
        let mut no_point = [0; 32];
        no_point[0] = 2;
        for bad in [[0; 32], one, non_canonical, no_point] {
            assert_eq!(
                parse_public_key(&STANDARD.encode(bad)),
                Err(PublicKeyError::Point),
                "{bad:?}"
            );
        }
    }

    /// RFC 8037 A.3.
    #[test]
    fn a_key_without_an_id_goes_by_its_thumbprint() {
        let key = parse_public_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        assert_eq!(
            thumbprint(&key),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(
        input in prop::collection::vec(any::<u8>(), 0..100),
        signature in "\\PC{0,100}",
        digest in "[ -~]{0,60}",
        query in prop::option::of("\\PC{0,20}"),
    ) {
        let mut request = request();
        request.query = query;
        request.headers.push(("signature-input".to_owned(), input));
        request.header("signature", &signature).header("content-digest", &digest);
        prop_assert!(request.verify().is_err());
    }

    #[test]
    fn nothing_that_looks_like_a_signature_makes_it_panic(
        components in "(\"[a-z@-]{0,12}\"(;[a-z]{1,3})? ?){0,6}",
        parameters in "(;(created|keyid|nonce|alg|expires)=(1700000000|\"mine\"|\"[ -~&&[^\"\\\\]]{0,9}\"|[0-9.-]{1,9})){0,6}",
        signature in "[A-Za-z0-9+/=]{0,90}",
    ) {
        let mut request = request();
        request
            .header("signature-input", &format!("sig=({components}){parameters}"))
            .header("signature", &format!("sig=:{signature}:"));
        prop_assert!(request.verify().is_err());
    }

    #[test]
    fn a_flipped_bit_of_the_body_is_noticed(body in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>(), bit in 0..8) {
        let mut request = request();
        request.body = body;
        let value = digest(&request.body);
        request.without("content-digest").header("content-digest", &value);
        let mut signed = request.signed(ALL);
        signed.verify().unwrap();
        let at = at.index(signed.body.len());
        signed.body[at] ^= 1_u8 << bit;
        prop_assert_eq!(signed.refusal(), SignatureError::OtherBody("sha-256"));
    }
}
