//! The rendering as a document: headings, provisions, tables. Markdown, HTML and PDF are written from it.
//!
//! The builder fills it sentence by sentence, in one of the languages, so
//! that a document says the same in each.
//!
//! ```text
//! Provision { number: "1.2", text: ["Docket: ", Given("24 Mag. 0000"), "."], mark: Unchecked, .. }
//! ```

use std::fmt::Display;

use super::language::Language;
use crate::digest::Digest;

/// A policy in plain language, before it is Markdown, HTML or PDF.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Document {
    /// The language of our own words; the policy's texts stand as they were written.
    pub language: Language,
    /// The policy's id, which stands on every page.
    pub policy: Digest,
    /// The title, which is the policy's.
    pub title: Text,
    /// What follows, in order.
    pub blocks: Vec<Block>,
}

impl Document {
    /// Every text of it, in order.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        std::iter::once(&self.title).chain(self.blocks.iter().flat_map(Block::texts))
    }
}

/// A piece of a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Block {
    /// The heading of a part.
    Part {
        /// Its number, from 1.
        number: usize,
        /// Its words.
        title: Text,
    },
    /// The heading of a rule or a compartment within a part.
    Heading(Text),
    /// A sentence that provides nothing.
    Paragraph(Text),
    /// A text of the authority, word for word.
    Quote(Text),
    /// What the document is: names and values.
    Facts(Vec<(Text, Text)>),
    /// A provision, and who sees to it.
    Provision {
        /// Part and place, `3.2`; none where a heading names it.
        number: Option<String>,
        /// What it says.
        text: Text,
        /// Who sees to it.
        mark: Mark,
    },
    /// Conditions under the words that join them.
    Conditions {
        /// "At least one of these:"; none where the sentence above says it.
        joined: Option<Text>,
        /// One for each selector.
        of: Vec<Conditions>,
    },
    /// Provisions of one kind, one in a row.
    Table {
        /// What the columns are.
        columns: Vec<Text>,
        /// The provisions.
        rows: Vec<Row>,
        /// Who sees to all of them.
        mark: Mark,
    },
}

impl Block {
    fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Part { title: text, .. }
            | Self::Heading(text)
            | Self::Paragraph(text)
            | Self::Quote(text)
            | Self::Provision { text, .. } => vec![text],
            Self::Facts(facts) => facts.iter().flat_map(|(name, value)| [name, value]).collect(),
            Self::Conditions { joined, of } => {
                let of = of.iter().flat_map(|own| std::iter::once(&own.text).chain(&own.all));
                joined.iter().chain(of).collect()
            }
            Self::Table { columns, rows, .. } => {
                let rows = rows.iter().flat_map(|row| row.cells.iter().chain(&row.below));
                columns.iter().chain(rows).collect()
            }
        }
    }
}

/// What one selector asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conditions {
    /// What the policy calls it, and with one condition that condition.
    pub text: Text,
    /// Several conditions, all of which must hold.
    pub all: Vec<Text>,
}

/// One provision in a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// Part and place.
    pub number: String,
    /// One for each column.
    pub cells: Vec<Text>,
    /// What stands below the row: the items of a list that is published.
    pub below: Option<Text>,
}

/// Who sees to a provision.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Mark {
    /// The program does it, and the record shows it.
    Tool,
    /// Somebody must do it; the program shows it and cannot know.
    Duty,
    /// It is stated, and nothing in the record confirms or refutes it.
    Unchecked,
}

impl Mark {
    /// All marks.
    pub const ALL: [Self; 3] = [Self::Tool, Self::Duty, Self::Unchecked];
}

/// A sentence or a part of one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Text(Vec<Run>);

/// A stretch of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Run {
    /// Words of ours.
    Words(String),
    /// Words of ours that matter more.
    Strong(String),
    /// A text of the policy. Whoever writes it out takes care that it stays one.
    Given(String),
    /// Something to be read letter by letter: an id, a glob, a digest, a key. It comes from the policy, too.
    Code(String),
}

impl Text {
    /// The stretches, in order.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.0
    }

    /// The letters alone.
    #[must_use]
    pub fn letters(&self) -> String {
        self.0.iter().map(Run::letters).collect()
    }

    pub(super) fn add(&mut self, more: impl Into<Self>) {
        for run in more.into().0 {
            match (self.0.last(), &run) {
                // One full stop is enough: "18 U.S.C."
                (Some(Run::Given(given)), Run::Words(words)) if given.ends_with(['.', '!', '?']) => {
                    self.0.push(Run::Words(words.strip_prefix('.').unwrap_or(words).to_owned()));
                }
                _ => self.0.push(run),
            }
        }
    }

    /// `a`, `a or b`, `a, b or c`.
    pub(super) fn joined(parts: impl IntoIterator<Item = impl Into<Self>>, word: &str) -> Self {
        let parts: Vec<Self> = parts.into_iter().map(Into::into).collect();
        let last = parts.len().saturating_sub(1);
        let mut text = Self::default();
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                text.add(if at == last { format!(" {word} ") } else { ", ".to_owned() });
            }
            text.add(part);
        }
        text
    }
}

impl Run {
    /// The letters alone.
    #[must_use]
    pub fn letters(&self) -> &str {
        let (Self::Words(letters) | Self::Strong(letters) | Self::Given(letters) | Self::Code(letters)) =
            self;
        letters
    }
}

impl FromIterator<Run> for Text {
    fn from_iter<I: IntoIterator<Item = Run>>(runs: I) -> Self {
        Self(runs.into_iter().collect())
    }
}

impl From<&str> for Text {
    fn from(words: &str) -> Self {
        Self(vec![Run::Words(words.to_owned())])
    }
}

impl From<String> for Text {
    fn from(words: String) -> Self {
        Self(vec![Run::Words(words)])
    }
}

impl From<Run> for Text {
    fn from(run: Run) -> Self {
        Self(vec![run])
    }
}

/// A text of the policy.
pub(super) fn given(text: &str) -> Run {
    Run::Given(text.to_owned())
}

/// Something to be read letter by letter.
pub(super) fn code(text: impl Display) -> Run {
    Run::Code(text.to_string())
}

/// Words that matter more.
pub(super) fn strong(words: &str) -> Run {
    Run::Strong(words.to_owned())
}

/// A text of stretches: `text!["Docket: ", given(docket), "."]`.
macro_rules! text {
    ($($part:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "a text may be empty")]
        let mut text = $crate::render::document::Text::default();
        $( text.add($part); )*
        text
    }};
}
pub(super) use text;
