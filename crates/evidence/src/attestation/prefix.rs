//! `statement auditor.prefix`: what became of everything under one path, and of what this cannot speak.
//!
//! ```text
//! prefix /home/anna
//! captured 0
//! held 0
//! listed 0
//! unread 0
//! left 1
//! within 0 0
//! volume gpt:1/ext4:9f0c... 1 0
//! volume gpt:2/ext4:77aa... 0 0
//! ending 12 12 /anna
//! inside 3 0 /home/anna
//! other-case 0 0
//! archives 7 2 1
//! unread gpt:3 8388608 LUKS, encrypted
//! other-run 4051c3822915c5d0f77a29aed74792a8
//! ```

use scope::RawName;

use super::{Part, Text};
use crate::acquisition::{Acquisition, LayerStatement, RunNumber};

/// `statement auditor.prefix`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Prefix {
    /// The ledger's parts, in order.
    pub parts: Vec<Part>,
    /// How many records were read, on the whole medium.
    pub records: u64,
    /// The path, from the root of a volume.
    pub path: RawName,
    /// What lies under it.
    pub under: Counts,
    /// How many of these count as captured, and as held, only since an archive that they lie in is.
    pub within: Within,
    /// Every volume that was walked, in the order of the acquisition.
    pub volumes: Vec<Volume>,
    /// Items under what is left of the path without its first parts: theirs, if their volume was in use there.
    pub endings: Vec<Ending>,
    /// Files in archives whose name there is under the path, or an ending of it: they may have been packed at that path.
    pub inside: Vec<Ending>,
    /// Items whose name is under the path but for capital and small letters, where the volume tells these apart.
    pub other_case: Portion,
    /// Archives of the whole medium.
    pub archives: Archives,
    /// Layers of the medium of which no file was read.
    pub unread: Vec<Unread>,
    /// Other runs that the custody log shows.
    pub other_runs: Vec<RunNumber>,
    /// Items of the whole medium that were captured or held and have a name that is not on record, or none.
    pub unnamed_kept: u64,
    /// Items of the whole medium that were left and of which the order lets nobody keep a record.
    pub unrecorded: u64,
}

/// Items by what became of them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Captured.
    pub captured: u64,
    /// Held, for any compartment.
    pub held: u64,
    /// Listed, to anybody.
    pub listed: u64,
    /// Captured or held, and not one byte of the content could be read: nothing was taken of them but the record.
    pub unread: u64,
    /// Left.
    pub left: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> u64 {
        [self.captured, self.held, self.listed, self.unread, self.left]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// Items that were not taken by themselves, in archives that were taken whole.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Within {
    /// In one that was captured.
    pub captured: u64,
    /// In one that was held, and in none that was captured.
    pub held: u64,
}

/// Archives that the record shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Archives {
    /// Those of which every file is an item.
    pub opened: u64,
    /// Those that were not opened, or of which not every file is known.
    pub closed: u64,
    /// How many of these last were captured or held.
    pub closed_kept: u64,
}

/// Items, and how many of them were captured or held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Portion {
    /// All of them.
    pub all: u64,
    /// Those captured or held.
    pub kept: u64,
}

/// A volume that was walked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Volume {
    /// What the locators of its items begin with.
    pub locator: String,
    /// Its items under the path.
    pub under: u64,
    /// Its places that could not be walked.
    pub not_walked: u64,
}

/// What is under an ending of the path, and not under the path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// The ending, as a path from the root of a volume.
    pub path: RawName,
    /// What has a name under it.
    pub items: Portion,
}

/// A layer with bytes of which no file was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unread {
    /// Where it is; `medium` where it is the medium itself.
    pub place: String,
    /// Its length in bytes.
    pub length: u64,
    /// What it is.
    pub what: String,
}

impl Unread {
    /// All of an acquisition, in its order.
    #[must_use]
    pub fn of(acquisition: &Acquisition) -> Vec<Self> {
        let unread = |layer: &&LayerStatement| layer.is_unread_volume();
        acquisition.layers.iter().filter(unread).map(Self::of_layer).collect()
    }

