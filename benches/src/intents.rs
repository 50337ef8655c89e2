//! Transactions of one agent, and the guardrails that decide on them. The same on every run.

use std::net::{IpAddr, Ipv4Addr};

use oneclaw_core::amount::Amount;
use oneclaw_core::clock::Timestamp;
use oneclaw_core::guardrails::{AllowedChain, BudgetAsset, BudgetRule, GuardrailSettings, Ruleset};
use oneclaw_core::ids::SecretId;
use oneclaw_core::path::SecretPath;
use oneclaw_core::transaction::{
    Address, BudgetView, Bytes, Chain, Effect, EffectKind, Fees, Intent, KeyLocation,
    TransactionIntent, TransactionRequest, TxType,
};
use oneclaw_core::verdict::Window;
use uuid::Uuid;

use crate::Result;
use crate::workload::{caller, org, vault};

/// Base, EIP-155.
const CHAIN: u64 = 8453;

const ETHER: u128 = 1_000_000_000_000_000_000;

/// What is decided.
pub struct Intents {
    /// Settings with so many recipients, a cap, a count and a daily budget.
    pub settings: String,
    /// Transfers of native coin. Every other one goes to somebody who is not listed.
    pub requests: Vec<TransactionRequest>,
    /// What the budgets hold, in the order in which the settings name them.
    pub views: Vec<BudgetView>,
}

impl Intents {
    /// Guardrails that list `recipients`.
    ///
    /// # Errors
    /// When the path of the key or the settings cannot be written, which is a slip in this file.
    pub fn new(recipients: u32) -> Result<Self> {
        let budgets = vec![
            budget("agent/count", "count_limit", BudgetAsset::Transactions, 100),
            budget("agent/daily", "daily_limit", BudgetAsset::Native, ETHER),
        ];
        let views = budgets
            .iter()
            .map(|rule| BudgetView {
                budget: rule.budget.clone(),
                asset: match rule.asset {
                    BudgetAsset::Transactions => "transactions",
                    _ => "native",
                }
                .to_owned(),
                window: rule.window.clone(),
                spent: Amount::ONE,
                reserved: Amount::ZERO,
            })
            .collect();
        let settings = GuardrailSettings {
            rulesets: vec![Ruleset {
                name: "agent".to_owned(),
                chains: Some(vec![AllowedChain {
                    id: CHAIN,
                    name: "base".to_owned(),
                }]),
                recipients: (0..recipients).map(|n| address(2 * n)).collect(),
                max_value: Some(Amount::from(ETHER / 10)),
                budgets,
                ..Ruleset::default()
            }],
            ..GuardrailSettings::default()
        };
        let requests = (0..recipients.min(32))
            .flat_map(|n| [2 * n, 2 * n + 1])
            .map(request)
            .collect::<Result<_>>()?;
        Ok(Self {
            settings: serde_json::to_string(&settings)?,
            requests,
            views,
        })
    }

    /// Whether each request is allowed.
    #[must_use]
    pub fn expected(&self) -> Vec<bool> {
        (0..self.requests.len()).map(|n| n % 2 == 0).collect()
    }
}

fn budget(budget: &str, code: &str, asset: BudgetAsset, limit: u128) -> BudgetRule {
    BudgetRule {
        budget: budget.to_owned(),
        code: code.to_owned(),
        asset,
        limit: Amount::from(limit),
        window: Window::Rolling { seconds: 86_400 },
    }
}

/// Spread over all addresses, as real ones are.
fn address(n: u32) -> Address {
    let spread = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = [0; 20];
    for (byte, from) in bytes.iter_mut().zip(spread.to_be_bytes().iter().cycle()) {
        *byte = *from;
    }
    Address::from(bytes)
}

fn request(to: u32) -> Result<TransactionRequest> {
    let value = Amount::from(ETHER / 100);
    let sender = address(u32::MAX);
    Ok(TransactionRequest {
        org: org(),
        principal: caller(0),
        key: KeyLocation {
            secret: SecretId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0004)),
            vault: vault(),
            path: "keys/base-signer".parse::<SecretPath>()?,
            version: 1,
        },
        sender,
        chain: Some(Chain {
            id: CHAIN,
            name: "base".to_owned(),
        }),
        intent: Intent::Transaction(TransactionIntent {
            tx_type: TxType::DynamicFee,
            to: Some(address(to)),
            value,
            data: Bytes::new(),
            gas_limit: 21_000,
            fees: Fees {
                max_fee_per_gas: Amount::from(1_000_000_000_u64),
                max_priority_fee_per_gas: Amount::ONE,
            },
            nonce: 0,
            access_list: Vec::new(),
            authorizations: Vec::new(),
        }),
        effects: vec![Effect {
            kind: EffectKind::NativeTransfer,
            parent: None,
            contract: None,
            source: Some(sender),
            target: Some(address(to)),
            amount: value,
            token_id: None,
            unlimited: false,
            selector: None,
            deadline: None,
        }],
        signature: None,
        simulation: None,
        budgets: Vec::new(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        at: Timestamp::from_millis(0),
        environment: None,
        labels: Vec::new(),
        facts: Vec::new(),
    })
}
