//! From a catalogue's path to globs of glob/1.
//!
//! A path is taken apart into segments; each segment is a list of steps that it may stand for. What comes out is checked
//! by the reader of globs, so that whatever this module gets wrong is a refusal and never another meaning.
//!
//! ```text
//! %%users.homedir%%/.gem/**2/*.gemspec      (Linux)
//! /home/*/.gem/*/*.gemspec   /home/*/.gem/*/*/*.gemspec   /root/.gem/*/*.gemspec   /root/.gem/*/*/*.gemspec
//! ```

use scope::glob::Glob;

use crate::definition::Reason;

/// One segment of a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// A segment in the words of glob/1.
    Segment(String),
    /// From so many to so many segments of any name.
    Any(usize, usize),
    /// At least so many segments of any name.
    AnyFrom(usize),
}

/// What wildcards a catalogue has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wildcards {
    /// `*` and `?`; brackets around letters, digits and ranges of them, which every tool reads as one of them. The format
    /// does not say what other brackets mean.
    Ranges,
    /// `*` and `?`; a bracket is itself.
    PlainBrackets,
    /// `*`, `?` and classes in brackets, as `find` has them.
    Classes,
}

/// A segment in the words of glob/1.
pub(crate) fn segment(text: &str, wildcards: Wildcards) -> Result<String, &'static str> {
    let mut glob = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            // Two in a row mean no more than one.
            '*' if glob.ends_with('*') && !glob.ends_with("\\*") => {}
            '*' | '?' => glob.push(c),
            '\\' => glob.push_str("\\\\"),
            // Reserved in glob/1 outside a class.
            '{' => glob.push_str("[{]"),
            '}' => glob.push_str("[}]"),
            '[' if wildcards == Wildcards::PlainBrackets => glob.push_str("\\["),
            '[' => {
                let (class, after) = rest.split_once(']').ok_or("a `[` without its `]`")?;
                let plain = !class.is_empty() && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
                if wildcards == Wildcards::Ranges && !plain {
                    return Err("the catalogue does not say what such a `[` means");
                }
                // `[^a]` and `[[:alpha:]]` mean something else in a glob.
                if class.starts_with('^') || class.contains(['[', '\\']) {
                    return Err("a `[` that a glob reads in another way");
                }
                glob.push_str(&format!("[{class}]"));
                rest = after;
            }
            c => glob.push(c),
        }
    }
    Ok(glob)
}

/// A segment of a path that a shell reads: what stands first in a name stands for no dot there.
pub(crate) fn shell(text: &str) -> Result<Vec<String>, &'static str> {
    let own = |text: &str| segment(text, Wildcards::Classes);
    let rest = text.trim_start_matches('*');
    if rest.len() == text.len() {
        return match text.strip_prefix('?') {
            Some(rest) => Ok(vec![format!("[!.]{}", own(rest)?)]),
            None if text.starts_with('[') => segment(text, Wildcards::Ranges).map(|own| vec![own]),
            None => Ok(vec![own(text)?]),
        };
    }
    let longer = format!("[!.]*{}", own(rest)?);
    match rest.chars().next() {
        // `*` is at least one character, and the dot of `*.x` is not the first.
        None | Some('.') => Ok(vec![longer]),
        Some('?' | '[') => Err("a `*` at the beginning of a name with a wildcard behind it"),
        // The star may stand for nothing.
        Some(_) => Ok(vec![own(rest)?, longer]),
    }
}

/// The globs of a row of steps.
///
/// The shortest way to say the same: `**` alone is at least no segment, so that "at least one" is `*/**`.
pub(crate) fn globs(steps: &[Step]) -> Result<Vec<String>, String> {
    let mut rows: Vec<String> = vec![String::new()];
    for step in steps {
        let tails: Vec<String> = match step {
            Step::Segment(text) => vec![format!("/{text}")],
            Step::Any(from, to) => (*from..=*to).map(|many| "/*".repeat(many)).collect(),
            Step::AnyFrom(from) => vec![format!("{}/**", "/*".repeat(*from))],
        };
        if rows.len().saturating_mul(tails.len()) > MAX_GLOBS {
            return Err(format!("it comes to more than {MAX_GLOBS} globs"));
        }
        rows = rows.iter().flat_map(|row| tails.iter().map(move |tail| format!("{row}{tail}"))).collect();
    }
    for row in &mut rows {
        if row.is_empty() {
            row.push('/');
        }
        Glob::path(row).map_err(|error| format!("{error}, in `{row}`"))?;
    }
    Ok(rows)
}

/// As [`globs`], of several rows, none twice.
pub(crate) fn all(path: &str, rows: &[Vec<Step>]) -> Result<Vec<String>, Reason> {
    let refused = |why: String| Reason::Path(path.to_owned(), why);
    let mut found: Vec<String> = Vec::new();
    for row in rows {
        for glob in globs(row).map_err(refused)? {
            if !found.contains(&glob) {
                found.push(glob);
            }
        }
    }
    if found.len() > MAX_GLOBS {
        return Err(refused(format!("it comes to more than {MAX_GLOBS} globs")));
    }
    Ok(found)
}

/// Plain segments of the program's own.
pub(crate) fn plain(path: &str) -> Vec<Step> {
    path.split('/').filter(|part| !part.is_empty()).map(|part| Step::Segment(part.to_owned())).collect()
}

