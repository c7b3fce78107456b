//! What the frames hold, and how errors pass from one process to another.

use std::io;
use std::path::PathBuf;

use scope::RawName;
use scope::facts::Fact;
use serde::{Deserialize, Serialize};

use crate::bytes::ReadFault;
use crate::exact::StreamFault;
use crate::extract;
use crate::image::{Form, ImageError};
use crate::medium::Medium;
use crate::open::OpenError;
use crate::walk::{Entry, Issue, NodeId, SourceError, SourceInfo};

/// What the process that reads is told first.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub(super) version: u32,
    /// The medium, as the absolute paths of its drives.
    pub(super) paths: Vec<RawName>,
    pub(super) writable_source: bool,
    pub(super) bare: bool,
    pub(super) form: Option<Form>,
    pub(super) names: bool,
    /// Most bytes of address space.
    pub(super) memory: u64,
}

/// What a medium turned out to be.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Survey {
    pub(super) medium: Medium,
    pub(super) sources: Vec<SourceInfo>,
    pub(super) image: Option<Extent>,
    pub(super) unread: Vec<Unread>,
    /// In which way the process is not confined as it should be; `None` where it is.
    pub(super) unconfined: Option<String>,
}

impl Survey {
    /// What must be the same each time the medium is opened: all that was said of it, and the sizes of what can be read.
    pub(super) fn identity(&self) -> String {
        let mut text = format!("{:?}\n{:?}\n", self.image.as_ref().map(|image| image.len), self.medium);
        for info in &self.sources {
            text += &format!("{info:?}\n");
        }
        for unread in &self.unread {
            let Unread { place, what, ids, extent } = unread;
            text += &format!("{place:?} {what:?} {ids:?} {}\n", extent.len);
        }
        text
    }
}

/// Bytes that can be asked for.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extent {
    pub(super) len: u64,
    pub(super) sector_size: u32,
    /// First byte of a range and the byte after its last.
    pub(super) bad: Vec<(u64, u64)>,
    /// Of these, what the maker of an image could not read.
    pub(super) filled: Vec<(u64, u64)>,
}

/// The ranges of each drive that could not be read.
pub(super) type Bad = Vec<Vec<(u64, u64)>>;

/// A volume that is not read.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unread {
    pub(super) place: String,
    pub(super) what: String,
    pub(super) ids: Vec<(String, String)>,
    pub(super) extent: Extent,
}

/// A walk is asked for.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WalkAsk {
    pub(super) source: usize,
    /// Whether the program wants to be asked which directories are closed.
    pub(super) closes: bool,
    pub(super) streams: bool,
    pub(super) deleted: bool,
    pub(super) recovered: bool,
    pub(super) unallocated: bool,
    /// Whether each event is told at once: so asked where the process ended before.
    pub(super) at_once: bool,
}

/// The content of an item is asked for.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenAsk {
    pub(super) source: usize,
    pub(super) item: Item,
    /// How many bytes are not wanted: they were read before.
    pub(super) from: u64,
}

/// What is in the content of an item is asked for.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtractAsk {
    pub(super) source: usize,
    pub(super) item: Item,
    pub(super) form: extract::Form,
}

/// Bytes of the medium, or of a volume that is not read, are asked for.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BytesAsk {
    /// The volume's number in the list; the medium itself where there is none.
    pub(super) unread: Option<usize>,
    /// Whether what an image holds in place of what its maker could not read is wanted.
    pub(super) filled: bool,
    pub(super) offset: u64,
    pub(super) length: usize,
}

/// An [`Entry`].
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) locator: String,
    pub(super) facts: Vec<Fact>,
    pub(super) node: (u64, u64),
}

impl From<&Entry> for Item {
    fn from(entry: &Entry) -> Self {
        let node = (entry.node.number(), entry.node.part());
        Self { locator: entry.locator.clone(), facts: entry.facts.to_list(), node }
    }
}

impl Item {
    /// The entry; `None` where its facts are not a record's.
    pub(super) fn entry(self) -> Option<Entry> {
        let facts = scope::facts::Facts::from_list(&self.facts).ok()?;
        Some(Entry { locator: self.locator, facts, node: NodeId::with_part(self.node.0, self.node.1) })
    }
}

/// A `WalkEvent`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Event {
    Item(Item),
    Issue(Issue),
}

/// A [`SourceError`], or what an [`io::Error`] of a stream holds.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    Read { offset: u64, length: u64, reason: String },
    NoContent(String),
    Changed(String),
    Corrupt(String),
    Short { declared: u64, delivered: u64 },
    Long { declared: u64 },
    ChangedDuringRead(String),
    Damaged(String),
    Other(String),
}

