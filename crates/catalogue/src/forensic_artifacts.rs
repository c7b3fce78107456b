//! Definitions of the Digital Forensics Artifact Repository.
//!
//! ```text
//! name: WindowsPrefetchFiles
//! doc: Windows Prefetch files.
//! sources:
//! - type: FILE
//!   attributes: {paths: ['%%environ_systemroot%%\Prefetch\*.pf'], separator: '\'}
//! supported_os: [Windows]
//! ```

use crate::definition::{Definition, Origin, Part, Places, Reason, Refusal};
use crate::place::{self, Step, Wildcards};
use crate::yaml::Node;

pub(crate) fn definition(origin: &Origin, node: &Node) -> Definition {
    let text = |key: &str| node.get(key).and_then(Node::text).unwrap_or_default();
    let mut definition = Definition::new(origin, text("name"), text("doc"));
    if definition.name.is_empty() {
        definition.name = format!("line {}", node.line);
        definition.refuse("definition", Reason::Form("it has no name".to_owned()));
    }
    let known = ["name", "doc", "sources", "supported_os", "urls", "aliases", "labels", "provides"];
    for (key, _) in node.table().unwrap_or_default() {
        if !known.contains(&key.as_str()) {
            definition.refuse("definition", unknown(key));
        }
    }
    let systems = node.get("supported_os").and_then(Node::texts).unwrap_or_default();
    let Some(sources) = node.get("sources").and_then(Node::list) else {
        definition.refuse("definition", Reason::Form("it has no list of sources".to_owned()));
        return definition;
    };
    for source in sources {
        definition.parts.push(part(source, &systems));
    }
    definition
}

fn unknown(key: &str) -> Reason {
    Reason::Key(crate::definition::shown(key), "it is unknown, and may narrow what is meant")
}

fn part(source: &Node, systems: &[&str]) -> Part {
    let what = source.get("type").and_then(Node::text).unwrap_or("source");
    match expressed(source, what, systems) {
        Ok(part) => part,
        Err(reason) => Part::Refused(Refusal { what: crate::definition::shown(what), reason }),
    }
}

fn expressed(source: &Node, what: &str, systems: &[&str]) -> Result<Part, Reason> {
    for (key, _) in source.table().unwrap_or_default() {
        if !["type", "attributes", "supported_os", "provides"].contains(&key.as_str()) {
            return Err(match key.as_str() {
                "conditions" => Reason::Key("conditions".to_owned(), "it asks the running system"),
                key => unknown(key),
            });
        }
    }
    let kinds: &[&str] = match what {
        // A link is an item of its own, whose target is a fact and is not followed.
        "FILE" => &["file", "symlink"],
        // What stands there itself, and nothing below it.
        "PATH" => &["file", "directory", "symlink"],
        "ARTIFACT_GROUP" => {
            let names = source.get("attributes").and_then(|own| own.get("names")).and_then(Node::texts);
            let names = names.ok_or_else(|| Reason::Form("a group has no list of names".to_owned()))?;
            return Ok(Part::Group(names.into_iter().map(str::to_owned).collect()));
        }
        "REGISTRY_KEY" | "REGISTRY_VALUE" => {
            return Err(Reason::NotFiles("a part of a registry, whose file can be taken instead"));
        }
        "WMI" => return Err(Reason::NotFiles("a question to a running Windows")),
        "COMMAND" => return Err(Reason::NotFiles("the output of a command")),
        _ => {
            return Err(Reason::Form(format!(
                "an unknown type of source, `{}`",
                crate::definition::shown(what)
            )));
        }
    };
    let what = if what == "FILE" { "FILE" } else { "PATH" };
    let attributes = source.get("attributes").and_then(Node::table).unwrap_or_default();
    if let Some((key, _)) = attributes.iter().find(|(key, _)| !["paths", "separator"].contains(&key.as_str()))
    {
        return Err(unknown(key));
    }
    let attribute = |key: &str| source.get("attributes").and_then(|own| own.get(key));
    let separator = match attribute("separator").map(Node::text) {
        None | Some(Some("/")) => '/',
        Some(Some("\\")) => '\\',
        Some(_) => return Err(Reason::Form("the separator is neither `/` nor `\\`".to_owned())),
    };
    let paths = attribute("paths").and_then(Node::texts).filter(|paths| !paths.is_empty());
    let paths = paths.ok_or_else(|| Reason::Form("it has no list of paths".to_owned()))?;
    let own = source.get("supported_os").and_then(Node::texts);
    let systems = own.as_deref().unwrap_or(systems);
    let mut globs: Vec<String> = Vec::new();
    for path in paths {
        for glob in place::all(path, &rows(path, separator, systems)?)? {
            if !globs.contains(&glob) {
                globs.push(glob);
            }
        }
    }
    Ok(Part::Places(Places {
        what,
        label: String::new(),
        globs,
        kinds: kinds.to_vec(),
        size: (None, None),
        folded: separator == '\\' || systems == ["Windows"],
        notes: Vec::new(),
    }))
}

