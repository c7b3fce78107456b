//! Globs: which paths and names a policy means.
//!
//! Implements `docs/spec/glob.md`, glob/1.
//!
//! ```text
//! /var/log/auth.log*        in one folder: `*` never crosses `/`
//! /var/www/**               the folder, and whatever lies below it: `**` is any number of whole segments
//! /data/[0-9][!0-9]?        one of a class, none of a class, any one symbol
//! ```
//!
//! A glob is a list of segments, and a segment is a list of tokens; each token
//! but `Token::Many` reads exactly one symbol. That is an automaton in all
//! but name: the relations between globs ([`subset`], [`disjoint`], [`covered`])
//! walk several lists at once, and are exact.

mod class;
pub(crate) mod language;
mod parse;
mod relation;

use crate::fold::{Symbol, fold};

pub(crate) use class::Class;
pub use relation::{Answer, MAX_STATES, covered, disjoint, subset};
pub(crate) use relation::{covered_in, disjoint_in};

/// One glob, as written and as it matches.
#[derive(Clone, Debug)]
pub struct Glob {
    text: String,
    exact: Program,
    folded: Program,
}

/// Why a text is not a glob of glob/1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct GlobError {
    /// Byte offset of the fault in the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// What a glob is made of, for one way of comparing.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The symbols that a match begins with: most paths are told apart here.
    prefix: Vec<Symbol>,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// `**`: any number of whole segments, none too.
    AnyDepth,
    /// One segment.
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug)]
pub(crate) enum Token {
    /// This symbol.
    Symbol(Symbol),
    /// `?`: any one symbol.
    One,
    /// `*`: any number of symbols, none too.
    Many,
    /// `[...]`: one symbol of a class.
    Class(Class),
}

impl Glob {
    /// Longest glob in bytes. Longer than any path that a person would read and approve.
    pub const MAX: usize = 1024;

    /// Reads a glob over whole paths: it begins with `/`.
    ///
    /// # Errors
    ///
    /// [`GlobError`] for anything that glob/1 does not define.
    pub fn path(text: &str) -> Result<Self, GlobError> {
        parse::path(text).map(|segments| Self::new(text, segments))
    }

    /// Reads a glob over the last component of a path: no `/`, no `**`.
    ///
    /// # Errors
    ///
    /// [`GlobError`] for anything that glob/1 does not define.
    pub fn name(text: &str) -> Result<Self, GlobError> {
        parse::name(text).map(|tokens| Self::new(text, vec![Segment::Tokens(tokens)]))
    }

    fn new(text: &str, segments: Vec<Segment>) -> Self {
        let folded = segments.iter().map(Segment::folded).collect();
        Self { text: text.to_owned(), exact: Program::new(segments), folded: Program::new(folded) }
    }

    /// The glob as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a whole path matches. The symbols are those of [`crate::fold::symbols`], folded if `folded`.
    #[must_use]
    pub fn matches_path(&self, path: &[Symbol], folded: bool) -> bool {
        self.program(folded).matches_path(path)
    }

    /// Whether one component matches. The symbols are those of [`crate::fold::symbols`], folded if `folded`.
    #[must_use]
    pub fn matches_name(&self, name: &[Symbol], folded: bool) -> bool {
        match self.program(folded).segments.as_slice() {
            [Segment::Tokens(tokens)] => matches_segment(tokens, name),
            _ => false,
        }
    }

    fn program(&self, folded: bool) -> &Program {
        if folded { &self.folded } else { &self.exact }
    }
}

impl Program {
    fn new(segments: Vec<Segment>) -> Self {
        let mut prefix = Vec::new();
        'segments: for segment in &segments {
            let Segment::Tokens(tokens) = segment else { break };
            prefix.push(SLASH);
            for token in tokens {
                let Token::Symbol(symbol) = token else { break 'segments };
                prefix.push(*symbol);
            }
        }
        Self { prefix, segments }
    }

