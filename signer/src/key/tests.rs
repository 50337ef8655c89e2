use proptest::prelude::*;

use super::*;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// The order of secp256k1 (SEC 2 §2.4.1).
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const ORDER_MINUS_1: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140";

/// keccak256("cow"), the key of the example of EIP-712.
const COW: &str = "c85ef7d79691fe79573b1a7064c19c1a9819ebdbd1faaab1a8ec92344438aaf4";

#[test]
fn a_known_key_has_its_known_address() {
    let cow: Address = "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
        .parse()
        .unwrap();
    assert_eq!(address_of(&secret(COW)).unwrap(), cow);
    assert_eq!(address_of(&secret(&format!("0x{COW}\n"))).unwrap(), cow);
    assert_eq!(
        address_of(&secret(&COW.to_uppercase())).unwrap(),
        cow,
        "digits may be of any case"
    );
}

/// The key 1 has the generator as its public key (SEC 2 §2.4.1).
#[test]
fn the_public_key_is_compressed() {
    let one = import(&secret(&format!("{:064x}", 1)), KeyFormat::Hex).unwrap();
    assert_eq!(
        one.public_key,
        "0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    );
    assert_eq!(
        one.address.to_string(),
        "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
    );
}

#[test]
fn a_generated_key_can_be_stored_and_read_again() {
    let (one, two) = (generate().unwrap(), generate().unwrap());
    assert_ne!(one.address, two.address);
    let text = one.private_key.expose_secret();
    assert_eq!(text.len(), 64);
    assert!(
        text.bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    );
    assert_eq!(address_of(&one.private_key).unwrap(), one.address);
    assert!(!format!("{one:?}").contains(text));
}

#[test]
fn only_what_is_a_key_of_the_curve_is_taken_in() {
    for bad in ["0".repeat(64), ORDER.to_owned(), "f".repeat(64)] {
        assert!(
            matches!(
                import(&secret(&bad), KeyFormat::Hex),
                Err(KeyError::OutOfRange)
            ),
            "{bad}"
        );
    }
    import(&secret(ORDER_MINUS_1), KeyFormat::Hex).unwrap();
    for bad in [
        "",
        "0x",
        "zz",
        COW.trim_end_matches('4'),
        &format!("{COW}0"),
        &format!("0x0x{}", COW.trim_start_matches("c8")),
        &format!("0X{COW}"),
        &COW.replace('c', "g"),
        "-----BEGIN EC PRIVATE KEY-----",
    ] {
        let error = import(&secret(bad), KeyFormat::Hex).unwrap_err();
        assert!(matches!(error, KeyError::NotHex), "{bad}");
        assert!(bad.len() < 3 || !error.to_string().contains(bad));
    }
}

#[test]
fn a_key_in_base64_is_the_same_key() {
    let bytes = hex::decode(COW).unwrap();
    let padded = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let cow = import(&secret(COW), KeyFormat::Hex).unwrap();
    for text in [padded.as_str(), padded.trim_end_matches('=')] {
        let key = import(&secret(text), KeyFormat::Base64).unwrap();
        assert_eq!(key.address, cow.address);
        assert_eq!(key.private_key.expose_secret(), COW);
    }
    for bad in [
        "",
        "AAAA",
        COW,
        &"A".repeat(44),
        &"A".repeat(400),
        "not base64!",
    ] {
        assert!(
            matches!(
                import(&secret(bad), KeyFormat::Base64),
                Err(KeyError::NotBase64)
            ),
            "{bad}"
        );
    }
    assert!(matches!(
        import(&secret(&"A".repeat(43)), KeyFormat::Base64),
        Err(KeyError::OutOfRange)
    ));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,100}") {
        for format in [KeyFormat::Hex, KeyFormat::Base64] {
            let _ = import(&secret(&text), format);
        }
    }

    #[test]
    fn what_is_taken_in_is_stored_as_it_came(bytes: [u8; 32]) {
        let text = hex::encode(bytes);
        if let Ok(key) = import(&secret(&text), KeyFormat::Hex) {
            prop_assert_eq!(key.private_key.expose_secret(), text);
            prop_assert_eq!(address_of(&key.private_key).unwrap(), key.address);
        }
    }
}
