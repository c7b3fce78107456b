//! Closed folders: `target.closed`, into which a walk does not go.

use crate::facts::CaseRule;
use crate::fold;
use crate::name::RawName;
use crate::policy::{PathCase, Policy};

impl Policy {
    /// Whether the walk stops at the directory `path`: it is an item, and nothing below it is looked for.
    ///
    /// `volume` says how names compare there, where the policy leaves that to the volume.
    #[must_use]
    pub fn is_closed(&self, path: &RawName, volume: CaseRule) -> bool {
        let globs = &self.target().closed;
        if globs.is_empty() {
            return false;
        }
        let folded = match self.defaults().path_case {
            PathCase::AsVolume => volume == CaseRule::Insensitive,
            PathCase::Sensitive => false,
            PathCase::Insensitive => true,
        };
        let symbols = fold::symbols(path.bytes(), folded);
        globs.iter().any(|glob| glob.matches_path(&symbols, folded))
    }
}
