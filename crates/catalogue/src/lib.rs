//! Other people's catalogues of artifacts, written out as a scoping policy that a person can read.
//!
//! This crate reads no files. Callers hand it the bytes of a catalogue; it hands back the text of a policy,
//! and says of everything that it could not express what it is and why.
//!
//! ```text
//! read      a file of a catalogue  ->  definitions: places as globs, groups, refusals with their reason
//! select    names                  ->  the definitions that are meant, groups followed
//! draft     definitions            ->  policy.toml: an artifact, a selector and a rule for each
//! ```
//!
//! What means what is on the page `docs/guide/importing.md`.

mod definition;
mod draft;
mod forensic_artifacts;
mod kape;
mod place;
mod select;
pub mod sets;
mod uac;
mod yaml;

pub use definition::{Definition, Note, Part, Places, Reason, Refusal};
pub use draft::{Draft, draft};
pub use select::{Selection, SelectionError, select, select_all};
pub use yaml::YamlError;

use scope::Digest;

/// Whose catalogue it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Catalogue {
    /// The Digital Forensics Artifact Repository: YAML, one document for each definition.
    ForensicArtifacts,
    /// The Unix-like Artifacts Collector: YAML, one file for each definition.
    Uac,
    /// KAPE targets: `.tkape` files, one for each definition.
    Kape,
}

impl Catalogue {
    /// The word used in policies and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ForensicArtifacts => "forensic-artifacts",
            Self::Uac => "uac",
            Self::Kape => "kape",
        }
    }
}

/// Most bytes of one file of a catalogue. The largest of Debian's has 160 kB.
pub const MAX_FILE: usize = 4 << 20;

/// Reads one file of a catalogue. `name` is its name, behind those of the folders of the catalogue that it lies in:
/// `files/logs/netscaler.yaml`.
///
/// # Errors
///
/// [`YamlError`] where it is not in the plain form that catalogues are written in. What a definition says and this
/// program cannot express is no error: it is a [`Refusal`] of that definition.
pub fn read(catalogue: Catalogue, name: &str, bytes: &[u8]) -> Result<Vec<Definition>, YamlError> {
    let origin = origin(catalogue, name, bytes);
    Ok(match catalogue {
        Catalogue::ForensicArtifacts => {
            yaml::documents(bytes)?.iter().map(|node| forensic_artifacts::definition(&origin, node)).collect()
        }
        Catalogue::Uac => vec![uac::definition(&origin, stem(name), bytes)?],
        Catalogue::Kape => {
            kape::definition(&origin, stem(name), &yaml::documents(bytes)?).into_iter().collect()
        }
    })
}

/// What stands for a file that [`read`] does not read: a definition of its name, all of which is refused.
#[must_use]
pub fn unread(catalogue: Catalogue, name: &str, bytes: &[u8], error: YamlError) -> Definition {
    let mut definition = Definition::new(&origin(catalogue, name, bytes), stem(name), "");
    definition.refuse("file", Reason::Unread(error));
    definition
}

fn origin(catalogue: Catalogue, name: &str, bytes: &[u8]) -> definition::Origin {
    definition::Origin { catalogue, file: definition::shown(name), sha256: Digest::of(bytes) }
}

/// A file's name without its ending.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') && !stem.is_empty() => stem,
        _ => name,
    }
}
