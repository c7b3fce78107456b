//! Artifacts of the Unix-like Artifacts Collector, as its version 3 reads them.
//!
//! ```text
//! version: 1.0
//! artifacts:
//!   -
//!     description: Collect shell history files.
//!     supported_os: [linux]
//!     collector: file
//!     path: /%user_home%
//!     name_pattern: [".bash_history"]
//!     max_depth: 2
//! ```

mod homes;
mod lines;
mod tails;

use crate::YamlError;
use crate::definition::{Definition, Note, Origin, Part, Places, Reason, Refusal, shown};
use crate::place::{self, Step};
use crate::yaml::{Node, Value};

use tails::Taken;

pub(crate) fn definition(origin: &Origin, stem: &str, bytes: &[u8]) -> Result<Definition, YamlError> {
    let node = lines::document(bytes)?;
    let doc = node.get("description").and_then(Node::text).unwrap_or_default();
    let mut definition = Definition::new(origin, stem, doc);
    let artifacts = node.get("artifacts").and_then(Node::list).unwrap_or_default();
    if node.get("name").is_some() || artifacts.iter().any(|own| matches!(own.value, Value::Text(_))) {
        let what = "it is a profile, or names files behind its dashes; select the definitions that it names";
        definition.refuse("profile", Reason::Form(what.to_owned()));
        return Ok(definition);
    }
    for (key, _) in node.table().unwrap_or_default() {
        match key.as_str() {
            "version" | "description" | "artifacts" | "output_directory" | "output_file" => {}
            key => definition.refuse("artifact", refused_key(key)),
        }
    }
    if artifacts.is_empty() {
        definition.refuse("artifact", Reason::Form("it has no list of artifacts".to_owned()));
    }
    definition.parts.extend(artifacts.iter().flat_map(parts));
    Ok(definition)
}

fn parts(artifact: &Node) -> Vec<Part> {
    match expressed(artifact) {
        Ok(all) => all.into_iter().map(Part::Places).collect(),
        Err(reason) => {
            let what = artifact.get("collector").and_then(Node::text).unwrap_or("artifact");
            vec![Part::Refused(Refusal { what: shown(what), reason })]
        }
    }
}

fn refused_key(key: &str) -> Reason {
    Reason::Key(
        shown(key),
        match key {
            "condition" | "foreach" | "command" | "modifier" => "it runs a command",
            "exclude_path_pattern" | "exclude_name_pattern" => {
                "it takes away from what is meant; write the path and an `unless` by hand"
            }
            "permissions" | "no_group" | "no_user" => "a policy has no condition on it",
            "is_file_list" => "the files are named in the output of a command",
            _ => "it is unknown, and may narrow what is meant",
        },
    )
}

