//! KAPE targets.
//!
//! ```text
//! Description: AnyDesk
//! Targets:
//!     -
//!         Name: AnyDesk trace logs
//!         Path: C:\Users\%user%\AppData\Roaming\AnyDesk\
//!         FileMask: '*.trace'
//! ```

use crate::definition::{Definition, Origin, Part, Places, Reason, Refusal, shown};
use crate::place::{self, Step, Wildcards};
use crate::yaml::Node;

pub(crate) fn definition(origin: &Origin, stem: &str, documents: &[Node]) -> Option<Definition> {
    let node = documents.first()?;
    let doc = node.get("Description").and_then(Node::text).unwrap_or_default();
    let mut definition = Definition::new(origin, stem, doc);
    let known = ["Description", "Author", "Version", "Id", "RecreateDirectories", "Targets"];
    for (key, _) in node.table().unwrap_or_default() {
        if !known.contains(&key.as_str()) {
            definition.refuse("target", unknown(key));
        }
    }
    match node.get("Targets").and_then(Node::list) {
        Some(targets) if documents.len() == 1 => {
            definition.parts.extend(targets.iter().map(part));
        }
        _ => definition.refuse("target", Reason::Form("it has no list of targets".to_owned())),
    }
    Some(definition)
}

fn unknown(key: &str) -> Reason {
    Reason::Key(shown(key), "it is unknown, and may narrow what is meant")
}

fn part(target: &Node) -> Part {
    expressed(target).unwrap_or_else(|reason| Part::Refused(Refusal { what: "target".to_owned(), reason }))
}

fn expressed(target: &Node) -> Result<Part, Reason> {
    // The last five say how a file is copied, and where to; not which file.
    let known = [
        "Name",
        "Category",
        "Path",
        "FileMask",
        "Recursive",
        "MinSize",
        "MaxSize",
        "Comment",
        "IsDirectory",
        "AlwaysAddToQueue",
        "SaveAsFileName",
        "ForceFullPath",
    ];
    if let Some((key, _)) =
        target.table().unwrap_or_default().iter().find(|(key, _)| !known.contains(&key.as_str()))
    {
        return Err(unknown(key));
    }
    let text = |key: &str| target.get(key).and_then(Node::text).unwrap_or_default();
    let path = text("Path");
    if let Some(name) = path.strip_suffix(".tkape") {
        let name = name.rsplit_once('\\').map_or(name, |(_, name)| name);
        return Ok(Part::Group(vec![name.to_owned()]));
    }
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    let mut segments = path.split('\\');
    match segments.next() {
        Some(drive) if drive.eq_ignore_ascii_case("c:") => {}
        _ => return Err(refused("it does not begin with `C:\\`, the volume that is read")),
    }
    let mut steps = Vec::new();
    for segment in segments.filter(|segment| !segment.is_empty()) {
        let segment = if segment.eq_ignore_ascii_case("%user%") { "*" } else { segment };
        if segment.contains('%') {
            return Err(Reason::Parameter(shown(segment)));
        }
        if segment.contains('/') {
            return Err(refused("it has both separators"));
        }
        steps.push(Step::Segment(place::segment(segment, Wildcards::PlainBrackets).map_err(refused)?));
    }
    match text("Recursive").to_ascii_lowercase().as_str() {
        "" | "false" => {}
        "true" => steps.push(Step::AnyFrom(0)),
        _ => return Err(Reason::Form("`Recursive` is neither true nor false".to_owned())),
    }
    let mask = if text("FileMask").is_empty() { "*" } else { text("FileMask") };
    if mask.to_ascii_lowercase().starts_with("regex:") {
        return Err(Reason::Key("FileMask".to_owned(), "a regular expression is no glob"));
    }
    if mask.contains(['\\', '/', '|', '%']) {
        return Err(Reason::Key("FileMask".to_owned(), "it is no mask of one name"));
    }
    steps.push(Step::Segment(place::segment(mask, Wildcards::PlainBrackets).map_err(refused)?));
    let size = |key: &str| match text(key) {
        "" | "0" => Ok(None),
        size => size.parse().map(Some).map_err(|_| Reason::Form(format!("`{key}` is no number of bytes"))),
    };
    // `$UsnJrnl:$J` is a named stream of a file.
    let kinds = if mask.contains(':') { vec!["stream"] } else { vec!["file"] };
    let size = (size("MinSize")?, size("MaxSize")?);
    Ok(Part::Places(Places {
        what: "target",
        globs: place::all(path, &[steps])?,
        kinds,
        size,
        wider: Vec::new(),
    }))
}