/// Whether a glob takes in more than one can see from it: it has no bound to its depth, or three levels in a row without a name
/// (which is what a catalogue's `**3` is written out as), or no name at all.
pub(crate) fn is_sweep(glob: &str) -> bool {
    let parts: Vec<&str> = glob.split('/').filter(|part| !part.is_empty()).collect();
    parts.contains(&"**")
        || parts.windows(3).any(|row| row.iter().all(|part| names_nothing(part)))
        || (!parts.is_empty() && parts.iter().all(|part| names_nothing(part)))
}

/// Whether a sweep begins in no folder that is named: it goes over the whole drive, or over everyone's folders.
pub(crate) fn is_whole_drive(glob: &str) -> bool {
    let mut parts = glob.split('/').filter(|part| !part.is_empty()).take_while(|part| *part != "**");
    is_sweep(glob) && parts.all(names_nothing)
}

/// Whether a segment is of wildcards alone, of which one may stand for any number of characters.
fn names_nothing(segment: &str) -> bool {
    let mut rest = segment;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '*' | '?' => rest.get(1..).unwrap_or_default(),
            '[' => match rest.find(']') {
                // A class of one character is how a sign is written that would mean something else.
                Some(end) if end > 2 => rest.get(end.saturating_add(1)..).unwrap_or_default(),
                _ => return false,
            },
            _ => return false,
        };
    }
    segment.contains('*')
}

/// Most globs of one path: as many as a field of a policy has values.
const MAX_GLOBS: usize = 1000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]

    use super::*;

    #[test]
    fn a_segment_keeps_its_meaning() {
        let check = |text: &str, wildcards, expected: Result<&str, ()>| {
            let found = segment(text, wildcards);
            assert_eq!(found.as_deref().map_err(|_| ()), expected, "{text}");
        };
        use Wildcards::{Classes, PlainBrackets, Ranges};
        check("a**b*", Ranges, Ok("a*b*"));
        check("{GUID}", Ranges, Ok("[{]GUID[}]"));
        check("a[1-3]", Ranges, Ok("a[1-3]"));
        check("a[!1]", Ranges, Err(()));
        check("a[.]", Ranges, Err(()));
        check("a[1", Ranges, Err(()));
        check("a[1", Classes, Err(()));
        check("a[]b]", Classes, Ok("a[]b]"));
        check("a[1]", PlainBrackets, Ok("a\\[1]"));
        check("a[!1-3]b", Classes, Ok("a[!1-3]b"));
        check("a\\b", Ranges, Ok("a\\\\b"));
        check("[^a]", Classes, Err(()));
        check("[[:alpha:]]", Classes, Err(()));
    }

    /// What a shell writes out for a path has no name that begins with a dot, unless the dot is written.
    #[test]
    fn a_star_of_a_shell_stands_for_no_dot() {
        let check = |text: &str, expected: Result<&[&str], ()>| {
            let found = shell(text).map_err(|_| ());
            assert_eq!(
                found,
                expected.map(|all| all.iter().map(|own| (*own).to_owned()).collect()),
                "{text}"
            );
        };
        check("*", Ok(&["[!.]*"]));
        check("**", Ok(&["[!.]*"]));
        check("*.log", Ok(&["[!.]*.log"]));
        check("*log*", Ok(&["log*", "[!.]*log*"]));
        check("?a*", Ok(&["[!.]a*"]));
        check("a*?", Ok(&["a*?"]));
        check(".*", Ok(&[".*"]));
        check("[a-c]b", Ok(&["[a-c]b"]));
        check("[.a]b", Err(()));
        check("*?", Err(()));
    }

    #[test]
    fn depths_are_written_out() {
        let seg = |text: &str| Step::Segment(text.into());
        let check = |steps: &[Step], expected: &[&str]| assert_eq!(globs(steps).unwrap(), expected);
        check(&[seg("a"), Step::Any(1, 2), seg("b")], &["/a/*/b", "/a/*/*/b"]);
        check(&[seg("a"), Step::Any(0, 1)], &["/a", "/a/*"]);
        check(&[seg("a"), Step::AnyFrom(1)], &["/a/*/**"]);
        check(&[seg("a"), Step::AnyFrom(0), seg("b")], &["/a/**/b"]);
        check(&[], &["/"]);
        assert!(globs(&[seg("..")]).is_err());
        assert!(globs(&[seg("a[")]).is_err());
        assert!(globs(&[Step::Any(1, 2000)]).is_err());
        assert!(globs(&[Step::Any(1, 40), Step::Any(1, 40)]).is_err());
    }

    #[test]
    fn sweeps_are_told() {
        let check = |glob: &str, sweep, whole| {
            assert_eq!((is_sweep(glob), is_whole_drive(glob)), (sweep, whole), "{glob}")
        };
        check("/a/*/**", true, false);
        check("/*/**", true, true);
        check("/**/a", true, true);
        check("/*/*/a", false, false);
        check("/*/*/*/a", true, false);
        check("/*", true, true);
        check("/*/*/*/*", true, true);
        check("/[!.]*/*", true, true);
        check("/[{]*", false, false);
        check("/home/*/*", false, false);
        check("/home/*/*/*", true, false);
        check("/??", false, false);
        check("/home/*/**", true, false);
    }
}
