//! Where things stand in `policy.toml`, for remarks on a policy that is sound.

use std::collections::BTreeMap;
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

/// How deep places are kept: `selector.X.path.0`, `selector.X.time.of.0`, and one more.
const MAX_DEPTH: usize = 6;
