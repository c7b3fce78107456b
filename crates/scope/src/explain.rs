//! Explaining.

use std::fmt;

use crate::facts::Facts;
use crate::outcome::Decision;
use crate::policy::Policy;

/// Why an item's outcome is what it is, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The lines of the explanation.
    pub lines: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Explains a decision.
#[must_use]
pub fn explain(_policy: &Policy, _facts: &Facts, _decision: &Decision) -> Explanation {
    Explanation { lines: Vec::new() }
}
