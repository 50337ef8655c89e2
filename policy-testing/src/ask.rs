//! From the words of the server to those of the SDK, as the cage puts them before a component.

use std::net::IpAddr;

use oneclaw_core::principal::PrincipalKind as Kind;
use oneclaw_core::request::{self as host, Permission as HostPermission};
use oneclaw_core::transaction::{self as signed, EffectKind as HostKind};
use oneclaw_core::verdict as words;
use oneclaw_policy_sdk::{
    AccessRequest, Address, Amount, BalanceChange, BudgetView, CalendarUnit, CalendarWindow, Chain,
    Effect, EffectKind, Fact, Fees, Id, Intent, IntentSignature, IpAddress, Permission, Principal,
    PrincipalKind, Simulation, TransactionIntent, TransactionRequest, TypedDataIntent, Window,
};

pub(crate) fn access(request: &host::AccessRequest) -> AccessRequest {
    AccessRequest {
        organisation: id(request.org.as_uuid().as_u64_pair()),
        vault: id(request.vault.as_uuid().as_u64_pair()),
        principal: principal(request.principal),
        owner: request.owner,
        permission: match request.permission {
            HostPermission::Read => Permission::Read,
            HostPermission::Write => Permission::Write,
            HostPermission::Delete => Permission::Delete,
            HostPermission::Rotate => Permission::Rotate,
        },
        path: request.path.as_str().to_owned(),
        client: client(request.client),
        at_ms: request.at.as_millis(),
        environment: request.environment.clone(),
        facts: facts(&request.facts),
    }
}

pub(crate) fn transaction(
    request: &signed::TransactionRequest,
    views: &[signed::BudgetView],
) -> TransactionRequest {
    TransactionRequest {
        organisation: id(request.org.as_uuid().as_u64_pair()),
        principal: principal(request.principal),
        signing_key: id(request.key.secret.as_uuid().as_u64_pair()),
        sender: address(request.sender),
        chain: request.chain.as_ref().map(|chain| Chain {
            id: chain.id,
            name: chain.name.clone(),
        }),
        intent: intent(&request.intent),
        effects: request.effects.iter().map(effect).collect(),
        signature: request.signature.as_ref().map(|signature| IntentSignature {
            key_id: signature.key_id.clone(),
            created_ms: signature.created.as_millis(),
        }),
        simulation: request.simulation.as_ref().map(simulation),
        budgets: views.iter().map(view).collect(),
        client: client(request.client),
        at_ms: request.at.as_millis(),
        environment: request.environment.clone(),
        labels: facts(&request.labels),
        facts: facts(&request.facts),
    }
}

fn intent(intent: &signed::Intent) -> Intent {
    match intent {
        signed::Intent::Transaction(tx) => Intent::Transaction(TransactionIntent {
            tx_type: tx.tx_type.number(),
            to: tx.to.map(address),
            value: amount(tx.value),
            selector: tx.selector(),
            calldata: tx.data.to_vec(),
            gas_limit: tx.gas_limit,
            fees: Fees {
                max_fee_per_gas: amount(tx.fees.max_fee_per_gas),
                max_priority_fee_per_gas: amount(tx.fees.max_priority_fee_per_gas),
            },
            nonce: tx.nonce,
        }),
        signed::Intent::TypedData(typed) => Intent::TypedData(TypedDataIntent {
            primary_type: typed.primary_type.clone(),
            domain_name: typed.domain_name.clone(),
            domain_version: typed.domain_version.clone(),
            domain_chain_id: typed.domain_chain_id.map(amount),
            verifying_contract: typed.verifying_contract.map(address),
            domain_separator: typed.domain_separator.to_vec(),
            struct_hash: typed.struct_hash.to_vec(),
            message: typed.message.clone(),
        }),
        signed::Intent::Message(message) => Intent::Message(message.to_vec()),
        signed::Intent::Digest(digest) => Intent::Digest(digest.to_vec()),
    }
}

fn effect(effect: &signed::Effect) -> Effect {
    Effect {
        kind: match effect.kind {
            HostKind::NativeTransfer => EffectKind::NativeTransfer,
            HostKind::Erc20Transfer => EffectKind::Erc20Transfer,
            HostKind::Erc20TransferFrom => EffectKind::Erc20TransferFrom,
            HostKind::Erc20Approve => EffectKind::Erc20Approve,
            HostKind::Erc20Permit => EffectKind::Erc20Permit,
            HostKind::Erc3009Authorization => EffectKind::Erc3009Authorization,
            HostKind::Permit2Approve => EffectKind::Permit2Approve,
            HostKind::Permit2Transfer => EffectKind::Permit2Transfer,
            HostKind::Erc721Transfer => EffectKind::Erc721Transfer,
            HostKind::Erc721Approve => EffectKind::Erc721Approve,
            HostKind::Erc1155Transfer => EffectKind::Erc1155Transfer,
            HostKind::ApprovalForAll => EffectKind::ApprovalForAll,
            HostKind::ContractCreation => EffectKind::ContractCreation,
            HostKind::Delegation => EffectKind::Delegation,
            HostKind::Delegatecall => EffectKind::Delegatecall,
            HostKind::Call => EffectKind::Call,
            HostKind::Opaque => EffectKind::Opaque,
        },
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

fn simulation(simulation: &signed::Simulation) -> Simulation {
    let changes = simulation.balance_changes.iter();
    Simulation {
        success: simulation.success,
        gas_used: simulation.gas_used,
        revert_reason: simulation.revert_reason.clone(),
        balance_changes: changes
            .map(|change| BalanceChange {
                account: address(change.account),
                asset: change.asset.clone(),
                negative: change.negative,
                amount: amount(change.amount),
            })
            .collect(),
    }
}

fn view(view: &signed::BudgetView) -> BudgetView {
    BudgetView {
        budget: view.budget.clone(),
        asset: view.asset.clone(),
        window: match &view.window {
            words::Window::Rolling { seconds } => Window::Rolling(*seconds),
            words::Window::Calendar { unit, zone } => Window::Calendar(CalendarWindow {
                unit: match unit {
                    words::CalendarUnit::Day => CalendarUnit::Day,
                    words::CalendarUnit::Week => CalendarUnit::Week,
                    words::CalendarUnit::Month => CalendarUnit::Month,
                },
                zone: zone.clone(),
            }),
        },
        spent: amount(view.spent),
        reserved: amount(view.reserved),
    }
}

fn facts(facts: &[host::Fact]) -> Vec<Fact> {
    facts
        .iter()
        .map(|fact| Fact {
            key: fact.key.clone(),
            value: fact.value.clone(),
        })
        .collect()
}

fn principal(principal: oneclaw_core::principal::Principal) -> Principal {
    Principal {
        kind: match principal.kind() {
            Kind::User => PrincipalKind::User,
            Kind::Agent => PrincipalKind::Agent,
        },
        id: id(principal.uuid().as_u64_pair()),
    }
}

const fn id((high, low): (u64, u64)) -> Id {
    Id { high, low }
}

fn client(address: IpAddr) -> IpAddress {
    let bits = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let [high, low] = [bits >> 64, bits & u128::from(u64::MAX)]
        .map(|half| u64::try_from(half).unwrap_or_default());
    IpAddress { high, low }
}

fn address(address: signed::Address) -> Address {
    // The text of an address is the same everywhere.
    format!("{address:#x}").parse().unwrap_or(Address::ZERO)
}

const fn amount(amount: words::Amount) -> Amount {
    Amount::from_limbs(amount.limbs())
}
