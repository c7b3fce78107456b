//! The inventory: one blinded line for every item.
//!
//! Implements `docs/spec/inventory.md`, version 1.
//!
//! ```text
//! captured 0c3b5e9f...
//! held:neutral 7a11f0d2...
//! left 00a3c9e1...
//! ```

use std::fmt;

use scope::{Digest, Outcome};

/// One line of the inventory.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Line {
    /// What became of the item.
    pub outcome: Outcome,
    /// What the item is committed to by.
    pub digest: Digest,
}

impl fmt::Display for Line {
    /// The line without its LF. Sorting these texts bytewise gives the inventory's order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.outcome, self.digest.hex())
    }
}
