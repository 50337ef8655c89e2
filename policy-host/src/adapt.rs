//! Between the words of the server (`oneclaw_core`) and those of `oneclaw:policy@0.1.0`.

use std::net::IpAddr;

use oneclaw_core::principal::PrincipalKind;
use oneclaw_core::request::{AccessRequest, Permission};
use oneclaw_core::verdict::{Amount, Approval, Decision, Figures, Reason, Verdict};
use uuid::Uuid;

use crate::bindings::access::oneclaw::policy::access_types as wit_access;
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::failure::{BAD_REPLY, Failure, INTERNAL};

/// Longest code, in bytes.
const MAX_CODE_BYTES: usize = 128;

fn id(id: Uuid) -> wit::Id {
    let (high, low) = id.as_u64_pair();
    wit::Id { high, low }
}

fn address(address: IpAddr) -> wit::IpAddress {
    let v6 = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let (high, low) = Uuid::from_bytes(v6.octets()).as_u64_pair();
    wit::IpAddress { high, low }
}

pub(crate) fn facts(request: &AccessRequest) -> Vec<wit::Fact<'_>> {
    request
        .facts
        .iter()
        .map(|fact| wit::Fact {
            key: &fact.key,
            value: &fact.value,
        })
        .collect()
}

pub(crate) fn access_request<'a>(
    request: &'a AccessRequest,
    facts: &'a [wit::Fact<'a>],
) -> wit_access::AccessRequest<'a> {
    wit_access::AccessRequest {
        organisation: id(request.org.as_uuid()),
        vault: id(request.vault.as_uuid()),
        principal: wit::Principal {
            kind: match request.principal.kind() {
                PrincipalKind::User => wit::PrincipalKind::User,
                PrincipalKind::Agent => wit::PrincipalKind::Agent,
            },
            id: id(request.principal.uuid()),
        },
        owner: request.owner,
        permission: match request.permission {
            Permission::Read => wit_access::Permission::Read,
            Permission::Write => wit_access::Permission::Write,
            Permission::Delete => wit_access::Permission::Delete,
            Permission::Rotate => wit_access::Permission::Rotate,
        },
        path: request.path.as_str(),
        client: address(request.client),
        at_ms: request.at.as_millis(),
        environment: request.environment.as_deref(),
        facts,
    }
}

/// Takes an answer on access in.
///
/// # Errors
/// When it says what no plugin may say: a code of the host, a code that is no word, approval by nobody, a reservation
/// (budgets are for what is signed).
pub(crate) fn access_decision(reply: wit::Decision) -> Result<Decision, Failure> {
    if let Some(reservation) = reply.reservations.first() {
        return Err(Failure::new(
            BAD_REPLY,
            format!(
                "the plugin asks for a reservation in budget `{}`; a decision on access has no budgets",
                oneclaw_core::path::excerpt(&reservation.budget)
            ),
        ));
    }
    let verdict = match reply.verdict {
        wit::Verdict::Allow(reply) => Verdict::Allow(reason(reply)?),
        wit::Verdict::Deny(reply) => Verdict::Deny(reason(reply)?),
        wit::Verdict::RequireApproval(reply) => Verdict::RequireApproval(approval(reply)?),
        wit::Verdict::Abstain => Verdict::Abstain,
    };
    Ok(Decision {
        verdict,
        reservations: Vec::new(),
        notes: reply.notes,
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
        let seen = address("10.1.2.3".parse().unwrap());
        assert_eq!((seen.high, seen.low), (0, 0x0000_ffff_0a01_0203));
        let seen = address("2001:db8::1".parse().unwrap());
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
