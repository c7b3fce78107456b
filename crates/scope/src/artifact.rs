//! Artifacts: places that a catalogue knows by a name, written out in the policy.
//!
//! Implements `docs/spec/policy.md`, `[artifact.X]`.
//!
//! ```text
//! [artifact.prefetch-files]
//! label      = "Windows Prefetch files"
//! catalogue  = "forensic-artifacts"
//! definition = "WindowsPrefetchFiles"
//! file       = "windows.yaml"
//! sha256     = "8f0c4a..."
//! path       = ["/Windows/Prefetch/*.pf"]
//! ```

use crate::digest::Digest;
use crate::glob::Glob;
use crate::policy::{Condition, Policy};

/// `[artifact.X]`.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its id.
    pub id: String,
    /// What it is, in words.
    pub label: String,
    /// The catalogue that it was taken from.
    pub catalogue: String,
    /// What that catalogue calls it.
    pub definition: String,
    /// The catalogue's file.
    pub file: String,
    /// The digest of that file: what was read, not what decides.
    pub sha256: Digest,
    /// Where it is: this decides.
    pub path: Vec<Glob>,
}

/// The path globs of a condition, each with its place in the file; `None` where it is not of paths.
pub(crate) fn path_globs<'p>(
    artifacts: &'p [Artifact],
    selector: &str,
    condition: &'p Condition,
) -> Option<Vec<(&'p Glob, String)>> {
    let placed = |globs: &'p [Glob], place: String| {
        globs.iter().enumerate().map(move |(at, glob)| (glob, format!("{place}.{at}")))
    };
    match condition {
        Condition::Path(globs) => Some(placed(globs, format!("selector.{selector}.path")).collect()),
        Condition::Artifact(ids) => {
            let known = ids.iter().filter_map(|id| artifacts.iter().find(|own| own.id == *id));
            Some(known.flat_map(|own| placed(&own.path, format!("artifact.{}.path", own.id))).collect())
        }
        _ => None,
    }
}

impl Policy {
    /// The artifacts, in file order.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        &self.tree.artifacts
    }
}
