//! Containers that were opened then and cannot be today: of their members nothing can be said.

use std::collections::HashSet;

/// The locators of such containers.
#[derive(Debug, Default)]
pub(super) struct Unopened(HashSet<Box<str>>);

impl Unopened {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn insert(&mut self, container: &str) {
        self.0.insert(container.into());
    }

    /// Takes note of one without a record, if it was opened: the records of its members alone say so.
    pub(super) fn without_record<'l>(
        &mut self,
        container: &str,
        mut recorded: impl Iterator<Item = &'l str>,
    ) -> bool {
        let inside = format!("{container}/member:");
        let opened = recorded.any(|own| own.starts_with(&inside));
        if opened {
            self.insert(container);
        }
        opened
    }

    /// Whether this is the locator of a member of one of them, at any depth.
    pub(super) fn holds(&self, locator: &str) -> bool {
        let mut outer = locator.match_indices("/member:").filter_map(|(at, _)| locator.get(..at));
        outer.any(|container| self.0.contains(container))
    }
}