/// The places of an artifact: several where files, links and what lies in folders are bound in different ways.
fn expressed(artifact: &Node) -> Result<Vec<Places>, Reason> {
    let text = |key: &str| artifact.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    match text("collector") {
        Some("file") => {}
        Some("command") => return Err(Reason::NotFiles("the output of a command")),
        Some("find" | "hash" | "stat") => return Err(Reason::NotFiles("a listing of files, not the files")),
        _ => return Err(Reason::Form("an unknown collector".to_owned())),
    }
    let mut notes = Vec::new();
    for (key, value) in artifact.table().unwrap_or_default() {
        match key.as_str() {
            // No period is asked for, so that one that is ignored changes nothing.
            "description" | "supported_os" | "collector" | "path" | "path_pattern" | "name_pattern"
            | "max_depth" | "file_type" | "min_file_size" | "max_file_size" | "output_directory"
            | "output_file" | "ignore_date_range" => {}
            "no_group" | "no_user" | "is_file_list" if value.text() == Some("false") => {}
            "exclude_file_system" => {
                notes
                    .push(Note::Wider("file systems that are left out are volumes of their own on a medium"));
            }
            "exclude_nologin_users" => {}
            key => return Err(refused_key(key)),
        }
        let homes = text("path").is_some_and(|path| path.contains("%user_home%"));
        if key == "exclude_nologin_users" && value.text() != Some("false") && homes {
            notes.push(Note::Wider("homes of accounts that cannot log in are meant, too"));
        }
    }
    let path = text("path").ok_or_else(|| Reason::Form("it has no path".to_owned()))?;
    let systems = list(artifact, "supported_os");
    if systems.is_empty() {
        return Err(Reason::Form("it has no `supported_os`, and UAC passes over it".to_owned()));
    }
    let depth = match text("max_depth") {
        None => None,
        Some("0") => {
            let why = "0 is the path alone in UAC 2, and no bound in UAC 3";
            return Err(Reason::Key("max_depth".to_owned(), why));
        }
        Some(depth) => Some(number("max_depth", depth)?),
    };
    let mut starts = Vec::new();
    for path in paths(path)? {
        let (own, note) = homes::starts(&path, &systems)?;
        starts.extend(own);
        for note in note.into_iter().flatten() {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    // `-size +Nc` and `-size -Nc`: more than, and less than.
    let min = text("min_file_size").map(|size| bytes("min_file_size", size)).transpose()?;
    let max = text("max_file_size").map(|size| bytes("max_file_size", size)).transpose()?;
    let min = min.map(|least| least.saturating_add(1));
    let max = match max {
        Some(0) => return Err(Reason::Key("max_file_size".to_owned(), "no file is smaller than 0 bytes")),
        max => max.map(|most| most.saturating_sub(1)),
    };
    let label = shown(text("description").unwrap_or_default());
    let mut all = Vec::new();
    for taken in tails::taken(artifact, (min, max))? {
        let rows = tails::rows(artifact, path, &starts, depth, &taken)?;
        let Taken { kinds, size, notes: own, .. } = taken;
        let mut notes = notes.clone();
        notes.extend(own);
        if depth.is_some() && taken.whole_folders && list(artifact, "name_pattern").is_empty() {
            notes.push(Note::Narrower(
                "UAC 3 lists folders as well, and takes all in them, deeper than `max_depth`",
            ));
        }
        let globs = place::all(path, &rows)?;
        all.push(Places { what: "file", label: label.clone(), globs, kinds, size, folded: false, notes });
    }
    Ok(all)
}

fn number(key: &str, text: &str) -> Result<usize, Reason> {
    text.parse().map_err(|_| Reason::Form(format!("`{key}` is no number")))
}

/// `10`, `10k`, `1g`: in steps of 1,024.
fn bytes(key: &str, text: &str) -> Result<u64, Reason> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default().to_ascii_lowercase();
    let steps = match unit.as_str() {
        "" | "c" => 0,
        "k" | "kb" => 1,
        "m" | "mb" => 2,
        "g" | "gb" => 3,
        "t" | "tb" => 4,
        _ => return Err(Reason::Form(format!("`{key}` is no number of bytes"))),
    };
    let size = digits.parse::<u64>().ok().and_then(|size| size.checked_mul(1024_u64.pow(steps)));
    size.ok_or_else(|| Reason::Form(format!("`{key}` is no number of bytes")))
}

/// A list of the reader of lines; nothing where there is none.
fn list<'n>(artifact: &'n Node, key: &str) -> Vec<&'n str> {
    artifact.get(key).and_then(Node::texts).unwrap_or_default()
}

/// The paths of a `path`, as a shell takes them apart: spaces part, and quotes keep together.
fn paths(text: &str) -> Result<Vec<String>, Reason> {
    let refused = |why: &str| Reason::Path(text.to_owned(), why.to_owned());
    let mut paths = Vec::new();
    let mut own = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                paths.push(std::mem::take(&mut own));
            }
            '\\' | '\'' | '$' | '`' | '{' | '}' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                return Err(refused("a character that a shell reads"));
            }
            '*' | '?' | '[' if quoted => return Err(refused("a wildcard within quotes")),
            c => own.push(c),
        }
    }
    if quoted {
        return Err(refused("a quote that is not closed"));
    }
    paths.push(own);
    paths.retain(|own| !own.is_empty());
    Ok(paths)
}

/// Where a search begins.
struct Start {
    steps: Vec<Step>,
    /// The last name of it, as a glob, which patterns of names are held against; none where it is a home.
    last: Option<String>,
    /// How deep it goes there, whatever the artifact says: UAC bounds a home that is the root.
    depth: Option<usize>,
}