    fn of_layer(layer: &LayerStatement) -> Self {
        let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        let what: String = layer.what.trim().chars().take(MAX_WHAT).collect();
        Self { place: or(&layer.place, "medium"), length: layer.length, what: or(what.trim_end(), "unknown") }
    }
}

/// Longest description of a layer, in characters.
const MAX_WHAT: usize = 100;

/// What keeps a path from being one that a name can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAPath {
    /// It does not begin at a root, or is too long.
    #[error(
        "expected a path from the root of its volume, which begins with `/`, of at most {MAX_PATH} bytes"
    )]
    Start,
    /// An empty part, `.` or `..`.
    #[error("no name has an empty part, `.` or `..`: write the path as the volume has it, without them")]
    Segment,
}

/// Longest path: what Linux takes.
const MAX_PATH: usize = 4096;

/// The path without a slash at its end, where it can be a name's.
pub(super) fn bare(path: &[u8]) -> Result<&[u8], NotAPath> {
    let rest = path.strip_prefix(b"/").filter(|_| path.len() <= MAX_PATH).ok_or(NotAPath::Start)?;
    if rest.is_empty() {
        return Ok(path);
    }
    let bare = path.strip_suffix(b"/").unwrap_or(path);
    let segments = rest.strip_suffix(b"/").unwrap_or(rest).split(|byte| *byte == b'/');
    match segments.into_iter().any(|segment| matches!(segment, b"" | b"." | b"..")) {
        true => Err(NotAPath::Segment),
        false => Ok(bare),
    }
}

impl Prefix {
    /// Whether the numbers fit each other: something is under the path, on the volumes named, and no more kept than there is.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let of_volumes = self.volumes.iter().fold(0_u64, |sum, volume| sum.saturating_add(volume.under));
        let endings = || self.endings.iter().chain(&self.inside);
        let portions = endings().map(|ending| ending.items).chain([self.other_case]);
        if bare(&self.path.0) != Ok(self.path.0.as_slice()) {
            Some("`prefix` is not a path that a name can have")
        } else if self.under.all() == 0 {
            Some("nothing can be said of a path that no item on record has")
        } else if of_volumes != self.under.all() {
            Some("the items of the volumes are not those under the path")
        } else if self.within.captured > self.under.captured || self.within.held > self.under.held {
            Some("more in archives that were taken than was taken")
        } else if self.archives.closed_kept > self.archives.closed {
            Some("more archives that were taken than there are")
        } else if portions.into_iter().any(|portion| portion.kept > portion.all)
            || endings().any(|ending| ending.items.all == 0 || !self.path.0.ends_with(&ending.path.0))
        {
            Some("an `ending`, `inside` or `other-case` that cannot be")
        } else {
            None
        }
    }

    /// The lines behind `records`.
    pub(super) fn lines(&self, text: &mut Text) {
        text.line("prefix", &self.path);
        text.line("captured", self.under.captured);
        text.line("held", self.under.held);
        text.line("listed", self.under.listed);
        text.line("unread", self.under.unread);
        text.line("left", self.under.left);
        text.line("within", format_args!("{} {}", self.within.captured, self.within.held));
        for Volume { locator, under, not_walked } in &self.volumes {
            text.line("volume", format_args!("{locator} {under} {not_walked}"));
        }
        for (name, endings) in [("ending", &self.endings), ("inside", &self.inside)] {
            for Ending { path, items } in endings {
                text.line(name, format_args!("{} {} {path}", items.all, items.kept));
            }
        }
        text.line("other-case", format_args!("{} {}", self.other_case.all, self.other_case.kept));
        let Archives { opened, closed, closed_kept } = self.archives;
        text.line("archives", format_args!("{opened} {closed} {closed_kept}"));
        for Unread { place, length, what } in &self.unread {
            text.line("unread", format_args!("{place} {length} {what}"));
        }
        for run in &self.other_runs {
            text.line("other-run", run);
        }
        text.line("unnamed-kept", self.unnamed_kept);
        text.line("unrecorded", self.unrecorded);
    }
}
