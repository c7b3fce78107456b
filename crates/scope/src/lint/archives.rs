//! Paths into archives: such as nothing can have, and such as do not reach there.
//!
//! ```text
//! /d/box.zip!/diary.txt      needs `target.containers` with zip, and an include that reaches /d/box.zip
//! /d/all.tar.gz!/x           the gzip has one file, the tar: /d/all.tar.gz!/all.tar!/x
//! /home/anna/**              not /d/all.tar!/home/anna/**
//! ```

use super::Remarks;
use super::relations::{extent, globs_of};
use crate::glob::Glob;
use crate::policy::{Condition, Containers, Effect, Policy, Rule, Selector};

pub(super) fn paths(remarks: &mut Remarks<'_>) {
    let policy = remarks.policy;
    let includes = policy.rules().iter().filter(|rule| rule.effect == Effect::Include);
    let included: Option<Vec<_>> = includes.map(|rule| extent(policy, rule)).collect();
    let included =
        included.map(|parts| parts.into_iter().flatten().map(|(glob, _)| glob).collect::<Vec<_>>());
    for selector in policy.selectors() {
        let is_included = uses(policy, selector).any(|rule| rule.effect == Effect::Include);
        for condition in selector.conditions.iter().filter(|own| matches!(own, Condition::Path(_))) {
            for (glob, place) in globs_of(policy, selector, condition).unwrap_or_default() {
                let reached = is_included.then_some(included.as_deref()).flatten();
                let why = of_nothing(policy.target().containers.as_ref(), glob.text())
                    .or_else(|| unreached(remarks, glob.text(), reached?));
                if let Some(why) = why {
                    let message = format!("`{}` {why}", glob.text());
                    remarks.add("archive-path", format!("selector {}", selector.id), &place, message);
                }
            }
        }
        outside(remarks, selector);
    }
}

/// The rules that ask for a selector.
pub(super) fn uses<'p>(policy: &'p Policy, selector: &'p Selector) -> impl Iterator<Item = &'p Rule> {
    let asks = |rule: &&Rule| rule.any.iter().chain(&rule.all).any(|id| *id == selector.id);
    policy.rules().iter().filter(asks)
}

/// Why no item can have a path that goes into an archive.
fn of_nothing(containers: Option<&Containers>, text: &str) -> Option<String> {
    let folders: Vec<&str> = text.rsplit_once('/')?.0.split('/').collect();
    let marked = folders.iter().filter(|part| part.ends_with('!')).count();
    let Some(containers) = containers else {
        return (marked > 0)
            .then(|| "lies in an archive, and none is opened without `target.containers`".to_owned());
    };
    if u64::try_from(marked).unwrap_or(u64::MAX) > containers.max_depth {
        let depth = containers.max_depth;
        return Some(format!("lies in {marked} archives in each other, and {depth} are opened"));
    }
    let parts = text.split('/').skip(1);
    let after = parts.clone().skip(1);
    parts.zip(after).find_map(|(part, next)| {
        let name = part.strip_suffix('!').unwrap_or(part).to_ascii_lowercase();
        let ending = name.rsplit_once('.')?.1;
        let form = match ending {
            "zip" => "zip",
            "gz" | "tgz" => "gzip",
            "tar" => "tar",
            other => other,
        };
        let is_open = containers.open.contains(&form);
        if !part.ends_with('!') {
            let told = || {
                format!("has a folder `{part}`: what is in an archive of that name stands behind `{part}!/`")
            };
            return is_open.then(told);
        }
        let packed = name.ends_with(".tar.gz") || ending == "tgz";
        let inner =
            next.contains(['*', '?', '[', '{', '\\']) || next.ends_with('!') || next.ends_with(".tar");
        if !is_open && FORMS.contains(&form) {
            Some(format!("lies in an archive of a form that is not opened: `{part}`"))
        } else if packed && !inner {
            Some(format!("needs one `!/` more: in `{name}` lies one file, the tar, and in that the others"))
        } else {
            None
        }
    })
}

/// Why an include of a path in an archive comes to nothing: what no include reaches is not opened.
fn unreached(remarks: &Remarks<'_>, text: &str, included: &[&Glob]) -> Option<String> {
    let archive = Glob::path(text.split_once("!/")?.0).ok()?;
    included.iter().all(|own| remarks.apart(own, &archive)).then(|| {
        format!(
            "takes nothing: no include reaches the archive `{}` itself, so it is not opened",
            archive.text()
        )
    })
}

/// A rule that keeps something from somebody, by paths from the root of a volume: each that no path of the selector reaches in an
/// archive, so that mending one does not hide the others.
fn outside(remarks: &mut Remarks<'_>, selector: &Selector) {
    let policy = remarks.policy;
    let keeps = |rule: &Rule| rule.effect != Effect::Include;
    if policy.target().containers.is_none() || !uses(policy, selector).any(keeps) {
        return;
    }
    let globs: Vec<(&Glob, String)> = selector
        .conditions
        .iter()
        .filter(|own| matches!(own, Condition::Path(_)))
        .flat_map(|own| globs_of(policy, selector, own).unwrap_or_default())
        .collect();
    let reaches = |text: &str| text.starts_with("/**") || text.contains("!/");
    let inside: Vec<&Glob> =
        globs.iter().map(|(glob, _)| *glob).filter(|glob| reaches(glob.text())).collect();
    for (glob, place) in globs.iter().filter(|(glob, _)| !reaches(glob.text())) {
        let text = glob.text();
        if Glob::path(&format!("{IN_ARCHIVES}{text}")).is_ok_and(|same| remarks.within(&same, &inside)) {
            continue;
        }
        let message = format!(
            "`{text}` begins at the root of a volume, and does not reach the same path in an archive: `{IN_ARCHIVES}{text}` does"
        );
        remarks.add("rooted-path", format!("selector {}", selector.id), place, message);
    }
}

/// Before a path from the root: the same path in whatever archive.
pub(super) const IN_ARCHIVES: &str = "/**/*!";

/// Forms of archives, by their endings, that are opened or are not.
const FORMS: [&str; 17] = [
    "zip", "gzip", "tar", "7z", "rar", "cpio", "ar", "deb", "rpm", "iso", "bz2", "tbz2", "xz", "txz", "zst",
    "lz4", "cab",
];
