//! A file being read: where things stand in it, and what is wrong with it.

use std::ops::Range;

use crate::problem::Problem;

/// Most problems that are collected. Who has more reads the first of them first.
pub(super) const MAX_PROBLEMS: usize = 200;

/// Longest piece of a line that is shown, in characters: it fits a terminal with its line number.
const MAX_SHOWN: usize = 160;

/// One file of a bundle and the problems found so far.
pub(super) struct Doc<'a> {
    file: &'a str,
    text: &'a str,
    /// The TOML itself is faulty: what seems missing may stand in a part that could not be read.
    pub(super) faulty: bool,
    pub(super) problems: Vec<(usize, Problem)>,
}

impl<'a> Doc<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, faulty: false, problems: Vec::new() }
    }

    /// Adds a problem at a range of bytes.
    pub(super) fn report(&mut self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line_text = self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let marked = self.text.get(span.clone()).unwrap_or_default().lines().next().unwrap_or_default();
        let problem = Problem {
            file: self.file.to_owned(),
            line: before.bytes().filter(|&byte| byte == b'\n').count().saturating_add(1),
            column: column.saturating_add(1),
            message: message.into(),
            snippet: snippet(line_text, column, marked.chars().count()),
            hint,
        };
        self.problems.push((span.start, problem));
    }

    /// Adds a problem that has no place.
    pub(super) fn report_file(&mut self, file: &str, message: impl Into<String>, hint: Option<String>) {
        if self.problems.len() < MAX_PROBLEMS {
            let (file, message, snippet) = (file.to_owned(), message.into(), String::new());
            self.problems.push((usize::MAX, Problem { file, line: 0, column: 0, message, snippet, hint }));
        }
    }

    /// Adds a problem at a line of a list file.
    pub(super) fn report_line(&mut self, file: &str, line: usize, message: &str) {
        if self.problems.len() < MAX_PROBLEMS {
            let (file, message) = (file.to_owned(), message.to_owned());
            let problem = Problem { file, line, column: 1, message, snippet: String::new(), hint: None };
            self.problems.push((usize::MAX, problem));
        }
    }
}

/// The line, cut to the part around the column, and carets below it. Nothing in it can steer a terminal.
fn snippet(line: &str, column: usize, marked: usize) -> String {
    let skip = if line.chars().count() > MAX_SHOWN { column.saturating_sub(MAX_SHOWN / 2) } else { 0 };
    let plain = |c: char| {
        if c == '\t' {
            ' '
        } else if is_visible(c) {
            c
        } else {
            '\u{FFFD}'
        }
    };
    let shown: String = line.chars().skip(skip).take(MAX_SHOWN).map(plain).collect();
    let indent = column.saturating_sub(skip);
    let room = shown.chars().count().saturating_sub(indent).max(1);
    format!("{shown}\n{:indent$}{}", "", "^".repeat(marked.clamp(1, room)))
}

/// Whether a character can be seen and leaves its neighbours where they are.
///
/// Control characters are not, nor are the invisible ones that reorder or hide text.
pub fn is_visible(c: char) -> bool {
    let hidden = matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{600}'..='\u{605}' | '\u{61C}' | '\u{6DD}' | '\u{70F}' | '\u{890}' | '\u{891}' | '\u{8E2}'
        | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{2800}' | '\u{E000}'..='\u{F8FF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{110BD}' | '\u{110CD}'
        | '\u{13430}'..='\u{1345F}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D159}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}' | '\u{F0000}'..='\u{10FFFF}');
    !c.is_control() && !hidden
}

/// A hint that names the nearest of `known`, where one is near; else one that names them all, where they are few.
pub(super) fn did_you_mean<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    let near = known.iter().map(|word| (distance(found, word), *word)).min();
    match near {
        Some((steps, word)) if steps <= 2.max(found.chars().count() / 3) => {
            Some(format!("did you mean `{word}`?"))
        }
        Some(_) if known.len() <= 16 => Some(format!("expected one of {}", known.join(", "))),
        _ => None,
    }
}

/// How many characters must be inserted, removed or replaced; texts are compared up to 64 characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (y, &above) in b.iter().zip(row.iter().skip(1)) {
            left = (corner.saturating_add(usize::from(x != *y)))
                .min(above.saturating_add(1))
                .min(left.saturating_add(1));
            next.push(left);
            corner = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        for (found, expected) in
            [("tenant-wbe", Some("tenant-web")), ("tenantweb", Some("tenant-web")), ("other", None)]
        {
            let words = ["tenant-web", "logs"].into_iter().chain((0..20).map(|_| "unlikely-word"));
            assert_eq!(did_you_mean(found, words), expected.map(|word| format!("did you mean `{word}`?")));
        }
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "abc")), (3, 3, 0));
    }

    #[test]
    fn a_snippet_cannot_steer_a_terminal() {
        assert_eq!(snippet("a\t\u{1b}[2J\u{202e}x", 1, 3), "a \u{FFFD}[2J\u{FFFD}x\n ^^^");
        assert_eq!(snippet("", 0, 0), "\n^");
        let long = snippet(&"x".repeat(1000), 500, 900);
        assert!(long.lines().all(|line| line.chars().count() <= MAX_SHOWN), "{long}");
    }
}
