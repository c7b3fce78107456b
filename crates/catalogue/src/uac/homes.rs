//! Where a path of UAC begins: at the root of a volume, or in each home.
//!
//! UAC reads the homes out of `/etc/passwd`, and takes besides all folders in `/home`, or where the system has them. A
//! policy is made before the medium is read: it has the folders in which these systems keep homes as they come.

use super::Start;
use crate::definition::{Note, Reason, shown};
use crate::place::{self, Step};

/// The rows of steps that a path may stand for, and what there is to say of them.
pub(super) fn starts(path: &str, systems: &[&str]) -> Result<(Vec<Start>, Vec<Option<Note>>), Reason> {
    let refused = |why: &str| Reason::Path(path.to_owned(), why.to_owned());
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (homes, rest, notes) = match segments.split_first() {
        // UAC takes a home with a slash before it and without one.
        Some((&"%user_home%", rest)) => {
            let (homes, note) = homes(systems)?;
            (Some(homes), rest, vec![Some(ELSEWHERE), note])
        }
        _ if path.starts_with('/') => (None, segments.as_slice(), Vec::new()),
        _ => {
            return Err(match path.strip_prefix('%').and_then(|rest| rest.split_once('%')) {
                Some((name, _)) => Reason::Parameter(shown(name)),
                None => refused("it does not begin at the root of a volume"),
            });
        }
    };
    let mut tails: Vec<Vec<String>> = vec![Vec::new()];
    for segment in rest {
        if segment.contains('%') {
            return Err(Reason::Parameter(shown(segment)));
        }
        let own = place::shell(segment).map_err(refused)?;
        if tails.len().saturating_mul(own.len()) > MAX_STARTS {
            return Err(refused("its stars come to too many paths"));
        }
        let longer = |tail: &Vec<String>, own: &String| tail.iter().chain([own]).cloned().collect();
        tails = tails.iter().flat_map(|tail| own.iter().map(move |own| longer(tail, own))).collect();
    }
    let mut starts = Vec::new();
    for home in homes.clone().unwrap_or_else(|| vec![""]) {
        for tail in &tails {
            let own = tail.iter().map(|own| Step::Segment(own.clone()));
            let depth = (homes.is_some() && home.is_empty() && tail.is_empty()).then_some(DEPTH_OF_ROOT);
            starts.push(Start {
                steps: place::plain(home).into_iter().chain(own).collect(),
                last: tail.last().cloned(),
                depth,
            });
        }
    }
    Ok((starts, notes))
}

/// The folders in which systems keep homes; an empty one is the root, which is the home of `root` on some.
fn homes(systems: &[&str]) -> Result<(Vec<&'static str>, Option<Note>), Reason> {
    let all = systems.contains(&"all");
    let mut homes: Vec<&str> = Vec::new();
    let mut unknown = all;
    for system in if all { &ALL } else { systems } {
        homes.extend(match *system {
            "linux" | "netscaler" => ["/home/*", "/root"].as_slice(),
            "macos" => &["/Users/*", "/private/var/root"],
            "freebsd" | "openbsd" | "netbsd" => &["/home/*", "/usr/home/*", "/root"],
            "solaris" => &["/export/home/*", "/home/*", "/root", ""],
            "aix" | "esxi" => &["/home/*", ""],
            _ => {
                unknown = true;
                &[]
            }
        });
    }
    if homes.is_empty() {
        return Err(Reason::Parameter("user_home".to_owned()));
    }
    homes.sort_unstable();
    homes.dedup();
    let note = "of Android, Haiku and systems that are not known here, no homes are meant";
    Ok((homes, unknown.then_some(Note::Narrower(note))))
}

/// Every system whose homes are known.
const ALL: [&str; 9] =
    ["aix", "esxi", "freebsd", "linux", "macos", "netbsd", "netscaler", "openbsd", "solaris"];

/// Said of every home.
const ELSEWHERE: Note =
    Note::Narrower("UAC takes the homes that /etc/passwd names elsewhere, too; write their paths by hand");

/// How deep UAC looks where a home is the root of the system.
const DEPTH_OF_ROOT: usize = 2;

/// Most beginnings of one path: stars double them.
const MAX_STARTS: usize = 64;
