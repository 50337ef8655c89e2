//! Between the words of the server (`oneclaw_core`) and those of `oneclaw:policy@0.1.0`: what both worlds share.

use std::net::IpAddr;

use oneclaw_core::principal::{Principal, PrincipalKind};
use oneclaw_core::request::Fact;
use oneclaw_core::verdict::{Amount, Approval, Figures, Reason, Verdict};
use uuid::Uuid;

use crate::bindings::access::oneclaw::policy::types as wit;
use crate::failure::{BAD_REPLY, Failure, INTERNAL};

pub(crate) mod access;
pub(crate) mod budgets;
pub(crate) mod transaction;

/// Longest code, in bytes.
const MAX_CODE_BYTES: usize = 128;

fn id(id: Uuid) -> wit::Id {
    let (high, low) = id.as_u64_pair();
    wit::Id { high, low }
}

fn principal(principal: Principal) -> wit::Principal {
    wit::Principal {
        kind: match principal.kind() {
            PrincipalKind::User => wit::PrincipalKind::User,
            PrincipalKind::Agent => wit::PrincipalKind::Agent,
        },
        id: id(principal.uuid()),
    }
}

fn client(address: IpAddr) -> wit::IpAddress {
    let v6 = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let (high, low) = Uuid::from_bytes(v6.octets()).as_u64_pair();
    wit::IpAddress { high, low }
}

pub(crate) fn facts(facts: &[Fact]) -> Vec<wit::Fact<'_>> {
    facts
        .iter()
        .map(|fact| wit::Fact {
            key: &fact.key,
            value: &fact.value,
        })
        .collect()
}

/// Takes a verdict in.
///
/// # Errors
/// When it says what no plugin may say: a code of the host, a code that is no word, approval by nobody.
fn verdict(reply: wit::Verdict) -> Result<Verdict, Failure> {
    Ok(match reply {
        wit::Verdict::Allow(reply) => Verdict::Allow(reason(reply)?),
        wit::Verdict::Deny(reply) => Verdict::Deny(reason(reply)?),
        wit::Verdict::RequireApproval(reply) => Verdict::RequireApproval(approval(reply)?),
        wit::Verdict::Abstain => Verdict::Abstain,
    })
}

fn approval(reply: wit::Approval) -> Result<Approval, Failure> {
    if reply.approvers == 0 {
        return Err(Failure::new(
            BAD_REPLY,
            "the plugin wants approval by nobody",
        ));
    }
    Ok(Approval {
        reason: reason(reply.reason)?,
        approvers: reply.approvers,
        group: reply.group,
        expires_in_seconds: reply.expires_in_seconds,
    })
}

fn reason(reply: wit::Reason) -> Result<Reason, Failure> {
    let excerpt = || oneclaw_core::path::excerpt(&reply.code);
    if !is_code(&reply.code) {
        return Err(Failure::new(
            BAD_REPLY,
            format!(
                "the plugin answers with the code `{}`; a code is a lower-case word such as `policy/no-match`",
                excerpt()
            ),
        ));
    }
    if reply.code.starts_with(INTERNAL) {
        return Err(Failure::new(
            BAD_REPLY,
            format!(
                "the plugin answers with the code `{}`, which is the host's",
                excerpt()
            ),
        ));
    }
    Ok(Reason {
        code: reply.code,
        message: reply.message,
        rule: reply.rule,
        condition: reply.condition,
        figures: reply.figures.map(|figures| Figures {
            asset: figures.asset,
            limit: amount(figures.limit),
            attempted: amount(figures.attempted),
            current: amount(figures.current),
        }),
    })
}

/// Lower-case letters, digits, `-`, `_`, `.` and `/`, beginning with a letter. Nothing else, so that no code can look
/// like one of the host's without being one.
fn is_code(code: &str) -> bool {
    let in_alphabet = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.' | b'/')
    };
    code.len() <= MAX_CODE_BYTES
        && code.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && code.bytes().all(in_alphabet)
}

fn amount(amount: wit::Amount) -> Amount {
    Amount::from_limbs([amount.limb0, amount.limb1, amount.limb2, amount.limb3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_crosses_the_border_mapped() {
        let seen = client("10.1.2.3".parse().unwrap());
        assert_eq!((seen.high, seen.low), (0, 0x0000_ffff_0a01_0203));
        let seen = client("2001:db8::1".parse().unwrap());
        assert_eq!((seen.high, seen.low), (0x2001_0db8_0000_0000, 1));
    }

    #[test]
    fn codes_are_words() {
        for good in ["policy/no-match", "a", "x.y_z/1-2"] {
            assert!(is_code(good), "{good}");
        }
        for bad in [
            "",
            "/x",
            " internal/x",
            "Internal/x",
            "a b",
            "ä",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(!is_code(bad), "{bad}");
        }
    }
}
