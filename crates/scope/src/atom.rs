//! What one atom says of an item: true, false or unknown.
//!
//! Implements `docs/spec/policy.md`, "The value of an atom".

use crate::compile::{Compiled, CompiledAtom, Test};
use crate::facts::{CaseRule, Facts, Layer, Look, Stamp, TimeKind, Zone};
use crate::fold::{Symbol, fold, symbols};
use crate::glob::Glob;
use crate::looks::Looks;
use crate::magic;
use crate::members;
use crate::trit::Trit;

/// One name of an item, ready to be compared.
pub(crate) struct Name {
    /// As the policy compares names.
    path: Vec<Symbol>,
    folded: bool,
}

impl Name {
    pub(crate) fn new(bytes: &[u8], facts: &Facts, compiled: &Compiled) -> Self {
        let folded = compiled.folded.unwrap_or(facts.case_rule == CaseRule::Insensitive);
        Self { path: symbols(bytes, folded), folded }
    }

    pub(crate) fn fits(&self, path: &Glob) -> bool {
        path.matches_path(&self.path, self.folded)
    }

    fn last(&self) -> &[Symbol] {
        self.path.rsplit(|&symbol| symbol == Symbol::from('/')).next().unwrap_or_default()
    }

    /// The last extension, without its dot; `None` for `name`, `.name` and `name.`.
    fn extension(&self) -> Option<&[Symbol]> {
        let last = self.last();
        let dot = last.iter().rposition(|&symbol| symbol == Symbol::from('.'))?;
        let (stem, ext) = last.split_at_checked(dot)?;
        let (_, ext) = ext.split_first()?;
        (!stem.is_empty() && !ext.is_empty()).then_some(ext)
    }
}

/// The value of an atom for one name of an item, by the looks `taken`; `None` stands for a name that was not found.
pub(crate) fn value(
    atom: &CompiledAtom,
    compiled: &Compiled,
    facts: &Facts,
    taken: Looks,
    name: Option<&Name>,
) -> Trit {
    let look = atom.look;
    if look != Look::Metadata && !facts.kind.has_content() {
        return Trit::F;
    }
    if !taken.has(look) {
        return Trit::U;
    }
    let failed = facts.failures.iter().any(|failure| failure.look == look);
    match &atom.test {
        Test::Path(globs) => of_name(name, |name| globs.iter().any(|g| name.fits(g))),
        Test::Name(globs) => {
            of_name(name, |name| globs.iter().any(|g| g.matches_name(name.last(), name.folded)))
        }
        Test::Ext(exts) => of_name(name, |name| has_extension(name, exts)),
        Test::Kind(kinds) => Trit::known(facts.kind_for_rules().is_among(kinds)),
        Test::Size(min, max) => match facts.size {
            _ if !facts.kind.has_size() => Trit::F,
            Some(size) => Trit::known((*min..=*max).contains(&size)),
            None => Trit::U,
        },
        Test::Time { of, from, until, all } => time(of, *from, *until, *all, facts, compiled),
        Test::Owner(custodians) => Trit::or(custodians.iter().map(|(uid, sid)| owner(uid, sid, facts))),
        Test::Volume(volumes) => Trit::known(volumes.contains(&facts.volume)),
        Test::Type(types) => match &facts.type_fact {
            Some(found) if !failed => Trit::known(types.contains(&found.name)),
            _ => Trit::U,
        },
        Test::TypeMismatch(wanted) => match &facts.type_fact {
            Some(found) if !failed => of_name(name, |name| mismatches(name, &found.name) == *wanted),
            _ => Trit::U,
        },
        Test::Encrypted(wanted) => match facts.type_fact.as_ref().and_then(|found| found.encrypted) {
            Some(found) if !failed => Trit::known(found == *wanted),
            _ => Trit::U,
        },
        Test::HashIn(lists) => match &facts.hash {
            Some(hash) if !failed => {
                Trit::or(lists.iter().map(|list| list.contains(&hash.sha256).map_or(Trit::U, Trit::known)))
            }
            _ => Trit::U,
        },
        Test::Mail(test) => facts
            .mail
            .iter()
            .find(|found| found.selector == atom.atom.selector)
            .map_or(Trit::U, |found| of_members(test.value(found, failed), compiled, facts)),
        Test::Keywords { list, terms, at_least, no_text_is_no_hit } => {
            let Some(found) = facts.keywords.iter().find(|found| found.list == *list) else { return Trit::U };
            let hits: Vec<u64> = found.terms().into_iter().filter(|term| term < terms).collect();
            match found.layer {
                _ if hits.len() as u64 >= *at_least => of_members(Trit::T, compiled, facts),
                _ if failed => Trit::U,
                Layer::Full => Trit::F,
                Layer::None if *no_text_is_no_hit => Trit::F,
                Layer::None | Layer::Unread => Trit::U,
            }
        }
    }
}

