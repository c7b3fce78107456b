//! The fields of a policy beside its rules, each as one text that is the same where it means the same.
//!
//! ```text
//! target.slack      hold:neutral
//! limits.items      8
//! ```
//!
//! INVARIANT: every field of the tree stands here by its name, or as one that gives nobody anything. So a new field does
//! not compile before somebody has said which of the two it is; and one that differs, and of which no comparison tells,
//! is *not worked out*, never *the same*.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crate::policy::{
    Authority, Compartment, Defaults, Limits, Policy, Recipients, Record, Target, Tree, UNREAD_VOLUMES,
};

/// The fields by their names, each with what it says.
pub(super) type Fields = BTreeMap<&'static str, String>;

/// All fields that give somebody something, but for those that decide through rules: these are compared item by item.
pub(super) fn fields(policy: &Policy) -> Fields {
    let Tree {
        // Names of the policy itself.
        id: _,
        schema_id: _,
        version: _,
        title: _,
        supersedes: _,
        authority,
        recipients,
        record,
        target,
        limits,
        defaults,
        // They give something where a rule refers to them: items are gone through.
        windows: _,
        custodians: _,
        artifacts: _,
        selectors: _,
        rules: _,
        // So do lists; who reads their items is compared by `published`, and what is searched for without a rule by `searched`.
        lists: _,
        compartments,
        places: _,
    } = &*policy.tree;
    let mut fields = Fields::new();
    of_authority(authority, &mut fields);
    of_target(target, &mut fields);
    let Recipients { case, auditor, court, captured_also } = recipients;
    for (name, keys) in [
        ("recipients.case", case),
        ("recipients.auditor", auditor),
        ("recipients.court", court),
        ("recipients.captured_also", captured_also),
    ] {
        put(&mut fields, name, &set(keys));
    }
    // On what ground the record is kept is a text for people.
    let Record { left, holder, basis: _, until } = record;
    put(&mut fields, "record.left", left);
    put(&mut fields, "record.holder", holder);
    put(&mut fields, "record.until", until);
    let Limits { items, bytes } = limits;
    put(&mut fields, "limits.items", items);
    put(&mut fields, "limits.bytes", bytes);
    let Defaults { unknown, path_case, zoneless_times, not_searchable } = defaults;
    put(&mut fields, "defaults.unknown", unknown);
    put(&mut fields, "defaults.path_case", path_case);
    put(&mut fields, "defaults.zoneless_times", zoneless_times);
    put(&mut fields, "defaults.not_searchable", not_searchable);
    let own = compartments.iter().filter(|own| own.id != UNREAD_VOLUMES);
    let own = own.map(|Compartment { id, label, recipients, release }| (id, label, set(recipients), release));
    put(&mut fields, "compartment", &own.collect::<Vec<_>>());
    fields
}

fn of_authority(authority: &Authority, fields: &mut Fields) {
    let Authority {
        // Who ordered it, and what it describes: texts for people.
        court: _,
        docket: _,
        instrument: _,
        legal_basis: _,
        particulars: _,
        issued,
        execute_by,
        hours,
        review_by,
        conditions,
    } = authority;
    put(fields, "authority.issued", &issued.to_utc());
    put(fields, "authority.execute_by", &execute_by.to_utc());
    put(fields, "authority.review_by", &review_by.to_utc());
    put(fields, "authority.hours", hours);
    put(fields, "authority.conditions", &set(conditions));
}

fn of_target(target: &Target, fields: &mut Fields) {
    let Target {
        media,
        live,
        inspect,
        streams,
        deleted,
        unallocated,
        slack,
        unread_volumes,
        closed,
        containers,
    } = target;
    let by_label: BTreeMap<_, _> = media.iter().map(|own| (&own.label, &own.ids)).collect();
    put(fields, "target.media", &by_label);
    put(fields, "target.live", live);
    put(fields, "target.inspect", &set(inspect));
    put(fields, "target.streams", streams);
    put(fields, "target.deleted", deleted);
    put(fields, "target.unallocated", unallocated);
    put(fields, "target.slack", slack);
    put(fields, "target.unread_volumes", unread_volumes);
    put(fields, "target.closed", &closed.iter().map(|glob| glob.text()).collect::<BTreeSet<_>>());
    put(fields, "target.containers", containers);
}

fn put(fields: &mut Fields, name: &'static str, value: &dyn Debug) {
    fields.insert(name, format!("{value:?}"));
}

fn set<T: Ord>(values: &[T]) -> BTreeSet<&T> {
    values.iter().collect()
}
