//! Path conditions that fit nothing on a medium: a rule with one living path of three looks well, and is not.
//!
//! ```text
//! selector tenant, path /srv/tenant/www/**     met by some item
//! selector tenant, path /srv/tennant/logs/**   met by none: misspelt, or not there
//! ```

use serde::{Deserialize, Serialize};

use crate::atom::Name;
use crate::compile::Test;
use crate::facts::Facts;
use crate::policy::Policy;

/// Which path globs of a policy some item has fitted so far, in the order of its conditions.
///
/// One for each thread; they are put together by [`PathsMet::add`].
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct PathsMet(Vec<bool>);

impl PathsMet {
    /// Adds what another has met under the same policy.
    pub fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), false);
        self.0.iter_mut().zip(&other.0).for_each(|(met, also)| *met |= also);
    }
}

impl Policy {
    /// Notes the globs that a name of the item fits. Costs little once the most are met.
    pub fn meet_paths(&self, facts: &Facts, met: &mut PathsMet) {
        met.0.resize(self.path_globs().count(), false);
        if met.0.iter().all(|met| *met) {
            return;
        }
        for name in &facts.names {
            let name = Name::new(name.bytes(), facts, &self.compiled);
            for ((_, glob), met) in self.path_globs().zip(&mut met.0).filter(|(_, met)| !**met) {
                *met = name.fits(glob);
            }
        }
    }

    /// The selector and the text of every path glob that no item fitted, of selectors that some rule names.
    #[must_use]
    pub fn dead_paths(&self, met: &PathsMet) -> Vec<(&str, &str)> {
        let named = |id: &str| {
            let uses = |ids: &[String]| ids.iter().any(|used| used == id);
            self.rules().iter().any(|rule| uses(&rule.any) || uses(&rule.all) || uses(&rule.unless))
        };
        let met = met.0.iter().copied().chain(std::iter::repeat(false));
        let dead = self.path_globs().zip(met).filter(|((id, _), met)| !met && named(id));
        dead.map(|((id, glob), _)| (id, glob.text())).collect()
    }

    fn path_globs(&self) -> impl Iterator<Item = (&str, &crate::glob::Glob)> {
        self.compiled.atoms.iter().flat_map(|atom| {
            let globs = match &atom.test {
                Test::Path(globs) => globs.as_slice(),
                _ => &[],
            };
            globs.iter().map(|glob| (atom.atom.selector.as_str(), glob))
        })
    }
}