/// What the raw bytes of a container contain is one of its members', or none's: of a container that is opened, the members are
/// asked. Its type is looked at before.
fn of_members(value: Trit, compiled: &Compiled, facts: &Facts) -> Trit {
    let is_opened = compiled.containers.as_ref().is_some_and(|own| members::may_be_opened(own, facts));
    if value == Trit::T && is_opened { Trit::U } else { value }
}

fn of_name(name: Option<&Name>, test: impl Fn(&Name) -> bool) -> Trit {
    name.map_or(Trit::U, |name| Trit::known(test(name)))
}

fn has_extension(name: &Name, exts: &[Vec<Symbol>]) -> bool {
    let Some(found) = name.extension() else { return false };
    exts.iter().any(|ext| ext.iter().copied().eq(found.iter().copied().map(fold)))
}

fn mismatches(name: &Name, type_name: &str) -> bool {
    // No type claims an extension in which a byte is no text.
    let ext: Option<String> =
        name.extension().unwrap_or_default().iter().map(|symbol| char::from_u32(*symbol)).collect();
    ext.is_some_and(|ext| magic::mismatch(type_name, &ext))
}

/// A time that is missing is unknown.
fn time(of: &[TimeKind], from: i128, until: i128, all: bool, facts: &Facts, compiled: &Compiled) -> Trit {
    let inside = |stamp: &Stamp| {
        let utc = match (stamp.zone, compiled.zoneless_offset_ns) {
            (Zone::Recorded, _) | (Zone::Assumed, Some(_)) => Some(stamp.ns),
            (Zone::None, Some(offset)) => stamp.ns.checked_sub(offset),
            (Zone::Assumed | Zone::None, None) => None,
        };
        utc.map_or(Trit::U, |ns| Trit::known((from..until).contains(&ns)))
    };
    let values = of.iter().flat_map(|kind| {
        let mut stamps = facts.times.iter().filter(|stamp| stamp.of == *kind).map(inside).peekable();
        let missing = stamps.peek().is_none().then_some(Trit::U);
        stamps.chain(missing).collect::<Vec<_>>()
    });
    if all { Trit::and(values) } else { Trit::or(values) }
}

/// An item has ids of one kind. Where the custodian lists none of that kind, nothing can be compared.
fn owner(uid: &[u64], sid: &[String], facts: &Facts) -> Trit {
    owner_of(uid, sid, facts.uid, facts.sid.as_deref())
}

/// The same for ids that are given.
pub(crate) fn owner_of(uid: &[u64], sid: &[String], own_uid: Option<u64>, own_sid: Option<&str>) -> Trit {
    let by_uid = own_uid.filter(|_| !uid.is_empty()).map(|found| uid.contains(&found));
    let by_sid = own_sid.filter(|_| !sid.is_empty()).map(|found| sid.iter().any(|own| own == found));
    match (by_uid, by_sid) {
        (None, None) => Trit::U,
        (by_uid, by_sid) => Trit::known(by_uid == Some(true) || by_sid == Some(true)),
    }
}