impl From<&ReadFault> for Fault {
    fn from(fault: &ReadFault) -> Self {
        Self::Read { offset: fault.offset, length: fault.length, reason: fault.reason.clone() }
    }
}

impl From<&SourceError> for Fault {
    fn from(error: &SourceError) -> Self {
        match error {
            SourceError::Read(fault) => fault.into(),
            SourceError::NoContent(what) => Self::NoContent(what.clone()),
            SourceError::Changed(what) => Self::Changed(what.clone()),
            SourceError::Corrupt(what) => Self::Corrupt(what.clone()),
            SourceError::Io(..) => Self::Other(error.to_string()),
        }
    }
}

impl From<&io::Error> for Fault {
    fn from(error: &io::Error) -> Self {
        match StreamFault::of(error) {
            Some(StreamFault::Short { declared, delivered }) => {
                return Self::Short { declared: *declared, delivered: *delivered };
            }
            Some(StreamFault::Long { declared }) => return Self::Long { declared: *declared },
            Some(StreamFault::ChangedDuringRead(what)) => return Self::ChangedDuringRead(what.clone()),
            Some(StreamFault::Damaged(what)) => return Self::Damaged(what.clone()),
            None => {}
        }
        let inside = error.get_ref();
        if let Some(error) = inside.and_then(|inside| inside.downcast_ref::<SourceError>()) {
            return error.into();
        }
        if let Some(fault) = inside.and_then(|inside| inside.downcast_ref::<ReadFault>()) {
            return fault.into();
        }
        Self::Other(error.to_string())
    }
}

impl Fault {
    /// As the error of a source.
    pub(super) fn source(self) -> SourceError {
        match self {
            Self::NoContent(what) => SourceError::NoContent(plain(&what)),
            Self::Changed(what) => SourceError::Changed(plain(&what)),
            Self::Corrupt(what) => SourceError::Corrupt(plain(&what)),
            Self::Read { offset, length, reason } => {
                SourceError::Read(ReadFault { offset, length, reason: plain(&reason) })
            }
            Self::Other(what) => SourceError::Io("reading", io::Error::other(plain(&what))),
            stream => SourceError::Io("reading", stream.stream()),
        }
    }

    /// As the error of a stream.
    pub(super) fn stream(self) -> io::Error {
        match self {
            Self::Short { declared, delivered } => StreamFault::Short { declared, delivered }.into(),
            Self::Long { declared } => StreamFault::Long { declared }.into(),
            Self::ChangedDuringRead(what) => StreamFault::ChangedDuringRead(plain(&what)).into(),
            Self::Damaged(what) => StreamFault::Damaged(plain(&what)).into(),
            Self::Other(what) => io::Error::other(plain(&what)),
            other => io::Error::other(other.source()),
        }
    }

    /// As the error of bytes that were asked for at `offset`.
    pub(super) fn bytes(self, offset: u64, length: u64) -> ReadFault {
        match self.source() {
            SourceError::Read(fault) => fault,
            other => ReadFault { offset, length, reason: other.to_string() },
        }
    }
}

/// An [`OpenError`], with the number of its path: the program knows the path better, as it was given.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refusal {
    path: usize,
    why: Why,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Why {
    Io { code: Option<i32>, what: String },
    Unsupported { what: String, next: String },
    NotRead { what: String, next: String },
    WritableDevice,
    Nothing(Vec<String>),
    ImageRead(Fault),
    ImagePart { number: usize, name: String, what: String },
    ImageUnsupported(String),
    ImageCorrupt(String),
    ImageTwoForms { container: String, raw: String },
    Source(Fault),
    Other(String),
}

impl Refusal {
    /// Of a medium that was opened by `paths`.
    pub(super) fn of(error: &OpenError, paths: &[PathBuf]) -> Self {
        let (path, why) = match error {
            OpenError::Io { path, error } => {
                (path, Why::Io { code: error.raw_os_error(), what: error.to_string() })
            }
            OpenError::Unsupported { path, what, next } => {
                (path, Why::Unsupported { what: what.clone(), next: next.clone() })
            }
            OpenError::NotRead { path, what, next } => {
                (path, Why::NotRead { what: what.clone(), next: next.clone() })
            }
            OpenError::WritableDevice { path } => (path, Why::WritableDevice),
            OpenError::Nothing { path, found } => (path, Why::Nothing(found.clone())),
            OpenError::Image { path, error } => (path, image_why(error)),
            OpenError::Source { path, error } => (path, Why::Source(error.into())),
            OpenError::Writable { path } => (path, Why::Other(error.to_string())),
            OpenError::Apart { what } => return Self { path: 0, why: Why::Other(what.clone()) },
        };
        Self { path: paths.iter().position(|given| given == path).unwrap_or(0), why }
    }

