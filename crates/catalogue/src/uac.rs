//! Artifacts of the Unix-like Artifacts Collector.
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

use crate::definition::{Definition, Origin, Part, Places, Reason, Refusal, shown};
use crate::place::{self, Step, Wildcards};
use crate::yaml::Node;

pub(crate) fn definition(origin: &Origin, stem: &str, documents: &[Node]) -> Option<Definition> {
    let node = documents.first()?;
    let artifacts = node.get("artifacts").and_then(Node::list);
    let doc = artifacts.and_then(|all| all.first()?.get("description")?.text()).unwrap_or_default();
    let mut definition = Definition::new(origin, stem, doc);
    for (key, _) in node.table().unwrap_or_default() {
        match key.as_str() {
            "version" | "artifacts" | "output_directory" | "output_file" => {}
            key => definition.refuse("artifact", refused_key(key)),
        }
    }
    match artifacts {
        Some(artifacts) if documents.len() == 1 => definition.parts.extend(artifacts.iter().map(part)),
        _ => definition.refuse("artifact", Reason::Form("it has no list of artifacts".to_owned())),
    }
    Some(definition)
}

fn part(artifact: &Node) -> Part {
    expressed(artifact).unwrap_or_else(|reason| {
        let what = artifact.get("collector").and_then(Node::text).unwrap_or("artifact");
        Part::Refused(Refusal { what: shown(what), reason })
    })
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

fn expressed(artifact: &Node) -> Result<Part, Reason> {
    let text = |key: &str| artifact.get(key).and_then(Node::text);
    match text("collector") {
        Some("file") => {}
        Some("command") => return Err(Reason::NotFiles("the output of a command")),
        Some("find" | "hash" | "stat") => return Err(Reason::NotFiles("a listing of files, not the files")),
        _ => return Err(Reason::Form("an unknown collector".to_owned())),
    }
    let mut wider = Vec::new();
    for (key, _) in artifact.table().unwrap_or_default() {
        match key.as_str() {
            "description" | "supported_os" | "collector" | "path" | "path_pattern" | "name_pattern"
            | "max_depth" | "file_type" | "min_file_size" | "max_file_size" | "output_directory"
            | "output_file" => {}
            // What no medium has, or what is for the run on a living system.
            "exclude_file_system" => wider.push("mounts are volumes of their own on a medium"),
            "ignore_date_range" => {
                wider.push("no period is asked for; add a `time` where the order names one")
            }
            "exclude_nologin_users" => wider.push("homes of accounts that cannot log in are meant, too"),
            key => return Err(refused_key(key)),
        }
    }
    let path = text("path").ok_or_else(|| Reason::Form("it has no path".to_owned()))?;
    let systems = artifact.get("supported_os").and_then(Node::texts).unwrap_or_default();
    let depth = match text("max_depth") {
        None => None,
        Some(depth) => {
            Some(depth.parse::<usize>().map_err(|_| Reason::Form("`max_depth` is no number".to_owned()))?)
        }
    };
    let starts = starts(path, &systems)?;
    let below = match depth {
        Some(depth) => Step::Any(0, depth),
        None => Step::AnyFrom(0),
    };
    let tails = tails(artifact, path, below, depth)?;
    let mut rows = Vec::new();
    for start in &starts {
        for tail in &tails {
            rows.push(start.iter().chain(tail).cloned().collect());
        }
    }
    let size = |key: &str| match text(key) {
        None => Ok(None),
        Some(size) => {
            size.parse().map(Some).map_err(|_| Reason::Form(format!("`{key}` is no number of bytes")))
        }
    };
    let size = (size("min_file_size")?, size("max_file_size")?);
    let globs = place::all(path, &rows)?;
    Ok(Part::Places(Places { what: "file", globs, kinds: kinds(artifact)?, size, wider }))
}

fn list<'n>(artifact: &'n Node, key: &str) -> Result<Vec<&'n str>, Reason> {
    let Some(node) = artifact.get(key) else { return Ok(Vec::new()) };
    node.text()
        .map(|text| vec![text])
        .or_else(|| node.texts())
        .ok_or_else(|| Reason::Form(format!("`{key}` is no list")))
}

fn kinds(artifact: &Node) -> Result<Vec<&'static str>, Reason> {
    let kinds = list(artifact, "file_type")?;
    if kinds.is_empty() {
        return Ok(vec!["file", "symlink"]);
    }
    let kind = |word: &&str| {
        Ok(match *word {
            "f" => "file",
            "d" => "directory",
            "l" => "symlink",
            "p" => "fifo",
            "s" => "socket",
            "c" => "char-device",
            "b" => "block-device",
            _ => return Err(Reason::Form("an unknown `file_type`".to_owned())),
        })
    };
    kinds.iter().map(kind).collect()
}

