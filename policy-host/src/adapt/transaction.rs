//! World `transaction-guardrail`.

use oneclaw_core::transaction::{
    Address, BudgetView, Effect, EffectKind, Intent, Simulation, TransactionIntent,
    TransactionRequest, TypedDataIntent,
};
use oneclaw_core::verdict::{Amount, CalendarUnit, Decision, Verdict, Window};

use super::{budgets, client, facts, id, principal, verdict};
use crate::bindings::access::oneclaw::policy::types as wit;
use crate::bindings::transaction::oneclaw::policy::transaction_types as wit_transaction;
use crate::failure::{BAD_REPLY, Failure};

/// Most notes in one answer.
const MAX_NOTES: usize = 64;
/// Most bytes of a note.
const MAX_NOTE_BYTES: usize = 1024;

/// The lists of a request in the words of the contract, for the time of a call.
pub(crate) struct Lists<'a> {
    effects: Vec<wit_transaction::Effect>,
    balance_changes: Vec<wit_transaction::BalanceChange<'a>>,
    budgets: Vec<wit_transaction::BudgetView<'a>>,
    labels: Vec<wit::Fact<'a>>,
    facts: Vec<wit::Fact<'a>>,
}

impl<'a> Lists<'a> {
    /// `windows` are those of `views`, by [`windows`].
    pub(crate) fn new(
        request: &'a TransactionRequest,
        views: &'a [BudgetView],
        windows: &'a [wit::Window],
    ) -> Self {
        let simulated = request.simulation.as_ref();
        Self {
            effects: request.effects.iter().map(effect).collect(),
            balance_changes: simulated.map(balance_changes).unwrap_or_default(),
            budgets: views.iter().zip(windows).map(|(v, w)| view(v, w)).collect(),
            labels: facts(&request.labels),
            facts: facts(&request.facts),
        }
    }
}

pub(crate) fn request<'a>(
    request: &'a TransactionRequest,
    lists: &'a Lists<'a>,
) -> wit_transaction::TransactionRequest<'a> {
    wit_transaction::TransactionRequest {
        organisation: id(request.org.as_uuid()),
        principal: principal(request.principal),
        signing_key: id(request.key.secret.as_uuid()),
        sender: address(request.sender),
        chain: request.chain.as_ref().map(|chain| wit_transaction::Chain {
            id: chain.id,
            name: &chain.name,
        }),
        intent: match &request.intent {
            Intent::Transaction(intent) => {
                wit_transaction::Intent::Transaction(transaction(intent))
            }
            Intent::TypedData(intent) => wit_transaction::Intent::TypedData(typed_data(intent)),
            Intent::Message(message) => wit_transaction::Intent::Message(message),
            Intent::Digest(digest) => wit_transaction::Intent::Digest(digest.as_slice()),
        },
        effects: &lists.effects,
        signature: request
            .signature
            .as_ref()
            .map(|signature| wit_transaction::IntentSignature {
                key_id: &signature.key_id,
                created_ms: signature.created.as_millis(),
            }),
        simulation: request
            .simulation
            .as_ref()
            .map(|simulation| wit_transaction::Simulation {
                success: simulation.success,
                gas_used: simulation.gas_used,
                revert_reason: simulation.revert_reason.as_deref(),
                balance_changes: &lists.balance_changes,
            }),
        budgets: &lists.budgets,
        client: client(request.client),
        at_ms: request.at.as_millis(),
        environment: request.environment.as_deref(),
        labels: &lists.labels,
        facts: &lists.facts,
    }
}

fn transaction(intent: &TransactionIntent) -> wit_transaction::TransactionIntent<'_> {
    wit_transaction::TransactionIntent {
        tx_type: intent.tx_type.number(),
        to: intent.to.map(address),
        value: amount(intent.value),
        selector: intent.selector(),
        calldata: &intent.data,
        gas_limit: intent.gas_limit,
        fees: wit_transaction::Fees {
            max_fee_per_gas: amount(intent.fees.max_fee_per_gas),
            max_priority_fee_per_gas: amount(intent.fees.max_priority_fee_per_gas),
        },
        nonce: intent.nonce,
    }
}

fn typed_data(intent: &TypedDataIntent) -> wit_transaction::TypedDataIntent<'_> {
    wit_transaction::TypedDataIntent {
        primary_type: &intent.primary_type,
        domain_name: intent.domain_name.as_deref(),
        domain_version: intent.domain_version.as_deref(),
        domain_chain_id: intent.domain_chain_id.map(amount),
        verifying_contract: intent.verifying_contract.map(address),
        domain_separator: intent.domain_separator.as_slice(),
        struct_hash: intent.struct_hash.as_slice(),
        message: &intent.message,
    }
}

fn balance_changes(simulation: &Simulation) -> Vec<wit_transaction::BalanceChange<'_>> {
    simulation
        .balance_changes
        .iter()
        .map(|change| wit_transaction::BalanceChange {
            account: address(change.account),
            asset: &change.asset,
            negative: change.negative,
            amount: amount(change.amount),
        })
        .collect()
}

