//! What UAC takes behind the path: the words of `find`, and what becomes of a folder that is found.
//!
//! `find` lists what fits; then UAC 3 goes through what was listed, and takes each file and link, and of each folder all
//! files and links in it, to any depth. Without a `file_type`, folders are listed as well.
//!
//! ```text
//! name_pattern: ["Logs"]                     NAME/**     files, links
//! name_pattern: ["Logs"], file_type: [f]     NAME        files
//! name_pattern: ["Logs"], file_type: [d]     NAME/*/**   files, links
//! ```

use scope::glob::{Answer, Glob, disjoint, subset};

use super::{Start, list};
use crate::definition::{Note, Reason};
use crate::place::{self, Step, Wildcards};
use crate::yaml::Node;

/// Least and most bytes.
type Size = (Option<u64>, Option<u64>);

/// One way in which an artifact takes things.
pub(super) struct Taken {
    pub(super) kinds: Vec<&'static str>,
    pub(super) size: Size,
    pub(super) notes: Vec<Note>,
    /// What is found itself.
    itself: bool,
    /// What lies in a folder that is found.
    pub(super) whole_folders: bool,
}

/// In which ways an artifact takes things.
pub(super) fn taken(artifact: &Node, size: Size) -> Result<Vec<Taken>, Reason> {
    let types = list(artifact, "file_type");
    let bound = size.0.is_some() || size.1.is_some();
    let mut kinds = Vec::new();
    for word in &types {
        kinds.push(match *word {
            "f" => "file",
            "l" => "symlink",
            "d" => continue,
            "p" | "s" | "c" | "b" => {
                return Err(Reason::Key(
                    "file_type".to_owned(),
                    "UAC 3 takes files, links and folders alone",
                ));
            }
            _ => return Err(Reason::Form("an unknown `file_type`".to_owned())),
        });
    }
    let any = types.is_empty();
    if any {
        kinds = vec!["file", "symlink"];
    }
    let mut notes = Vec::new();
    if any && bound {
        notes.push(Note::Narrower("of a folder that is found, UAC 3 takes files of any size"));
    }
    let mut all = Vec::new();
    let links = kinds.contains(&"symlink");
    // A link has no size in a policy. `find` holds the length of what it says against the bounds.
    let bounds: Vec<(Vec<&'static str>, Size)> = match bound && links {
        false => vec![(kinds, size)],
        true => {
            let files = kinds.iter().filter(|kind| **kind == "file").copied().collect::<Vec<_>>();
            let least = size.0.is_none_or(|least| least <= LONGEST_LINK);
            if least && (size.0.is_some() || size.1.is_some_and(|most| most < LONGEST_LINK)) {
                notes.push(Note::Wider("links are taken whatever their length"));
            }
            let links = least.then(|| (vec!["symlink"], (None, None)));
            [(files, size)].into_iter().chain(links).collect()
        }
    };
    for (kinds, size) in bounds {
        if !kinds.is_empty() {
            all.push(Taken { kinds, size, notes: notes.clone(), itself: true, whole_folders: any });
        }
    }
    if types.contains(&"d") {
        if bound {
            return Err(Reason::Key("file_type".to_owned(), "a size is asked of a folder"));
        }
        let kinds = vec!["file", "symlink"];
        all.push(Taken { kinds, size, notes: Vec::new(), itself: false, whole_folders: true });
    }
    Ok(all)
}

impl Taken {
    /// What is taken behind something that is found.
    fn behind(&self) -> Option<Step> {
        match (self.itself, self.whole_folders) {
            (true, true) => Some(Step::AnyFrom(0)),
            (false, true) => Some(Step::AnyFrom(1)),
            _ => None,
        }
    }
}

