//! Selectors by themselves: conditions that cannot be seen, cannot hold, or mean less than they say.

use super::Remarks;
use super::archives::{IN_ARCHIVES, uses};
use super::relations::globs_of;
use crate::facts::TimeKind;
use crate::glob::Glob;
use crate::policy::{Condition, Effect, Field, Selector, TimeCondition, TimeMode, UnknownDefault};

pub(super) fn selectors(remarks: &mut Remarks<'_>) {
    for selector in remarks.policy.selectors() {
        contradiction(remarks, selector);
        archives(remarks, selector);
        for condition in &selector.conditions {
            let field = condition.field();
            let about = || format!("selector {}", selector.id);
            let place = format!("selector.{}.{}", selector.id, field.word());
            if !remarks.policy.target().inspect.contains(&field.look()) {
                let (word, look) = (field.word(), field.look().word());
                let message = format!(
                    "`{word}` needs the look `{look}`, which target.inspect does not allow: for files it is always unknown"
                );
                remarks.add("unseen", about(), &place, message);
            }
            match condition {
                Condition::Path(_) | Condition::Artifact(_) | Condition::Name(_) => {
                    for (glob, place) in globs_of(remarks.policy, selector, condition).unwrap_or_default() {
                        let text = glob.text();
                        // In archives, what a rule keeps from somebody begins at the root of any of them.
                        let in_archives =
                            text.strip_prefix(IN_ARCHIVES).is_some_and(|rest| rest.starts_with('/'));
                        let takes = uses(remarks.policy, selector).any(|rule| rule.effect == Effect::Include);
                        if text.starts_with("/**") && (takes || !in_archives) {
                            let message =
                                format!("`{text}` begins with `/**`: it matches in any folder of the medium");
                            remarks.add("any-folder", about(), &place, message);
                        }
                        if is_short_name(text) {
                            let message = format!(
                                "`{text}` looks like a short (8.3) name: only long names are compared"
                            );
                            remarks.add("short-name", about(), &place, message);
                        }
                    }
                }
                Condition::Time(time) => times(remarks, selector, time),
                _ => {}
            }
        }
    }
}

/// Where archives are opened: an include that is made for the archive, and not for what is in it.
fn archives(remarks: &mut Remarks<'_>, selector: &Selector) {
    let policy = remarks.policy;
    let Some(containers) = &policy.target().containers else { return };
    let mut rules = policy.rules().iter().filter(|rule| rule.effect == Effect::Include);
    if !rules.any(|rule| rule.any.iter().chain(&rule.all).any(|id| *id == selector.id)) {
        return;
    }
    let form = |ext: &str| match ext {
        "zip" => Some("zip"),
        "gz" | "tgz" => Some("gzip"),
        "tar" => Some("tar"),
        _ => None,
    };
    let opened =
        |ext: &str| form(&ext.to_ascii_lowercase()).is_some_and(|form| containers.open.contains(&form));
    let ends = |glob: &Glob| glob.text().rsplit_once('.').is_some_and(|(_, ext)| opened(ext));
    for condition in &selector.conditions {
        let alone = match condition {
            Condition::HashIn(_) => true,
            Condition::Type(types) => types.iter().any(|own| containers.open.contains(&own.as_str())),
            Condition::Ext(exts) => exts.iter().any(|ext| opened(ext)),
            Condition::Name(globs) | Condition::Path(globs) => globs.iter().any(ends),
            _ => false,
        };
        if alone {
            let word = condition.field().word();
            let message = format!(
                "`{word}` fits an archive itself: it is opened, and a file in it is taken only where an include fits that file"
            );
            let place = format!("selector.{}.{word}", selector.id);
            remarks.add("archive-alone", format!("selector {}", selector.id), &place, message);
        }
    }
}

/// `~` and a digit, as in `PROGRA~1`.
fn is_short_name(text: &str) -> bool {
    text.as_bytes().windows(2).any(|pair| matches!(pair, [b'~', b'1'..=b'9']))
}

fn times(remarks: &mut Remarks<'_>, selector: &Selector, time: &TimeCondition) {
    let policy = remarks.policy;
    let about = || format!("selector {}", selector.id);
    let place = format!("selector.{}.time", selector.id);
    for (at, kind) in time.of.iter().enumerate() {
        let place = format!("{place}.of.{at}");
        let message = match kind {
            TimeKind::Modified => continue,
            TimeKind::Created if time.mode == TimeMode::Any && time.of.len() > 1 => {
                "ext2, ext3 and ISO 9660 without Rock Ridge keep no `created`: where no other time of the condition fits, it is unknown there"
            }
            TimeKind::Created => {
                "ext2, ext3 and ISO 9660 without Rock Ridge keep no `created`: the condition is unknown there"
            }
            TimeKind::Accessed => "FAT keeps of `accessed` the day alone, and many systems do not update it",
            TimeKind::Changed => {
                "FAT, exFAT and ISO 9660 without Rock Ridge keep no `changed`: it is unknown there"
            }
        };
        remarks.add("unrecorded-time", about(), &place, message);
    }
    if policy.defaults().zoneless_times.is_none() {
        let message = match policy.defaults().unknown {
            UnknownDefault::Left => {
                "on FAT, and wherever times carry no zone, it is unknown, so that the items that depend on it are left"
            }
            UnknownDefault::Hold(_) => {
                "on FAT, and wherever times carry no zone, it is unknown, so that all items that depend on it are held"
            }
        };
        remarks.add("zoneless", about(), &place, message);
    }
    let window = policy.windows().iter().find(|window| window.id == time.within);
    if window.is_some_and(|window| window.from >= policy.authority().execute_by) {
        let message = format!("the window `{}` begins after `execute_by`", time.within);
        remarks.add("late-window", about(), &format!("{place}.within"), message);
    }
}

/// Conditions of one selector that no item can fulfil together.
fn contradiction(remarks: &mut Remarks<'_>, selector: &Selector) {
    let find = |field: Field| selector.conditions.iter().find(|own| own.field() == field);
    let mut fault = None;
    if let Some(Condition::Kind(kinds)) = find(Field::Kind) {
        let needs = [
            (Field::Type, "a type"),
            (Field::TypeMismatch, "a type"),
            (Field::HashIn, "a digest"),
            (Field::Encrypted, "content"),
            (Field::Keywords, "content"),
            (Field::Mail, "content"),
        ];
        let needed = needs.into_iter().find(|(field, _)| find(*field).is_some());
        if let Some((field, what)) = needed.filter(|_| !kinds.iter().any(|kind| kind.has_content())) {
            fault = Some((field, format!("no item of these kinds has {what}")));
        } else if find(Field::Size).is_some() && !kinds.iter().any(|kind| kind.has_size()) {
            fault = Some((Field::Size, "no item of these kinds has a size".to_owned()));
        }
    }
    if let (Some(Condition::Path(paths)), Some(Condition::Name(names))) =
        (find(Field::Path), find(Field::Name))
        && paths.len().saturating_mul(names.len()) <= MAX_PAIRS
    {
        let apart = |path: &Glob| names.iter().all(|name| remarks.apart(path, name));
        if paths.iter().all(apart) {
            fault = Some((Field::Name, "no path that fits `path` ends in such a name".to_owned()));
        }
    }
    if let Some((field, reason)) = fault {
        let place = format!("selector.{}.{}", selector.id, field.word());
        remarks.add(
            "never-true",
            format!("selector {}", selector.id),
            &place,
            format!("{reason}: it selects nothing"),
        );
    }
}

/// Most pairs of globs that are compared for one remark: remarks are made whenever a policy is shown.
pub(super) const MAX_PAIRS: usize = 10_000;
