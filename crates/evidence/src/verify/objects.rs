//! Check `objects`: with a holder's key, rows, objects and inventory lines of every set that it opens.

use scope::render::counted;

use super::audit::{MAX_LEDGER, open};
use super::{Checked, Context, Stop, none_or_fail};
use crate::acquisition::{Acquisition, SetName, SetStatement};
use crate::gzip::GzipReader;
use crate::holder::{HolderError, SetCheck};
use crate::inventory::Inventory;
use crate::ledger::LedgerReader;
use crate::manifest::{Binding, BindingError};

/// What is said where no key was given.
const NO_KEY: &str = "not checked: contents of the captured parts, the held parts and the ledger; no key was given. \
                      Without one nobody sees whether a part holds only what its set may hold";

pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    if context.options.identities.is_empty() {
        return Err(Stop::NotChecked(without_key(&context.holders)));
    }
    let acquisition = context.package.acquisition.as_ref().map_err(Clone::clone)?;
    let inventory = super::inventory::stated(context.files, acquisition)?;
    let mut told = Vec::new();
    let mut problems = Vec::new();
    let mut opened = false;
    let mut closed = Vec::new();
    for set in acquisition.sets.iter().filter(|set| !set.parts.is_empty()) {
        let checked = match set.set {
            SetName::Ledger => ledger(context, acquisition, set),
            SetName::Captured | SetName::Held(_) => objects(context, acquisition, set, &inventory),
        };
        let ours = set.recipients.iter().any(|recipient| context.options.recipients.contains(recipient));
        match checked {
            Ok(_) if !ours && !context.options.recipients.is_empty() => problems.push(format!(
                "{}: a key that was given opens it, and it is not said to be for that key",
                set.set
            )),
            Err(Stop::NotChecked(_)) if ours => problems.push(format!(
                "{}: it is said to be for a key that was given, which does not open it",
                set.set
            )),
            Ok(detail) => {
                opened = true;
                told.push(format!("{}: {detail}", set.set));
            }
            Err(Stop::NotChecked(_)) => {
                told.push(format!("{}: not checked, no key that was given opens it", set.set));
                closed.push(set.set.to_string());
            }
            Err(Stop::Fail(detail)) => problems.push(format!("{}: {detail}", set.set)),
            Err(stop @ Stop::Unfinished(_)) => return Err(stop),
        }
    }
    let detail = told.join("; ");
    context.closed_sets = closed;
    if problems.is_empty() && !opened {
        return Err(Stop::NotChecked("the key that was given opens nothing in this package".to_owned()));
    }
    none_or_fail(&problems, || detail)
}

/// What is said without a key: who has looked, by the log, and what nobody has.
fn without_key(holders: &[(SetName, String)]) -> String {
    if holders.is_empty() {
        return NO_KEY.to_owned();
    }
    let checked: Vec<String> = holders
        .iter()
        .map(|(set, who)| match set {
            SetName::Captured => format!("contents of the captured parts: checked by {who}"),
            set => format!("contents of the set {set}: checked by {who}"),
        })
        .collect();
    format!("{}; all else not checked, and nothing here: no key was given", checked.join("; "))
}

/// Every object of a set, against its row and its line.
fn objects(
    context: &Context<'_>,
    acquisition: &Acquisition,
    set: &SetStatement,
    inventory: &Inventory,
) -> Checked {
    let policy = context.package.policy.as_ref().ok();
    let scratch = context.options.helpers().scratch;
    let Some(mut check) = SetCheck::new(acquisition, &set.set, inventory, policy, scratch) else {
        return Err(Stop::Fail("the acquisition does not state it".to_owned()));
    };
    for part in &set.parts {
        let zip = open(context.files, part, context.options)
            .map_err(|stop| no_key_after_first(part.number, stop))?;
        check.part(zip, &mut |_, _| Ok(())).map_err(|e| Stop::Fail(format!("{}: {e}", part.file)))?;
    }
    let found = check.finish(super::inventory::lines(context.files)?).map_err(|e| match e {
        HolderError::Compare(e) => super::inventory::incomparable(e),
        e => Stop::Fail(e.to_string()),
    })?;
    let unread = match found.unread {
        0 => String::new(),
        count => format!("; of {} not one byte could be read", counted(count, "object")),
    };
    Ok(format!(
        "{}, {} with {}, {} listed, {} held by others; each has its line{unread}",
        counted(found.items, "item"),
        counted(found.objects, "object"),
        counted(found.bytes, "byte"),
        found.listed,
        found.held
    ))
}

/// Every row of the ledger, up to the run key's signature. Whether decisions follow is what an audit says.
fn ledger(context: &Context<'_>, acquisition: &Acquisition, set: &SetStatement) -> Checked {
    let mut records = 0_u64;
    for part in &set.parts {
        let opened = open(context.files, part, context.options)
            .map_err(|stop| no_key_after_first(part.number, stop))?;
        let fail = |e: crate::ledger::LedgerError| Stop::Fail(format!("{}: {e}", part.file));
        let mut reader = LedgerReader::new(GzipReader::new(opened, MAX_LEDGER)).map_err(fail)?;
        while reader.next_record().map_err(fail)?.is_some() {
            records = records.saturating_add(1);
        }
        let binding = Binding::of(acquisition, part.batch);
        let signed = reader.finish(&binding, part.number).map_err(fail)?;
        BindingError::unless_equal("batch", part.batch, signed.header().batch).map_err(|e| fail(e.into()))?;
    }
    Ok(format!("{records} records, signed by the run key; not replayed here"))
}

/// A key that opens the first part and not a later one shows that the parts have different readers.
fn no_key_after_first(number: u64, stop: Stop) -> Stop {
    match stop {
        Stop::NotChecked(detail) if number > 1 => {
            Stop::Fail(format!("{detail}, and one opens the part before"))
        }
        stop => stop,
    }
}