/// The rows of steps of one way.
pub(super) fn rows(
    artifact: &Node,
    path: &str,
    starts: &[Start],
    depth: Option<usize>,
    taken: &Taken,
) -> Result<Vec<Vec<Step>>, Reason> {
    let (names, patterns) = (list(artifact, "name_pattern"), list(artifact, "path_pattern"));
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    if !names.is_empty() && !patterns.is_empty() {
        return Err(Reason::Key("path_pattern".to_owned(), "with `name_pattern` beside it"));
    }
    if !patterns.is_empty() && depth.is_some() {
        return Err(Reason::Key("path_pattern".to_owned(), "with `max_depth` beside it"));
    }
    let mut rows: Vec<Vec<Step>> = Vec::new();
    for start in starts {
        let depth = match (depth, start.depth) {
            (Some(own), Some(most)) => Some(own.min(most)),
            (own, most) => own.or(most),
        };
        let after = |steps: Vec<Step>| start.steps.iter().cloned().chain(steps).collect::<Vec<Step>>();
        if names.is_empty() && patterns.is_empty() {
            // Of folders alone, the path is the first, and is taken whole.
            let below = match depth {
                Some(depth) if taken.itself => Step::Any(0, depth),
                _ if taken.itself => Step::AnyFrom(0),
                _ => Step::AnyFrom(1),
            };
            rows.push(after(vec![below]));
        }
        for name in &names {
            let name = pattern(name).map_err(refused)?;
            let below = depth.map_or(Step::AnyFrom(0), |depth| Step::Any(0, depth.saturating_sub(1)));
            let found = [below, Step::Segment(name.clone())].into_iter().chain(taken.behind());
            rows.push(after(found.collect()));
            if let Some(last) = of_start(start, &name).map_err(refused)? {
                let before = start.steps.iter().take(start.steps.len().saturating_sub(1)).cloned();
                rows.push(before.chain([Step::Segment(last)]).chain(taken.behind()).collect());
            }
        }
        for own in &patterns {
            rows.push(after(of_pattern(own, start, taken)?));
        }
    }
    Ok(rows)
}

/// A pattern of names, between the double quotes in which UAC puts it.
fn pattern(name: &str) -> Result<String, &'static str> {
    if name.contains(['\\', '$', '`', '/']) {
        return Err("a pattern with a character that the shell or `find` reads in another way");
    }
    place::segment(name, Wildcards::Classes)
}

/// The names that fit both a pattern and the last name of the path: `find` tells the path itself, too.
fn of_start(start: &Start, name: &str) -> Result<Option<String>, &'static str> {
    let Some(last) = &start.last else { return Ok(None) };
    let glob = |text: &str| Glob::path(&format!("/{text}")).map_err(|_| "a pattern of names that is no glob");
    let (path, pattern) = (glob(last)?, glob(name)?);
    if disjoint(&path, &pattern, false) == Answer::Yes {
        return Ok(None);
    }
    if subset(&path, &pattern, false) == Answer::Yes {
        return Ok(Some(last.clone()));
    }
    if subset(&pattern, &path, false) == Answer::Yes {
        return Ok(Some(name.to_owned()));
    }
    Err("wildcards in its last name and in `name_pattern`, which a name may fit both")
}

/// `*/Cache/*`: in `find`, a star crosses `/`; only those that stand for whole segments can be said.
fn of_pattern(pattern: &str, start: &Start, taken: &Taken) -> Result<Vec<Step>, Reason> {
    let no = |why| Reason::Key("path_pattern".to_owned(), why);
    let crosses = "a star that crosses `/` within a name";
    let rest = pattern.strip_prefix("*/").ok_or_else(|| no(crosses))?;
    let (inner, open) = match rest.strip_suffix("/*") {
        Some(inner) => (inner, true),
        None => (rest, false),
    };
    let mut steps = vec![Step::AnyFrom(0)];
    for part in inner.split('/') {
        if part.is_empty() || part.contains(['*', '?', '[', '\\', '$', '`']) {
            return Err(no(crosses));
        }
        let own = Step::Segment(place::segment(part, Wildcards::Classes).map_err(|_| no(crosses))?);
        // The pattern is held against the whole path: a name in it that the search begins with would fit, too.
        if start.steps.contains(&own) {
            return Err(no("a name that stands in `path`, too"));
        }
        steps.push(own);
    }
    match (open, taken.itself) {
        (true, true) => steps.push(Step::AnyFrom(1)),
        // What lies in a folder that lies there.
        (true, false) => steps.extend([Step::Any(1, 1), Step::AnyFrom(1)]),
        (false, _) => steps.extend(taken.behind()),
    }
    Ok(steps)
}

/// Longest text of a link, in bytes: the systems' PATH_MAX.
const LONGEST_LINK: u64 = 4096;
