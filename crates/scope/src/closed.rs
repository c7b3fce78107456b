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

    /// Whether the walk stops at a folder above this path, which is not the path itself.
    #[must_use]
    pub fn is_below_closed(&self, path: &RawName, volume: CaseRule) -> bool {
        if self.target().closed.is_empty() {
            return false;
        }
        let path = path.bytes();
        // A walk always enters the root, whose slash is the first.
        let slashes = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
        let folders = slashes.filter_map(|(at, _)| path.get(..at));
        let mut folders = folders.map(|folder| RawName(folder.to_vec()));
        folders.any(|folder| self.is_closed(&folder, volume))
    }
}
