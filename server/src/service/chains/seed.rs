//! The chains that a new server knows. None has a node but the local development chain: whom to trust with transactions is
//! for its administrator to say.

use oneclaw_core::clock::Timestamp;
use oneclaw_core::ids::ChainEntryId;
use oneclaw_crypto::random;
use oneclaw_store::Chain;

/// Blocks on top of a transaction's own on chains that do not tell what is final. Arbitrary: long enough for every chain
/// below that has ever been reorganised in earnest.
pub const CONFIRMATIONS: u64 = 12;
/// The same where nothing is at stake.
pub const TESTNET_CONFIRMATIONS: u64 = 1;

/// Name, name for display, chain id, symbol of the native coin.
type Entry = (&'static str, &'static str, u64, &'static str);

const MAINNETS: [Entry; 28] = [
    ("ethereum", "Ethereum", 1, "ETH"),
    ("optimism", "OP Mainnet", 10, "ETH"),
    ("cronos", "Cronos", 25, "CRO"),
    ("bsc", "BNB Smart Chain", 56, "BNB"),
    ("gnosis", "Gnosis", 100, "xDAI"),
    ("polygon", "Polygon", 137, "POL"),
    ("sonic", "Sonic", 146, "S"),
    ("fantom", "Fantom", 250, "FTM"),
    ("zksync", "zkSync Era", 324, "ETH"),
    ("worldchain", "World Chain", 480, "ETH"),
    ("metis", "Metis", 1088, "METIS"),
    ("polygon-zkevm", "Polygon zkEVM", 1101, "ETH"),
    ("moonbeam", "Moonbeam", 1284, "GLMR"),
    ("sei", "Sei", 1329, "SEI"),
    ("mantle", "Mantle", 5000, "MNT"),
    ("kaia", "Kaia", 8217, "KAIA"),
    ("base", "Base", 8453, "ETH"),
    ("mode", "Mode", 34443, "ETH"),
    ("arbitrum", "Arbitrum One", 42161, "ETH"),
    ("arbitrum-nova", "Arbitrum Nova", 42170, "ETH"),
    ("celo", "Celo", 42220, "CELO"),
    ("avalanche", "Avalanche C-Chain", 43114, "AVAX"),
    ("linea", "Linea", 59144, "ETH"),
    ("berachain", "Berachain", 80094, "BERA"),
    ("blast", "Blast", 81457, "ETH"),
    ("taiko", "Taiko", 167_000, "ETH"),
    ("scroll", "Scroll", 534_352, "ETH"),
    ("zora", "Zora", 7_777_777, "ETH"),
];

const TESTNETS: [Entry; 2] = [
    ("sepolia", "Sepolia", 11_155_111, "ETH"),
    ("base-sepolia", "Base Sepolia", 84532, "ETH"),
];

/// What anvil and hardhat serve on the machine itself.
const LOCAL: Entry = ("localhost", "Local development chain", 31337, "ETH");
const LOCAL_RPC: &str = "http://127.0.0.1:8545";

/// The chains that come with the server.
pub fn chains(now: Timestamp) -> Vec<Chain> {
    let mainnets = MAINNETS.into_iter().map(|entry| chain(entry, false, now));
    let testnets = TESTNETS.into_iter().map(|entry| chain(entry, true, now));
    let local = Chain {
        rpc_urls: vec![LOCAL_RPC.to_owned()],
        allow_private_rpc: true,
        ..chain(LOCAL, true, now)
    };
    mainnets.chain(testnets).chain([local]).collect()
}

fn chain(
    (name, display_name, chain_id, currency): Entry,
    is_testnet: bool,
    now: Timestamp,
) -> Chain {
    Chain {
        id: ChainEntryId::from_uuid(random::new_id()),
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        chain_id,
        rpc_urls: Vec::new(),
        ws_url: None,
        explorer_url: None,
        native_currency: currency.to_owned(),
        is_testnet,
        is_enabled: true,
        allow_private_rpc: false,
        confirmations: default_confirmations(is_testnet),
        revision: 1,
        created_at: now,
        updated_at: now,
    }
}

/// What holds for a chain about which nobody said anything.
pub const fn default_confirmations(is_testnet: bool) -> u64 {
    if is_testnet {
        TESTNET_CONFIRMATIONS
    } else {
        CONFIRMATIONS
    }
}
