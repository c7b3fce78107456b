//! What a catalogue says under one name, as far as a policy can say it.

use std::fmt;

use scope::Digest;

use crate::{Catalogue, YamlError};

/// The file that a definition stands in.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) catalogue: Catalogue,
    pub(crate) file: String,
    pub(crate) sha256: Digest,
}

/// One definition of a catalogue.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Whose it is.
    pub catalogue: Catalogue,
    /// Its name in the catalogue; where that is a file, with the folders that it lies in.
    pub name: String,
    /// What it is, in one line.
    pub doc: String,
    /// The file it stands in.
    pub file: String,
    /// The digest of that file.
    pub sha256: Digest,
    /// Its parts, in the order of the file.
    pub parts: Vec<Part>,
}

impl Definition {
    pub(crate) fn new(origin: &Origin, name: &str, doc: &str) -> Self {
        let doc = match shown(doc) {
            said if said.is_empty() => shown(name),
            said => said,
        };
        Self {
            catalogue: origin.catalogue,
            name: shown(name),
            doc,
            file: origin.file.clone(),
            sha256: origin.sha256,
            parts: Vec::new(),
        }
    }

    pub(crate) fn refuse(&mut self, what: &str, reason: Reason) {
        self.parts.push(Part::Refused(Refusal { what: what.to_owned(), reason }));
    }

    /// What of it cannot be expressed.
    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.parts.iter().filter_map(|part| match part {
            Part::Refused(refusal) => Some(refusal),
            _ => None,
        })
    }

    /// What of it can be expressed, but for groups.
    pub fn places(&self) -> impl Iterator<Item = &Places> {
        self.parts.iter().filter_map(|part| match part {
            Part::Places(places) => Some(places),
            _ => None,
        })
    }
}

/// One source of a definition.
#[derive(Clone, Debug)]
pub enum Part {
    /// Places on a medium.
    Places(Places),
    /// Other definitions, by name.
    Group(Vec<String>),
    /// What a policy cannot say.
    Refused(Refusal),
}

/// Places on a medium.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    /// What the catalogue calls this kind of source.
    pub what: &'static str,
    /// What the catalogue says that it is; empty where only the definition is named.
    pub label: String,
    /// Path globs of glob/1.
    pub globs: Vec<String>,
    /// The kinds of items that are meant.
    pub kinds: Vec<&'static str>,
    /// Least and most bytes.
    pub size: (Option<u64>, Option<u64>),
    /// Whether the catalogue's tool takes no notice of case here, as Windows does not.
    pub folded: bool,
    /// Where it is wider or narrower than what the catalogue's tool takes.
    pub notes: Vec<Note>,
}

/// How places differ from what the catalogue's tool takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Note {
    /// The policy takes more.
    Wider(&'static str),
    /// The tool takes more.
    Narrower(&'static str),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wider(what) => write!(f, "wider: {what}"),
            Self::Narrower(what) => write!(f, "narrower: {what}"),
        }
    }
}

/// Something that a policy cannot say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// What the catalogue calls this kind of source.
    pub what: String,
    /// Why it cannot be said.
    pub reason: Reason,
}

/// Why something cannot be said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It is not of files: a registry key, a query, a command.
    NotFiles(&'static str),
    /// A parameter that has no fixed place.
    Parameter(String),
    /// A path that no glob stands for.
    Path(String, String),
    /// A key whose meaning is not expressed.
    Key(String, &'static str),
    /// It is not as the catalogue's format has it.
    Form(String),
    /// A definition that is in none of the files.
    Missing(String),
    /// A definition that several files have.
    Several(String, Vec<String>),
    /// A file that cannot be read as one of the catalogue.
    Unread(YamlError),
}

impl Reason {
    /// The reason without what is particular to one definition, for counting.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::NotFiles(what) => format!("not files: {what}"),
            Self::Parameter(name) => format!("the parameter `{name}` stands for no fixed place"),
            Self::Path(_, why) => format!("a path that no glob stands for: {why}"),
            Self::Key(key, why) => format!("the key `{key}`: {why}"),
            Self::Form(_) => "not in the form of the catalogue".to_owned(),
            Self::Missing(_) => "a definition that is in none of the files".to_owned(),
            Self::Several(..) => "a definition that several files have".to_owned(),
            Self::Unread(_) => "a file that cannot be read".to_owned(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFiles(what) => write!(f, "it is not of files but {what}"),
            Self::Path(path, why) => write!(f, "no glob stands for the path `{}`: {why}", shown(path)),
            Self::Form(what) => write!(f, "it is not in the form of the catalogue: {what}"),
            Self::Missing(name) => write!(f, "`{}` is in none of the files that were given", shown(name)),
            Self::Several(name, all) => write!(f, "`{}` may be {}", shown(name), shown(&all.join(" or "))),
            Self::Unread(error) => write!(f, "the file is not read: {error}"),
            other => f.write_str(&other.kind()),
        }
    }
}

/// A text of a catalogue as one line that can stand in a policy: white space drawn together, what cannot be seen taken
/// out, and cut where it is long.
pub(crate) fn shown(text: &str) -> String {
    let visible = |c: char| if c.is_whitespace() { ' ' } else { c };
    let text: String =
        text.chars().map(visible).filter(|c| *c == ' ' || scope::render::is_visible(*c)).collect();
    let mut line = text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() > MAX_LINE {
        line = line.chars().take(MAX_LINE).collect();
        line.push_str(" ...");
    }
    line
}

/// Longest line taken over from a catalogue, in characters.
const MAX_LINE: usize = 300;