    /// As the error of opening the medium by `paths`.
    pub(super) fn error(self, paths: &[PathBuf]) -> OpenError {
        let path = paths.get(self.path).cloned().unwrap_or_default();
        let image = |path, error| OpenError::Image { path, error };
        match self.why {
            Why::Io { code: Some(code), .. } => {
                OpenError::Io { path, error: io::Error::from_raw_os_error(code) }
            }
            Why::Io { code: None, what } => OpenError::Io { path, error: io::Error::other(plain(&what)) },
            Why::Unsupported { what, next } => {
                OpenError::Unsupported { path, what: plain(&what), next: plain(&next) }
            }
            Why::NotRead { what, next } => {
                OpenError::NotRead { path, what: plain(&what), next: plain(&next) }
            }
            Why::WritableDevice => OpenError::WritableDevice { path },
            Why::Nothing(found) => {
                OpenError::Nothing { path, found: found.iter().map(|text| plain(text)).collect() }
            }
            Why::ImageRead(fault) => image(path, ImageError::Read(fault.bytes(0, 0))),
            Why::ImageTwoForms { container, raw } => {
                image(path, ImageError::TwoForms { container: plain(&container), raw: plain(&raw) })
            }
            Why::ImagePart { number, name, what } => {
                let error = io::Error::other(plain(&what));
                image(path, ImageError::Segment { number, name: plain(&name), error })
            }
            Why::ImageUnsupported(what) => image(path, ImageError::Unsupported(plain(&what))),
            Why::ImageCorrupt(what) => image(path, ImageError::Corrupt(plain(&what))),
            Why::Source(fault) => OpenError::Source { path, error: fault.source() },
            Why::Other(what) => OpenError::Apart { what: plain(&what) },
        }
    }
}

fn image_why(error: &ImageError) -> Why {
    match error {
        ImageError::Read(fault) => Why::ImageRead(fault.into()),
        ImageError::Segment { number, name, error } => {
            Why::ImagePart { number: *number, name: name.clone(), what: error.to_string() }
        }
        ImageError::TwoForms { container, raw } => {
            Why::ImageTwoForms { container: container.clone(), raw: raw.clone() }
        }
        ImageError::Unsupported(what) => Why::ImageUnsupported(what.clone()),
        ImageError::Corrupt(what) => Why::ImageCorrupt(what.clone()),
    }
}

/// Text that may stand in a message: no control characters, none that turn the direction of text, of bounded length.
pub(super) fn plain(text: &str) -> String {
    let harmless = |c: char| {
        let turns = matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns { '?' } else { c }
    };
    text.chars().take(MAX_TEXT).map(harmless).collect()
}

/// Longest text taken from the process that reads, in characters. Ours are sentences.
const MAX_TEXT: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fault: SourceError) {
        let said = fault.to_string();
        let sent = serde_json::to_vec(&Fault::from(&fault)).unwrap();
        let source = serde_json::from_slice::<Fault>(&sent).unwrap().source();
        assert_eq!(source.to_string(), said);
        let sent = serde_json::to_vec(&Fault::from(&io::Error::other(fault))).unwrap();
        let stream = serde_json::from_slice::<Fault>(&sent).unwrap().stream();
        assert_eq!(stream.to_string(), said);
    }

    #[test]
    fn an_error_says_the_same_on_both_sides() {
        check(SourceError::Read(ReadFault { offset: 7, length: 512, reason: "Input/output error".into() }));
        check(SourceError::NoContent("compressed".into()));
        check(SourceError::Changed("the inode belongs to another item".into()));
        check(SourceError::Corrupt("extents overlap".into()));
    }

    #[test]
    fn faults_of_streams_stay_what_they_are() {
        for fault in [
            StreamFault::Short { declared: 5, delivered: 3 },
            StreamFault::Long { declared: 5 },
            StreamFault::ChangedDuringRead("size".into()),
        ] {
            let sent = serde_json::to_vec(&Fault::from(&io::Error::from(fault.clone()))).unwrap();
            let back = serde_json::from_slice::<Fault>(&sent).unwrap().stream();
            assert_eq!(StreamFault::of(&back), Some(&fault));
        }
    }

    #[test]
    fn text_cannot_steer_a_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202E}d"), "a?[2Jb?c?d");
        assert_eq!(plain(&"x".repeat(5000)).len(), MAX_TEXT);
    }
}