/// The windows of budgets, to which the views refer.
pub(crate) fn windows(views: &[BudgetView]) -> Vec<wit::Window> {
    views.iter().map(|view| window(&view.window)).collect()
}

fn window(window: &Window) -> wit::Window {
    match window {
        Window::Rolling { seconds } => wit::Window::Rolling(*seconds),
        Window::Calendar { unit, zone } => wit::Window::Calendar(wit::CalendarWindow {
            unit: match unit {
                CalendarUnit::Day => wit::CalendarUnit::Day,
                CalendarUnit::Week => wit::CalendarUnit::Week,
                CalendarUnit::Month => wit::CalendarUnit::Month,
            },
            zone: zone.clone(),
        }),
    }
}

fn view<'a>(view: &'a BudgetView, window: &'a wit::Window) -> wit_transaction::BudgetView<'a> {
    wit_transaction::BudgetView {
        budget: &view.budget,
        asset: &view.asset,
        window,
        spent: amount(view.spent),
        reserved: amount(view.reserved),
    }
}

fn effect(effect: &Effect) -> wit_transaction::Effect {
    wit_transaction::Effect {
        kind: kind(effect.kind),
        parent: effect.parent,
        contract: effect.contract.map(address),
        source: effect.source.map(address),
        target: effect.target.map(address),
        amount: amount(effect.amount),
        token_id: effect.token_id.map(amount),
        unlimited: effect.unlimited,
        selector: effect.selector,
        deadline: effect.deadline,
    }
}

fn kind(kind: EffectKind) -> wit_transaction::EffectKind {
    use wit_transaction::EffectKind as Wit;
    match kind {
        EffectKind::NativeTransfer => Wit::NativeTransfer,
        EffectKind::Erc20Transfer => Wit::Erc20Transfer,
        EffectKind::Erc20TransferFrom => Wit::Erc20TransferFrom,
        EffectKind::Erc20Approve => Wit::Erc20Approve,
        EffectKind::Erc20Permit => Wit::Erc20Permit,
        EffectKind::Erc3009Authorization => Wit::Erc3009Authorization,
        EffectKind::Permit2Approve => Wit::Permit2Approve,
        EffectKind::Permit2Transfer => Wit::Permit2Transfer,
        EffectKind::Erc721Transfer => Wit::Erc721Transfer,
        EffectKind::Erc721Approve => Wit::Erc721Approve,
        EffectKind::Erc1155Transfer => Wit::Erc1155Transfer,
        EffectKind::ApprovalForAll => Wit::ApprovalForAll,
        EffectKind::ContractCreation => Wit::ContractCreation,
        EffectKind::Delegation => Wit::Delegation,
        EffectKind::Delegatecall => Wit::Delegatecall,
        EffectKind::Call => Wit::Call,
        EffectKind::Opaque => Wit::Opaque,
    }
}

fn address(address: Address) -> wit::Address {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = address.into_array();
    wit::Address {
        high: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        middle: u64::from_be_bytes([i, j, k, l, m, n, o, p]),
        low: u32::from_be_bytes([q, r, s, t]),
    }
}

fn amount(amount: Amount) -> wit::Amount {
    let [limb0, limb1, limb2, limb3] = amount.limbs();
    wit::Amount {
        limb0,
        limb1,
        limb2,
        limb3,
    }
}

/// Takes an answer on what is to be signed in. Reservations of an answer that allows nothing are dropped unread.
///
/// # Errors
/// When it says what no plugin may say.
pub(crate) fn decision(reply: wit::Decision) -> Result<Decision, Failure> {
    let bad = |what: String| Failure::new(BAD_REPLY, format!("the plugin answers with {what}"));
    let verdict = verdict(reply.verdict)?;
    if reply.notes.len() > MAX_NOTES {
        return Err(bad(format!(
            "{} notes; at most {MAX_NOTES} are taken",
            reply.notes.len()
        )));
    }
    if let Some(note) = reply.notes.iter().find(|note| note.len() > MAX_NOTE_BYTES) {
        return Err(bad(format!(
            "a note of {} bytes; at most {MAX_NOTE_BYTES} are taken",
            note.len()
        )));
    }
    let reservations = match verdict {
        Verdict::Allow(_) => budgets::reservations(reply.reservations).map_err(bad)?,
        Verdict::Deny(_) | Verdict::RequireApproval(_) | Verdict::Abstain => Vec::new(),
    };
    Ok(Decision {
        verdict,
        reservations,
        notes: reply.notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_crosses_the_border_in_three_integers() {
        let text = "0x0123456789abcdeffedcba987654321089abcdef";
        let seen = address(text.parse().unwrap());
        assert_eq!(
            (seen.high, seen.middle, seen.low),
            (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x89ab_cdef)
        );
    }
}