    /// Matches segment by segment. After a mismatch the last `**` takes one segment more: an earlier one
    /// need not, since whatever it could take, the last one can. So the work is at most the product of the
    /// two lengths, whatever the glob.
    fn matches_path(&self, path: &[Symbol]) -> bool {
        // Prefixes that begin alike mostly end in different symbols: one comparison instead of a call.
        let at_end = path.get(self.prefix.len().saturating_sub(1));
        if self.prefix.last().is_some_and(|last| at_end != Some(last)) || !path.starts_with(&self.prefix) {
            return false;
        }
        let Some((&SLASH, below)) = path.split_first() else { return false };
        let mut rest = if below.is_empty() { None } else { Some(below) };
        let mut at = 0;
        let mut retry: Option<(usize, &[Symbol])> = None;
        loop {
            let matched = match self.segments.get(at) {
                Some(Segment::AnyDepth) if at + 1 == self.segments.len() => return true,
                Some(Segment::AnyDepth) => {
                    at += 1;
                    retry = rest.map(|rest| (at, rest));
                    true
                }
                Some(Segment::Tokens(tokens)) => match rest.map(split_segment) {
                    Some((segment, after)) if matches_segment(tokens, segment) => {
                        at += 1;
                        rest = after;
                        true
                    }
                    _ => false,
                },
                None if rest.is_none() => return true,
                None => false,
            };
            if !matched {
                let Some((again, from)) = retry else { return false };
                let (_, after) = split_segment(from);
                at = again;
                rest = after;
                retry = after.map(|after| (again, after));
            }
        }
    }
}

/// The first segment, and what follows its `/`, if there is one.
fn split_segment(path: &[Symbol]) -> (&[Symbol], Option<&[Symbol]>) {
    let end = path.iter().position(|&symbol| symbol == SLASH).unwrap_or(path.len());
    let (segment, rest) = path.split_at_checked(end).unwrap_or((path, &[]));
    (segment, rest.split_first().map(|(_, rest)| rest))
}

/// Matches symbol by symbol; after a mismatch the last `*` takes one symbol more. See [`Program::matches_path`].
fn matches_segment(tokens: &[Token], segment: &[Symbol]) -> bool {
    if !matches_end(tokens, segment) {
        return false;
    }
    let (mut at, mut next) = (0, 0);
    let mut retry = None;
    loop {
        let matched = match (tokens.get(at), segment.get(next)) {
            (Some(Token::Many), _) if at + 1 == tokens.len() => return true,
            (Some(Token::Many), _) => {
                at += 1;
                retry = Some((at, next));
                true
            }
            (Some(token), Some(&symbol)) if token.reads(symbol) => {
                at += 1;
                next += 1;
                true
            }
            (None, None) => return true,
            _ => false,
        };
        if !matched {
            let Some((again, from)) = retry else { return false };
            if from >= segment.len() {
                return false;
            }
            (at, next) = (again, from + 1);
            retry = Some((again, from + 1));
        }
    }
}

/// Whether what stands behind the last `*` stands at the end: most names are told apart here.
fn matches_end(tokens: &[Token], segment: &[Symbol]) -> bool {
    let mut symbols = segment.iter().rev();
    let mut behind = tokens.iter().rev().take_while(|token| !matches!(token, Token::Many));
    behind.all(|token| symbols.next().is_some_and(|symbol| token.reads(*symbol)))
}

impl Segment {
    fn folded(&self) -> Self {
        match self {
            Self::AnyDepth => Self::AnyDepth,
            Self::Tokens(tokens) => Self::Tokens(tokens.iter().map(Token::folded).collect()),
        }
    }
}

impl Token {
    /// Whether this token, other than `*`, reads `symbol`.
    fn reads(&self, symbol: Symbol) -> bool {
        match self {
            Self::Symbol(own) => *own == symbol,
            Self::One => true,
            Self::Many => false,
            Self::Class(class) => class.contains(symbol),
        }
    }

    fn folded(&self) -> Self {
        match self {
            Self::Symbol(symbol) => Self::Symbol(fold(*symbol)),
            Self::Class(class) => Self::Class(class.folded()),
            Self::One => Self::One,
            Self::Many => Self::Many,
        }
    }
}

const SLASH: Symbol = b'/' as Symbol;

#[cfg(test)]
mod tests;
