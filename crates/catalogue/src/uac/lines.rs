//! UAC's files as UAC's own reader has them: line by line.
//!
//! They look like YAML and often are not: `path: %user_home%/.x`, `condition: ! cmd`, commands between lines of `"""`.
//! Everything behind a `#` is cut off, whatever stands before it; a line is a key and the rest of it; a dash alone ends an
//! entry; a list stands in its line. What that reader would pass over without a word is an error here.

use crate::MAX_FILE;
use crate::yaml::{MAX_NODES, Node, Value, YamlError};

/// The tables of a file: what stands above `artifacts:`, with the list of the entries in it.
pub(super) fn document(bytes: &[u8]) -> Result<Node, YamlError> {
    if bytes.len() > MAX_FILE {
        return Err(YamlError::Size(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| YamlError::Utf8(error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut head: Vec<(String, Node)> = Vec::new();
    let mut entries: Option<(usize, Vec<Node>)> = None;
    let mut open: Option<&str> = None;
    let mut nodes = 0_usize;
    for (at, raw) in text.lines().enumerate() {
        let line = at.saturating_add(1);
        let refused = |what| Err(YamlError::Refused { line, what });
        let own = raw.split_once('#').map_or(raw, |(own, _)| own);
        let cut = own.len() < raw.len() && own.ends_with(|c: char| !c.is_whitespace());
        let own = own.trim();
        if open.is_some() {
            open = open.filter(|_| own != BLOCK);
            continue;
        }
        if own.is_empty() {
            continue;
        }
        nodes = nodes.saturating_add(1);
        if nodes > MAX_NODES {
            return refused("one value too many");
        }
        let (word, value) = own.split_once(char::is_whitespace).unwrap_or((own, ""));
        let value = value.trim();
        if word == "-" {
            match &mut entries {
                None => return refused("a dash above `artifacts:`"),
                Some((_, entries)) if value.is_empty() => {
                    entries.push(Node { line, value: Value::Table(Vec::new()) });
                }
                Some((_, entries)) => entries.push(Node { line, value: Value::Text(value.to_owned()) }),
            }
            continue;
        }
        let Some(key) = word.strip_suffix(':').filter(|key| !key.is_empty()) else {
            return refused("a line that is neither a key nor a dash");
        };
        if key == "artifacts" {
            if entries.is_some() || !value.is_empty() {
                return refused("`artifacts:` twice, or with something behind it");
            }
            entries = Some((line, Vec::new()));
            continue;
        }
        let runs = matches!(key, "command" | "condition" | "foreach");
        if runs && value == BLOCK {
            open = Some(BLOCK);
        }
        if cut && !runs && key != "description" {
            return refused("a `#` within a value, where UAC cuts the line off");
        }
        let table = match &mut entries {
            None => &mut head,
            Some((_, entries)) => match entries.last_mut().map(|own| &mut own.value) {
                Some(Value::Table(table)) => table,
                Some(_) => return refused("a key below something that stands behind its dash"),
                None => return refused("a key below `artifacts:` without a dash"),
            },
        };
        if table.iter().any(|(own, _)| own == key) {
            return refused("a key that stands twice");
        }
        let value = if LISTS.contains(&key) { list(line, value) } else { Value::Text(value.to_owned()) };
        table.push((key.to_owned(), Node { line, value }));
    }
    if open.is_some() {
        return Err(YamlError::Refused { line: text.lines().count(), what: "a `\"\"\"` that is not closed" });
    }
    if let Some((line, entries)) = entries {
        head.push(("artifacts".to_owned(), Node { line, value: Value::List(entries) }));
    }
    Ok(Node { line: 1, value: Value::Table(head) })
}

/// `["a", "b"]`: commas and bars part, quotes fall away, and nothing in between is nothing.
fn list(line: usize, text: &str) -> Value {
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    let item = |item: &str| item.trim().replace(['"', '\''], "");
    let items = text.split([',', '|']).map(item).filter(|item| !item.is_empty());
    Value::List(items.map(|item| Node { line, value: Value::Text(item) }).collect())
}

/// What begins and ends a command of several lines.
const BLOCK: &str = "\"\"\"";

/// The keys whose value is a list.
const LISTS: [&str; 8] = [
    "supported_os",
    "name_pattern",
    "path_pattern",
    "exclude_name_pattern",
    "exclude_path_pattern",
    "exclude_file_system",
    "file_type",
    "permissions",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

    use super::*;

    #[test]
    fn lines_are_read_as_they_stand() {
        let text = "version: 1.0 # one\ncondition: ! here\nartifacts:\n  -\n    path: %user_home%/.x \"a b\"\n    name_pattern: [\"*.a\", 'b', , c|d]\n    command: \"\"\"\n      no key\n    \"\"\"\n  -\n    file_type: f\n";
        let found = document(text.as_bytes()).unwrap();
        assert_eq!(found.get("version").unwrap().text(), Some("1.0"));
        let entries = found.get("artifacts").unwrap().list().unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].get("path").unwrap().text(), Some("%user_home%/.x \"a b\""));
        assert_eq!(entries[0].get("name_pattern").unwrap().texts(), Some(vec!["*.a", "b", "c", "d"]));
        assert_eq!(entries[1].get("file_type").unwrap().texts(), Some(vec!["f"]));
    }

    #[test]
    fn what_uac_would_pass_over_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = document(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("artifacts:\n  -\n    path: /a#b\n", "line 3: a `#` within a value");
        check("artifacts:\n  -\n    path: /a\n    path: /b\n", "line 4: a key that stands twice");
        check("artifacts:\n  -\n    command: \"\"\"\n    x\n", "not closed");
        check("artifacts:\n  - path: /a\n    x: y\n", "behind its dash");
        check("artifacts:\n    x: y\n", "without a dash");
        check("some words\n", "line 1: a line that is neither");
        check("-\n", "a dash above");
        check(&"- x\n".repeat(MAX_NODES + 2), "a dash above");
        check(&("artifacts:\n".to_owned() + &"-\n".repeat(MAX_NODES + 2)), "one value too many");
        check(&"a".repeat(MAX_FILE + 1), "bytes");
    }
}
