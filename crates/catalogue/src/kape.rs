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
        "RecreateDirectories",
    ];
    if let Some((key, _)) =
        target.table().unwrap_or_default().iter().find(|(key, _)| !known.contains(&key.as_str()))
    {
        return Err(unknown(key));
    }
    let text = |key: &str| target.get(key).and_then(Node::text).unwrap_or_default();
    let flag = |key: &str| match text(key).to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(Reason::Form(format!("`{key}` is neither true nor false"))),
    };
    let path = text("Path");
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    let named = |path: &str| path.rsplit_once('\\').map_or(path, |(_, name)| name).to_owned();
    let drive = path.get(1..2) == Some(":");
    if !drive && !path.starts_with('\\') && path.contains('*') {
        return Err(refused("it names all targets of a folder; select those by their names, or give --all"));
    }
    if !drive
        && let Some((name, ending)) = path.rsplit_once('.')
        && ending.eq_ignore_ascii_case("tkape")
    {
        return Ok(Part::Group(vec![named(name)]));
    }
    let (path_of_folder, mask) = folder_and_mask(path, text("FileMask"), flag("IsDirectory")?)?;
    let recursive = flag("Recursive")?.unwrap_or(false);
    if recursive && flag("IsDirectory")? == Some(false) {
        return Err(Reason::Key("Recursive".to_owned(), "with a file beside it, `IsDirectory: false`"));
    }
    let mut segments = path_of_folder.split('\\');
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
        if segment.contains(':') {
            return Err(refused("a stream stands where a folder should"));
        }
        steps.push(Step::Segment(place::segment(segment, Wildcards::PlainBrackets).map_err(refused)?));
    }
    if recursive {
        steps.push(Step::AnyFrom(0));
    }
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
        label: shown(text("Name")),
        globs: place::all(path, &[steps])?,
        kinds,
        size,
        folded: true,
        notes: Vec::new(),
    }))
}

/// Before KAPE 0.9.2, a target with `IsDirectory: false` had the file, or its mask, at the end of its path. Since then a
/// path is always a folder.
fn folder_and_mask<'t>(
    path: &'t str,
    mask: &'t str,
    is_folder: Option<bool>,
) -> Result<(&'t str, &'t str), Reason> {
    if is_folder != Some(false) {
        return Ok((path, if mask.is_empty() { "*" } else { mask }));
    }
    if !mask.is_empty() {
        return Err(Reason::Key("FileMask".to_owned(), "with `IsDirectory: false` beside it"));
    }
    match path.rsplit_once('\\') {
        Some((folder, name)) if !name.is_empty() => Ok((folder, name)),
        _ => {
            Err(Reason::Key("IsDirectory".to_owned(), "it is false, and the path ends in no name of a file"))
        }
    }
}
