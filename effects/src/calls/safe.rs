//! Safe (`safe-global/safe-smart-account`): its transactions, those of its modules, and MultiSend.

use alloy::primitives::{Address, Bytes, U256, address};
use alloy::sol_types::SolCall;

use super::{Asked, How, Inner, Part, Reading};
use crate::abi::decode;

alloy::sol! {
    function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures);
    function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation);
    function execTransactionFromModuleReturnData(address to, uint256 value, bytes data, uint8 operation);
    function multiSend(bytes transactions);
}

/// The published MultiSend and MultiSendCallOnly contracts, versions 1.1.1, 1.3.0 (at two addresses each) and 1.4.1 of
/// `safe-global/safe-deployments`. A delegatecall to one of them is looked into; other code can do anything.
pub const MULTI_SENDS: [Address; 7] = [
    address!("8D29bE29923b68abfDD21e541b9374737B49cdAD"),
    address!("A238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"),
    address!("998739BFdAAdde7C933B942a68053933098f9EDa"),
    address!("40A2aCCbd92BCA938b02010E17A5b8929b49130D"),
    address!("A1dabEF33b3B82c7814B6D82A79e50F4AC44102B"),
    address!("38869bf66a61cF6bDB996A6aE40D5853Fd43B526"),
    address!("9641d764fc13c8B624c04430C7356C1C7C8102e2"),
];

/// What a Safe is told to do.
pub(crate) struct Safe {
    /// The Safe.
    pub(crate) safe: Address,
    /// Whom it calls.
    pub(crate) to: Address,
    /// Wei.
    pub(crate) value: U256,
    /// Calldata.
    pub(crate) data: Bytes,
    /// 0 for a call, 1 for a delegatecall.
    pub(crate) operation: u8,
    /// What it pays for gas to whoever executes it, for each unit.
    pub(crate) gas_price: U256,
}

impl Safe {
    /// What happens then. `None`: there is no such operation.
    pub(crate) fn parts(self) -> Option<Vec<Part>> {
        let how = how(self.operation)?;
        let mut parts = vec![Part::Call(Inner {
            caller: self.safe,
            to: self.to,
            value: self.value,
            data: self.data,
            how,
        })];
        // The refund is (gas used + baseGas) * gasPrice, both chosen freely: the Safe may be emptied by it.
        if !self.gas_price.is_zero() {
            parts.push(Part::Unbounded(self.safe));
        }
        Some(parts)
    }
}

const fn how(operation: u8) -> Option<How> {
    match operation {
        0 => Some(How::Call),
        1 => Some(How::Delegatecall),
        _ => None,
    }
}

/// The functions that are read here.
pub(super) const SELECTORS: &[[u8; 4]] = &[
    execTransactionCall::SELECTOR,
    execTransactionFromModuleCall::SELECTOR,
    execTransactionFromModuleReturnDataCall::SELECTOR,
    multiSendCall::SELECTOR,
];

/// Reads a call to a Safe, or to MultiSend.
pub(super) fn read(asked: &Asked<'_>) -> Option<Reading> {
    let (safe, data) = (asked.to, asked.data);
    Some(Reading::Node(match asked.selector {
        execTransactionCall::SELECTOR => {
            let call: execTransactionCall = decode(data)?;
            let told = Safe {
                safe,
                to: call.to,
                value: call.value,
                data: call.data,
                operation: call.operation,
                gas_price: call.gasPrice,
            };
            told.parts()?
        }
        execTransactionFromModuleCall::SELECTOR => {
            let call: execTransactionFromModuleCall = decode(data)?;
            from_module(safe, call.to, call.value, call.data, call.operation)?
        }
        execTransactionFromModuleReturnDataCall::SELECTOR => {
            let call: execTransactionFromModuleReturnDataCall = decode(data)?;
            from_module(safe, call.to, call.value, call.data, call.operation)?
        }
        multiSendCall::SELECTOR => read_multi_send(asked.to, data)?,
        _ => return None,
    }))
}

fn from_module(
    safe: Address,
    to: Address,
    value: U256,
    data: Bytes,
    operation: u8,
) -> Option<Vec<Part>> {
    let told = Safe {
        safe,
        to,
        value,
        data,
        operation,
        gas_price: U256::ZERO,
    };
    told.parts()
}

/// The transactions of `multiSend`, made by `account`. They are packed one behind the other: operation (1 byte), address
/// (20), value (32), length of the data (32), data.
pub(super) fn read_multi_send(account: Address, data: &[u8]) -> Option<Vec<Part>> {
    let packed = decode::<multiSendCall>(data)?.transactions;
    let mut rest: &[u8] = &packed;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (operation, behind) = rest.split_first()?;
        let (to, behind) = behind.split_first_chunk::<20>()?;
        let (value, behind) = behind.split_first_chunk::<32>()?;
        let (length, behind) = behind.split_first_chunk::<32>()?;
        let length = usize::try_from(U256::from_be_bytes(*length)).ok()?;
        let (data, behind) = behind.split_at_checked(length)?;
        parts.push(Part::Call(Inner {
            caller: account,
            to: Address::from(*to),
            value: U256::from_be_bytes(*value),
            data: packed.slice_ref(data),
            how: how(*operation)?,
        }));
        rest = behind;
    }
    Some(parts)
}
