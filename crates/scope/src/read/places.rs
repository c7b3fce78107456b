//! Where things stand in `policy.toml`, for remarks on a policy that is sound.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::doc::Doc;
use crate::problem::Problem;

/// The text of a policy, and where each of its keys and values stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    file: String,
    text: String,
    /// By path: `selector.logs.path.3`, `rule.0.id`.
    spans: BTreeMap<String, Range<usize>>,
}

impl Places {
    pub(super) fn of(file: &str, text: &str, root: &DeTable<'_>) -> Self {
        let mut places = Self { file: file.to_owned(), text: text.to_owned(), spans: BTreeMap::new() };
        for (key, value) in root {
            places.add(key.get_ref().to_string(), key.span(), value.get_ref(), MAX_DEPTH);
        }
        places
    }

    fn add(&mut self, path: String, span: Range<usize>, value: &DeValue<'_>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else { return };
        match value {
            DeValue::Table(table) => {
                for (key, value) in table {
                    self.add(format!("{path}.{}", key.get_ref()), key.span(), value.get_ref(), depth);
                }
            }
            DeValue::Array(array) => {
                for (at, value) in array.iter().enumerate() {
                    self.add(format!("{path}.{at}"), value.span(), value.get_ref(), depth);
                }
            }
            _ => {}
        }
        self.spans.insert(path, span);
    }

    /// Every text of the policy, and every line of it as it stands, but for the values whose path is `hidden`.
    pub(crate) fn texts(&self, hidden: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
        let mut texts = BTreeSet::new();
        let (parsed, _) = DeTable::parse_recoverable(&self.text);
        for (key, value) in parsed.get_ref() {
            texts.insert(key.get_ref().to_string());
            gather(key.get_ref().to_string(), value.get_ref(), MAX_DEPTH, hidden, &mut texts);
        }
        // What is hidden is cut out of the lines; what stands in a comment beside it is not.
        let spans = self.spans.iter().filter(|(path, _)| hidden(path)).map(|(_, span)| span.clone());
        let mut spans: Vec<Range<usize>> = spans.collect();
        spans.sort_by_key(|span| span.start);
        let (mut lines, mut from) = (String::new(), 0);
        for span in spans {
            lines += self.text.get(from..span.start).unwrap_or_default();
            from = span.end.max(from);
        }
        lines += self.text.get(from..).unwrap_or_default();
        texts.extend(lines.lines().map(str::to_owned));
        texts
    }

    /// A problem at `path`; of the whole file, where nothing stands there.
    pub(crate) fn problem(&self, path: &str, message: &str, hint: &str) -> Problem {
        let mut doc = Doc::new(&self.file, &self.text);
        match self.spans.get(path) {
            Some(span) => doc.report(span.clone(), message, Some(hint.to_owned())),
            None => doc.report_file(&self.file, message, Some(hint.to_owned())),
        }
        doc.problems.into_iter().map(|(_, problem)| problem).next().unwrap_or_else(|| Problem {
            file: self.file.clone(),
            line: 0,
            column: 0,
            message: message.to_owned(),
            snippet: String::new(),
            hint: Some(hint.to_owned()),
        })
    }
}

/// The keys and texts below a value.
fn gather(
    path: String,
    value: &DeValue<'_>,
    depth: usize,
    hidden: &dyn Fn(&str) -> bool,
    texts: &mut BTreeSet<String>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                texts.insert(key.get_ref().to_string());
                gather(format!("{path}.{}", key.get_ref()), value.get_ref(), depth, hidden, texts);
            }
        }
        DeValue::Array(array) => {
            for (at, value) in array.iter().enumerate() {
                gather(format!("{path}.{at}"), value.get_ref(), depth, hidden, texts);
            }
        }
        DeValue::String(text) if !hidden(&path) => {
            texts.insert(text.to_string());
        }
        _ => {}
    }
}

/// How deep places are kept: `selector.X.path.0`, `selector.X.time.of.0`, and one more.
const MAX_DEPTH: usize = 6;