/// What may follow the path: everything below it, or what fits the patterns.
fn tails(artifact: &Node, path: &str, below: Step, depth: Option<usize>) -> Result<Vec<Vec<Step>>, Reason> {
    let (names, paths) = (list(artifact, "name_pattern")?, list(artifact, "path_pattern")?);
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    if !names.is_empty() && !paths.is_empty() {
        return Err(Reason::Key(
            "path_pattern".to_owned(),
            "with `name_pattern` beside it, which of them counts is not clear",
        ));
    }
    if !names.is_empty() {
        // The path itself has that name, or something below it does.
        let below = match depth {
            Some(0) => return Err(refused("with a depth of 0 only the path itself could have the name")),
            Some(depth) => Step::Any(0, depth.saturating_sub(1)),
            None => below,
        };
        let tail = |name: &&str| {
            let name = place::segment(name, Wildcards::Classes).map_err(refused)?;
            Ok(vec![below.clone(), Step::Segment(name)])
        };
        return names.iter().map(tail).collect();
    }
    if paths.is_empty() {
        // A path with a wildcard at its end names what is in a folder; it is meant with all below it.
        return Ok(vec![vec![below]]);
    }
    if depth.is_some() {
        return Err(Reason::Key("path_pattern".to_owned(), "with `max_depth` beside it"));
    }
    paths.iter().map(|pattern| pattern_tail(pattern)).collect()
}

/// `*/Cache/*`: in `find`, a star crosses `/`; only those that stand for whole segments can be said.
fn pattern_tail(pattern: &str) -> Result<Vec<Step>, Reason> {
    let no = || Reason::Key("path_pattern".to_owned(), "a star that crosses `/` within a name");
    let rest = pattern.strip_prefix("*/").ok_or_else(no)?;
    let (inner, open) = match rest.strip_suffix("/*") {
        Some(inner) => (inner, true),
        None => (rest, false),
    };
    let mut steps = vec![Step::AnyFrom(0)];
    for part in inner.split('/') {
        if part.is_empty() || part.contains(['*', '?', '[', '\\']) {
            return Err(no());
        }
        steps.push(Step::Segment(place::segment(part, Wildcards::Classes).map_err(|_| no())?));
    }
    if open {
        steps.push(Step::AnyFrom(1));
    }
    Ok(steps)
}

/// The rows of steps that a path may stand for. Quotes are the shell's.
fn starts(path: &str, systems: &[&str]) -> Result<Vec<Vec<Step>>, Reason> {
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    let mut plain = String::new();
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' | '\t' if !quoted => return Err(refused("a space outside quotes")),
            '\\' | '\'' | '$' | '`' | '{' | '}' => return Err(refused("a character that a shell reads")),
            '*' | '?' | '[' if quoted => return Err(refused("a wildcard within quotes")),
            c => plain.push(c),
        }
    }
    if quoted {
        return Err(refused("a quote that is not closed"));
    }
    let segments: Vec<&str> = plain.split('/').filter(|segment| !segment.is_empty()).collect();
    if !plain.starts_with('/') {
        return Err(match plain.strip_prefix('%').and_then(|rest| rest.split_once('%')) {
            Some((name, _)) => Reason::Parameter(shown(name)),
            None => refused("it does not begin at the root of a volume"),
        });
    }
    let (homes, rest) = match segments.split_first() {
        Some((&"%user_home%", rest)) => (homes(systems)?, rest),
        _ => (vec![String::new()], segments.as_slice()),
    };
    let mut tail = Vec::new();
    for segment in rest {
        if segment.contains('%') {
            return Err(Reason::Parameter(shown(segment)));
        }
        tail.push(Step::Segment(place::segment(segment, Wildcards::Classes).map_err(refused)?));
    }
    Ok(homes
        .iter()
        .map(|home| place::plain(home).into_iter().chain(tail.iter().cloned()).collect())
        .collect())
}

/// Where systems keep the folders of their users.
fn homes(systems: &[&str]) -> Result<Vec<String>, Reason> {
    let all = ["linux", "macos"];
    let systems = if systems.is_empty() || systems.contains(&"all") { &all } else { systems };
    let mut homes: Vec<&str> = Vec::new();
    for system in systems {
        homes.extend(match *system {
            "linux" => ["/home/*", "/root"].as_slice(),
            "macos" => &["/Users/*", "/private/var/root"],
            "freebsd" | "openbsd" | "netbsd" => &["/home/*", "/usr/home/*", "/root"],
            "solaris" => &["/export/home/*", "/home/*", "/root"],
            _ => return Err(Reason::Parameter("user_home".to_owned())),
        });
    }
    homes.sort_unstable();
    homes.dedup();
    Ok(homes.into_iter().map(str::to_owned).collect())
}
