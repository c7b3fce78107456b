//! Which looks were taken, as a set: asked about for every atom of every item.

use crate::facts::Look;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Looks(u8);

impl Looks {
    pub(crate) fn of(looks: &[Look]) -> Self {
        looks.iter().fold(Self(0), |set, look| set.with(*look))
    }

    pub(crate) fn with(self, look: Look) -> Self {
        Self(self.0 | bit(look))
    }

    pub(crate) fn has(self, look: Look) -> bool {
        self.0 & bit(look) != 0
    }
}

fn bit(look: Look) -> u8 {
    match look {
        Look::Metadata => 1,
        Look::Type => 2,
        Look::Hash => 4,
        Look::Content => 8,
    }
}
