//! The Merkle tree of RFC 6962, section 2.1, grown one leaf at a time.

use sha2::{Digest, Sha256};

/// A hash in the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(data)
        .finalize()
        .into()
}

/// The hash of two subtrees.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The right edge of a tree: the roots of its complete subtrees, largest first. It is all that is needed to go on, and at
/// most 64 hashes whatever the size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// Of a tree that has grown somewhere else. `None` unless there is one root for each binary one in `size`.
    #[must_use]
    pub fn from_parts(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (usize::try_from(size.count_ones()) == Ok(roots.len())).then_some(Self { size, roots })
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one is a subtree as large as the new one: the two become one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root of the whole tree; of an empty one the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut roots = self.roots.iter().rev();
        let Some(smallest) = roots.next() else {
            return Sha256::digest([]).into();
        };
        roots.fold(*smallest, |right, left| node(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// MTH of RFC 6962, as it is written there.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let half = many.len().next_power_of_two() / 2;
                let (left, right) = many.split_at(half);
                node(&by_definition(left), &by_definition(right))
            }
        }
    }

    #[test]
    fn the_tree_is_that_of_the_rfc_at_every_size() {
        let mut frontier = Frontier::default();
        let mut leaves = Vec::new();
        for n in 0..200_u32 {
            assert_eq!(frontier.root(), by_definition(&leaves), "{n}");
            let parts = Frontier::from_parts(frontier.size(), frontier.roots().to_vec());
            assert_eq!(parts.as_ref(), Some(&frontier));
            leaves.push(leaf(&n.to_be_bytes()));
            frontier.push(leaf(&n.to_be_bytes()));
        }
        assert_eq!(Frontier::from_parts(3, vec![[0; 32]]), None);
    }

    #[test]
    fn known_hashes_come_out() {
        // The tree of the test vectors of certificate transparency.
        let inputs = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
        ];
        let mut frontier = Frontier::default();
        for input in inputs {
            frontier.push(leaf(&hex::decode(input).unwrap()));
        }
        assert_eq!(
            hex::encode(frontier.root()),
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"
        );
    }

    proptest! {
        #[test]
        fn another_leaf_anywhere_gives_another_root(count in 1_usize..80, at in any::<proptest::sample::Index>()) {
            let leaves: Vec<Hash> = (0..count).map(|n| leaf(&n.to_be_bytes())).collect();
            let root = |leaves: &[Hash]| {
                let mut frontier = Frontier::default();
                leaves.iter().for_each(|leaf| frontier.push(*leaf));
                frontier.root()
            };
            let mut other = leaves.clone();
            other[at.index(count)][0] ^= 1;
            prop_assert_ne!(root(&leaves), root(&other));
        }
    }
}