/// The rows of steps that a path may stand for.
fn rows(path: &str, separator: char, systems: &[&str]) -> Result<Vec<Vec<Step>>, Reason> {
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    let mut segments: Vec<&str> = path.split(separator).collect();
    if segments.len() > 1 && segments.last() == Some(&"") {
        segments.pop();
    }
    let (first, rest) = segments.split_first().ok_or_else(|| refused("it is empty"))?;
    let mut tail = Vec::new();
    for segment in rest {
        if separator == '\\' && segment.contains('/') {
            return Err(refused("it has both separators"));
        }
        tail.push(step(path, segment)?);
    }
    let starts = starts(path, first, systems)?;
    Ok(starts.into_iter().map(|start| start.into_iter().chain(tail.iter().cloned()).collect()).collect())
}

fn step(path: &str, segment: &str) -> Result<Step, Reason> {
    if let Some(depth) = segment.strip_prefix("**") {
        if depth.is_empty() {
            return Ok(Step::AnyFrom(1));
        }
        if let Ok(depth) = depth.parse::<usize>()
            && depth > 0
        {
            return Ok(Step::Any(1, depth));
        }
    }
    let mut text = String::new();
    for (at, part) in segment.split("%%").enumerate() {
        match (at % 2, part) {
            (0, part) => text.push_str(part),
            (_, "users.username") => text.push('*'),
            (_, "users.sid") => text.push_str("S-1-*"),
            (_, other) => return Err(Reason::Parameter(crate::definition::shown(other))),
        }
    }
    let glob = place::segment(&text, Wildcards::Ranges);
    Ok(Step::Segment(glob.map_err(|why| Reason::Path(path.to_owned(), why.to_owned()))?))
}

/// What the beginning of a path may stand for: the root of the volume, or folders that systems have by default.
fn starts(path: &str, first: &str, systems: &[&str]) -> Result<Vec<Vec<Step>>, Reason> {
    let parameter = first.strip_prefix("%%").and_then(|rest| rest.strip_suffix("%%"));
    let places: Vec<String> = match parameter {
        None if first.is_empty() || first.eq_ignore_ascii_case("c:") => vec![String::new()],
        None if first.contains("%%") => return Err(Reason::Parameter(crate::definition::shown(first))),
        None => {
            return Err(Reason::Path(
                path.to_owned(),
                "it does not begin at the root of a volume".to_owned(),
            ));
        }
        Some(name) => {
            of_parameter(name, systems).ok_or_else(|| Reason::Parameter(crate::definition::shown(name)))?
        }
    };
    Ok(places.iter().map(|place| place::plain(place)).collect())
}

/// The folders that a parameter stands for where a system is set up as it comes.
fn of_parameter(name: &str, systems: &[&str]) -> Option<Vec<String>> {
    let profiles = ["/Users/*", "/Documents and Settings/*"];
    let below = |folders: [&str; 2]| {
        profiles.iter().zip(folders).map(|(profile, folder)| format!("{profile}/{folder}")).collect()
    };
    let just = |places: &[&str]| places.iter().map(|own| (*own).to_owned()).collect();
    Some(match name {
        "users.homedir" => {
            let mut homes: Vec<String> = Vec::new();
            for system in if systems.is_empty() { &["Linux", "Darwin", "Windows"] } else { systems } {
                let own: &[&str] = match *system {
                    "Linux" => &["/home/*", "/root"],
                    "Darwin" => &["/Users/*"],
                    "Windows" => &profiles,
                    _ => return None,
                };
                homes.extend(own.iter().map(|own| (*own).to_owned()));
            }
            homes.dedup();
            homes
        }
        "users.userprofile" => just(&profiles),
        "users.appdata" => below(["AppData/Roaming", "Application Data"]),
        "users.localappdata" => below(["AppData/Local", "Local Settings/Application Data"]),
        "users.localappdata_low" => just(&["/Users/*/AppData/LocalLow"]),
        "users.temp" => below(["AppData/Local/Temp", "Local Settings/Temp"]),
        "environ_systemdrive" => just(&["/"]),
        "environ_systemroot" | "environ_windir" => just(&["/Windows"]),
        "environ_programfiles" => just(&["/Program Files"]),
        "environ_programfilesx86" => just(&["/Program Files (x86)"]),
        "environ_allusersappdata" | "environ_programdata" => {
            just(&["/ProgramData", "/Documents and Settings/All Users/Application Data"])
        }
        "environ_allusersprofile" => just(&["/ProgramData", "/Documents and Settings/All Users"]),
        _ => return None,
    })
}
