//! The Merkle tree of RFC 6962 and RFC 9162, over SHA-256.
//!
//! ```text
//! leaf  SHA-256(00 data)      node  SHA-256(01 left right)      no leaves  SHA-256()
//! ```
//!
//! The custody log is a tree over `entry.txt` files, the inventory a tree over its lines. A tree of n leaves
//! splits at the largest power of two below n.

use scope::Digest;
use sha2::{Digest as _, Sha256};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf does not lie in a tree of that size.
    #[error("leaf {index} does not lie in a tree of {size} leaves")]
    Index {
        /// Position of the leaf, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree cannot have shrunk.
    #[error("a tree of {old} leaves cannot precede one of {new}")]
    Sizes {
        /// Leaves in the earlier tree.
        old: u64,
        /// Leaves in the later tree.
        new: u64,
    },
    /// A proof for these sizes has another number of hashes.
    #[error("the proof has {found} hashes, which does not fit its tree")]
    Length {
        /// Hashes in the proof.
        found: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The hash of a leaf with these bytes.
#[must_use]
pub fn leaf_hash(data: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(data).finalize().into())
}

/// The hash of a node over two subtrees.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root over the leaves in order, each given by its bytes; memory is the depth of the tree.
pub fn root<L: AsRef<[u8]>>(leaves: impl IntoIterator<Item = L>) -> Digest {
    let mut tree = Tree::new();
    leaves.into_iter().for_each(|leaf| tree.push(leaf.as_ref()));
    tree.root()
}

/// A tree that grows leaf by leaf and keeps one hash per level.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// Roots of the full subtrees, largest first: one for each bit set in `size`.
    peaks: Vec<Digest>,
}

impl Tree {
    /// A tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a leaf with these bytes.
    pub fn push(&mut self, data: &[u8]) {
        self.push_hash(leaf_hash(data));
    }

    /// Appends a leaf whose [`leaf_hash`] is known.
    pub fn push_hash(&mut self, leaf: Digest) {
        let mut hash = leaf;
        // Each bit that the addition carries over joins two subtrees of equal size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        let joined = self.peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or_else(|| Digest::of(b""))
    }
}

/// The root over leaves given by their [`leaf_hash`]es.
#[must_use]
pub fn root_of_hashes(leaves: &[Digest]) -> Digest {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push_hash(*leaf));
    tree.root()
}

/// The hashes that lead from leaf `index` to the root, lowest first (RFC 9162, 2.1.3.1).
///
/// `None` if there is no such leaf.
#[must_use]
pub fn inclusion_proof(leaves: &[Digest], index: u64) -> Option<Vec<Digest>> {
    let mut at = usize::try_from(index).ok().filter(|at| *at < leaves.len())?;
    let mut proof = Vec::new();
    let mut rest = leaves;
    while rest.len() > 1 {
        let (left, right) = rest.split_at_checked(split(rest.len()))?;
        let other;
        if at < left.len() {
            (rest, other) = (left, right);
        } else {
            at = at.saturating_sub(left.len());
            (rest, other) = (right, left);
        }
        proof.push(root_of_hashes(other));
    }
    proof.reverse();
    Some(proof)
}

/// Checks that a leaf is number `index` of the tree with that size and root (RFC 9162, 2.1.3.2).
///
/// # Errors
///
/// [`ProofError`] for a leaf outside the tree, a proof of another length, or another root.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let length = ProofError::Length { found: proof.len() };
    let (mut at, mut last, mut hash) = (index, size.saturating_sub(1), *leaf);
    for step in proof {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(step, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// The hashes that show the first `old` leaves to be a prefix of all (RFC 9162, 2.1.4.1).
///
/// Empty if `old` is 0 or all; `None` if there are fewer leaves than `old`.
#[must_use]
pub fn consistency_proof(leaves: &[Digest], old: u64) -> Option<Vec<Digest>> {
    let mut first = usize::try_from(old).ok().filter(|old| *old <= leaves.len())?;
    let mut proof = Vec::new();
    if first == 0 {
        return Some(proof);
    }
    let (mut rest, mut known) = (leaves, true);
    while first < rest.len() {
        let (left, right) = rest.split_at_checked(split(rest.len()))?;
        if first <= left.len() {
            proof.push(root_of_hashes(right));
            rest = left;
        } else {
            proof.push(root_of_hashes(left));
            first = first.saturating_sub(left.len());
            (rest, known) = (right, false);
        }
    }
    if !known {
        proof.push(root_of_hashes(rest));
    }
    proof.reverse();
    Some(proof)
}

/// Checks that the tree `new` continues the tree `old`, each given as (size, root) (RFC 9162, 2.1.4.2).
///
/// The tree without leaves is continued by every tree.
///
/// # Errors
///
/// [`ProofError`] for a tree that shrank, a proof of another length, or other roots.
pub fn verify_consistency(
    old: (u64, &Digest),
    new: (u64, &Digest),
    proof: &[Digest],
) -> Result<(), ProofError> {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    let length = ProofError::Length { found: proof.len() };
    if old_size > new_size {
        return Err(ProofError::Sizes { old: old_size, new: new_size });
    }
    if old_size == new_size || old_size == 0 {
        let same = if old_size == 0 { *old_root == Digest::of(b"") } else { true };
        let equal = old_size != new_size || old_root == new_root;
        return match (proof.is_empty(), same && equal) {
            (false, _) => Err(length),
            (true, false) => Err(ProofError::Root),
            (true, true) => Ok(()),
        };
    }
    let (mut at, mut last) = (old_size.saturating_sub(1), new_size.saturating_sub(1));
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    // An old tree of a power of two is itself the first hash, so the proof leaves it out.
    let mut steps = proof.iter();
    let start = if old_size.is_power_of_two() { old_root } else { steps.next().ok_or(length)? };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for step in steps {
        if last == 0 {
            return Err(length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(step, &old_hash);
            new_hash = node_hash(step, &new_hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new_hash = node_hash(&new_hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: usize) -> usize {
    n.div_ceil(2).next_power_of_two()
}
