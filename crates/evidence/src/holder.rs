//! What a holder of a set checks: rows, objects and inventory lines, one to one.
//!
//! Implements `docs/spec/part.md`, section "Verifying".
//!
//! ```text
//! entry objects/KC07-C-0000001   =  row {"object":{"control":"KC07-C-0000001",...}}  =  inventory line
//!                                   row {"listed":...}                               =  inventory line
//!                                   row {"held":...}                                 :  as many as lines
//! ```
//!
//! The captured set is what the case team sees, a held set what its
//! compartment sees; the same rules hold for both. In memory are one manifest
//! and what the part at hand holds; lines and control numbers are sorted, outside
//! memory where there are many, and compared at the end.

mod error;
mod opened;
mod padding;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use scope::policy::{Effect, UNREAD_VOLUMES, UnknownDefault};
use scope::{Digest, Outcome, Policy};
use sha2::{Digest as _, Sha256};

use crate::acquisition::{Acquisition, PartStatement, SetName, SetStatement};
use crate::helpers::Scratch;
use crate::inventory::{CompareError, Inventory, Meetings, Met};
use crate::item::{Control, ObjectValue, Series};
use crate::manifest::{
    Binding, BindingError, HeldRow, MANIFEST, MAX_MANIFEST, Manifest, ManifestError, Opened, Row, SIGNATURE,
};
use crate::replay::wrong_compartment;
use crate::sorter::Sorter;
use crate::zip_strict::{Entry, Name, ZipReader};
pub use error::HolderError;
use opened::Seen;
use padding::Counted;
pub use padding::padme;

/// Longest signature file in bytes. An armored ed25519 signature has about 300.
const MAX_SIGNATURE: usize = 4096;

/// Longest id of a rule, in characters.
const MAX_RULE: usize = 32;

/// Bytes of an object that are hashed at a time.
const CHUNK: usize = 64 << 10;

/// Takes the content of an object, chunk by chunk, as it is read; an empty chunk begins each object.
///
/// Content arrives before anything is known to be right: keep it apart until [`SetCheck::finish`] has succeeded.
pub type Sink<'s> = dyn FnMut(&Control, &[u8]) -> io::Result<()> + 's;

/// Checks the parts of one set, in order.
pub struct SetCheck<'a> {
    set: &'a SetStatement,
    acquisition: &'a Acquisition,
    inventory: &'a Inventory,
    policy: Option<&'a Policy>,
    lines: Meetings<'a>,
    controls: Sorter<'a, 16>,
    /// Those of the part at hand: a row that stands twice there is told before its object is missed.
    of_part: BTreeSet<Control>,
    /// Items that the rows say are held, by the number of their compartment.
    held: BTreeMap<u32, u64>,
    parts: usize,
    failed: bool,
    checked: CheckedSet,
}

/// What a set came to. Only [`SetCheck::finish`] gives one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CheckedSet {
    /// Kept items.
    pub items: u64,
    /// Of these, items with content.
    pub objects: u64,
    /// Bytes of content, without those that could not be read.
    pub bytes: u64,
    /// Items that are named and were not taken.
    pub listed: u64,
    /// In the captured set, items that are held for someone else.
    pub held: u64,
    /// Objects of which the medium did not give every byte.
    pub partial: u64,
    /// Of these, objects of which not one byte could be read.
    pub unread: u64,
}

/// A part whose rows, objects and signature agree. Only [`SetCheck::part`] gives one.
#[derive(Debug)]
pub struct CheckedPart {
    manifest: Vec<u8>,
}

impl CheckedPart {
    /// The bytes of `manifest.jsonl`, as the run key signed them.
    #[must_use]
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// The rows, for whoever shows or extracts what the part holds.
    ///
    /// # Errors
    ///
    /// None that [`SetCheck::part`] would not have found.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, ManifestError>> + '_ {
        // The first row and the signature have been checked; what follows is read again.
        let after_first = self.manifest.split_inclusive(|byte| *byte == b'\n').skip(1);
        after_first.zip(2..).map(|(row, line)| {
            crate::strict::from_json(row).map_err(|source| ManifestError::Row { line, source })
        })
    }
}

impl<'a> SetCheck<'a> {
    /// Begins the check of a set: `None` if the acquisition does not state it, or it is the ledger.
    ///
    /// With the policy, names are checked too: each must satisfy an include by itself.
    #[must_use]
    pub fn new(
        acquisition: &'a Acquisition,
        set: &SetName,
        inventory: &'a Inventory,
        policy: Option<&'a Policy>,
        scratch: &'a dyn Scratch,
    ) -> Option<Self> {
        let set =
            acquisition.sets.iter().find(|stated| stated.set == *set && stated.set != SetName::Ledger)?;
        Some(Self {
            set,
            acquisition,
            inventory,
            policy,
            lines: Meetings::new(inventory, scratch),
            controls: Sorter::new(scratch),
            of_part: BTreeSet::new(),
            held: BTreeMap::new(),
            parts: 0,
            failed: false,
            checked: CheckedSet::default(),
        })
    }

    /// Checks the next part, from its decrypted bytes. Objects pass through `sink` as they are read.
    ///
    /// # Errors
    ///
    /// The first [`HolderError`]. The set then cannot be finished.
    pub fn part(&mut self, zip: impl Read, sink: &mut Sink<'_>) -> Result<CheckedPart, HolderError> {
        let part = self.check_part(zip, sink);
        self.failed |= part.is_err();
        part
    }

    /// After the last part: every line of the set's outcomes has its row, every row its line and a number of its own.
    /// `lines` are the bytes of the inventory, once more.
    ///
    /// # Errors
    ///
    /// [`HolderError::Parts`], [`HolderError::Twice`], [`HolderError::Line`], [`HolderError::Missing`] or
    /// [`HolderError::Held`]; [`HolderError::Compare`] if the inventory cannot be read again.
    pub fn finish(self, lines: impl Read) -> Result<CheckedSet, HolderError> {
        let stated = self.set.parts.len();
        if self.failed || self.parts != stated {
            return Err(HolderError::Parts { set: self.set.set.clone(), checked: self.parts, stated });
        }
        let control = |code: u128| {
            let (series, number) = decoded(code);
            Control::new(&self.acquisition.medium.label, series, number)
        };
        let mut last = None;
        for code in self.controls.sorted().map_err(CompareError::from)? {
            let code = u128::from_be_bytes(code.map_err(CompareError::from)?);
            if last.replace(code) == Some(code) {
                return Err(HolderError::Twice(control(code)));
            }
        }
        let (mut wrong, mut unmet) = (None, BTreeMap::new());
        self.lines.compare(self.inventory, lines, &mut |met| {
            let (by, line, what) = match met {
                Met::Unmet(line) if SetName::naming(&line.outcome).as_ref() != Some(&self.set.set) => return,
                Met::Unmet(line) => {
                    unmet.entry(line.outcome).or_insert((line.digest, 0_u64)).1 += 1;
                    return;
                }
                Met::Again(by, line) => (by, line, "was already used by another row of"),
                Met::Absent(by, line) => (by, line, NOT_IN),
            };
            wrong.get_or_insert(HolderError::Line { control: control(by), line: line.to_string(), what });
        })?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if let Some((outcome, (first, missing))) = unmet.into_iter().next() {
            return Err(HolderError::Missing { outcome, missing, first });
        }
        if self.set.set == SetName::Captured {
            held_as_many_as_lines(self.inventory, self.policy, &self.held, self.checked.held)?;
        }
        Ok(self.checked)
    }

    fn check_part(&mut self, zip: impl Read, sink: &mut Sink<'_>) -> Result<CheckedPart, HolderError> {
        let stated = self.set.parts.len();
        let Some(statement) = self.set.parts.get(self.parts) else {
            let (set, checked) = (self.set.set.clone(), self.parts.saturating_add(1));
            return Err(HolderError::Parts { set, checked, stated });
        };
        let mut entries = self.read(zip, sink)?;
        let key = self.acquisition.run_key_of(statement.batch);
        let manifest = Manifest::open(&entries.manifest, &entries.signature, key)?;
        self.header(&manifest, statement)?;
        let part = self.set.set.part(statement.number);
        let mut shows = Ok(());
        self.of_part.clear();
        for row in manifest.rows() {
            match row? {
                Row::Object(opened) => {
                    let seen = self.opened(&opened, true, &part)?;
                    self.object(&opened.control, seen.object.as_ref(), &mut entries.objects)?;
                    shows = shows.and_then(|()| self.names(opened.control, &seen));
                }
                Row::Listed(opened) => {
                    let seen = self.opened(&opened, false, &part)?;
                    self.checked.listed = self.checked.listed.saturating_add(1);
                    shows = shows.and_then(|()| self.names(opened.control, &seen));
                }
                Row::Held(row) => self.held_row(&row)?,
            }
        }
        if let Some(control) = entries.objects.into_keys().next() {
            return Err(HolderError::NoRow(control));
        }
        // Names last: nothing is said about them unless all else in the part holds.
        shows?;
        self.parts = self.parts.saturating_add(1);
        Ok(CheckedPart { manifest: entries.manifest })
    }

    /// Reads the archive to its end.
    fn read(&self, zip: impl Read, sink: &mut Sink<'_>) -> Result<Entries, HolderError> {
        let length = Cell::new(0);
        let mut zip = ZipReader::new(Counted { inner: zip, count: &length });
        let is_padded = matches!(self.set.set, SetName::Held(_));
        let mut padding = false;
        let mut entries = Entries::default();
        let mut buffer = vec![0; CHUNK];
        while let Some(mut entry) = zip.next_entry()? {
            let name = entry.name().clone();
            let mut read = |take: &mut Take<'_>| each_chunk(&mut entry, &mut buffer, take);
            match &name {
                Name::Object(control) => {
                    let control: Control =
                        control.parse().map_err(|_| HolderError::ObjectName(control.clone()))?;
                    let (mut hash, mut size) = (Sha256::new(), 0_u64);
                    sink(&control, &[]).map_err(|source| entry_error(&name, source))?;
                    read(&mut |bytes| {
                        hash.update(bytes);
                        size = size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                        sink(&control, bytes).map_err(|source| entry_error(&name, source))
                    })?;
                    entries.objects.insert(control, (Digest(hash.finalize().into()), size));
                }
                Name::Manifest => {
                    read(&mut |bytes| append(&mut entries.manifest, bytes, MANIFEST, MAX_MANIFEST))?;
                }
                Name::Signature => {
                    read(&mut |bytes| append(&mut entries.signature, bytes, SIGNATURE, MAX_SIGNATURE))?;
                }
                Name::Padding => {
                    // A place where something could ride along unsigned.
                    if !is_padded {
                        return Err(HolderError::Padding);
                    }
                    padding = true; // the profile lets nothing follow it
                    read(&mut |bytes| {
                        let zeros = bytes.iter().all(|byte| *byte == 0);
                        if zeros { Ok(()) } else { Err(HolderError::Padding) }
                    })?;
                }
            }
        }
        if !is_padded {
            return Ok(entries);
        }
        // The whole archive has been read: the profile lets nothing follow it.
        let (length, class) = (length.get(), padme(length.get()));
        match padding {
            false => Err(HolderError::Unpadded),
            true if length == class => Ok(entries),
            true => Err(HolderError::Length { length, class }),
        }
    }

    fn header(&self, manifest: &Manifest<'_>, statement: &PartStatement) -> Result<(), HolderError> {
        let header = manifest.header();
        header.binding().must_equal(&Binding::of(self.acquisition, statement.batch))?;
        BindingError::unless_equal("set", &self.set.set, &header.set)?;
        BindingError::unless_equal("part", statement.number, header.part)?;
        BindingError::unless_equal("batch", statement.batch, header.batch)?;
        if header.recipients == self.set.recipients { Ok(()) } else { Err(HolderError::Recipients) }
    }

    /// Checks an opened row against its set and the inventory.
    fn opened(&mut self, row: &Opened, kept: bool, part: &str) -> Result<Seen, HolderError> {
        let control = &row.control;
        let wrong = |what: String| HolderError::Row { control: control.clone(), what };
        let seen = opened::see(control, &row.opening)?;
        let decision = &seen.decision;
        if decision.control.as_ref() != Some(control) {
            return Err(wrong("its decision has another control number".to_owned()));
        }
        if decision.policy != self.acquisition.policy {
            return Err(wrong(format!("decided under {}", decision.policy)));
        }
        let here = SetName::naming(&decision.outcome).as_ref() == Some(&self.set.set);
        if !here || decision.outcome.is_kept() != kept {
            return Err(wrong(format!("the outcome {} does not belong in this row", decision.outcome)));
        }
        if self.set.set != SetName::Captured && seen.hidden > 0 {
            return Err(wrong("a compartment sees every name, and one is closed".to_owned()));
        }
        if let Some(object) = seen.object.as_ref().filter(|object| object.part != part) {
            return Err(wrong(format!("its object is said to lie in `{}`", object.part.escape_debug())));
        }
        let mismatches = crate::item::mismatches(&seen.facts, decision, seen.object.as_ref());
        if let Some(source) = mismatches.into_iter().next() {
            return Err(HolderError::Mismatch { control: control.clone(), source });
        }
        self.number(control)?;
        if let Some(compartment) =
            self.policy.and_then(|policy| wrong_compartment(policy, control, &decision.outcome))
        {
            return Err(wrong(format!("a number of compartment {compartment}")));
        }
        let line = row.opening.commitments().line(decision.outcome.clone());
        match self.lines.meet(&line, code(control)).map_err(CompareError::from)? {
            true => Ok(seen),
            false => {
                let (control, line) = (control.clone(), line.to_string());
                Err(HolderError::Line { control, line, what: NOT_IN })
            }
        }
    }

    fn object(
        &mut self,
        control: &Control,
        stated: Option<&ObjectValue>,
        objects: &mut BTreeMap<Control, (Digest, u64)>,
    ) -> Result<(), HolderError> {
        self.checked.items = self.checked.items.saturating_add(1);
        let Some(stated) = stated else {
            return Ok(()); // of a kind without content; an entry for it would be one without a row
        };
        let (found, found_size) =
            objects.remove(control).ok_or_else(|| HolderError::NoObject(control.clone()))?;
        if (found, found_size) != (stated.sha256, stated.size) {
            let control = control.clone();
            let (stated, stated_size) = (stated.sha256, stated.size);
            return Err(HolderError::Object { control, found, found_size, stated, stated_size });
        }
        self.checked.objects = self.checked.objects.saturating_add(1);
        self.checked.bytes = self.checked.bytes.saturating_add(stated.read_bytes());
        self.checked.partial = self.checked.partial.saturating_add(u64::from(!stated.unreadable.is_empty()));
        self.checked.unread = self.checked.unread.saturating_add(u64::from(stated.is_unread()));
        Ok(())
    }

    fn held_row(&mut self, row: &HeldRow) -> Result<(), HolderError> {
        let Series::Held(compartment) = row.control.series() else {
            let what = "not a control number of a held item".to_owned();
            return Err(HolderError::Row { control: row.control.clone(), what });
        };
        if self.set.set != SetName::Captured {
            let what = "a compartment's manifest says nothing of other held items".to_owned();
            return Err(HolderError::Row { control: row.control.clone(), what });
        }
        if !self.may_determine(compartment, &row.rules) {
            // Rows for held items are signed and seen by the case team: there is no room in them for words.
            let what = "its rules are not the policy's for that compartment, in order".to_owned();
            return Err(HolderError::Row { control: row.control.clone(), what });
        }
        self.number(&row.control)?;
        let count = self.held.entry(compartment).or_default();
        *count = count.saturating_add(1);
        self.checked.held = self.checked.held.saturating_add(1);
        Ok(())
    }

    /// Whether these can be the rules by which an item is held for the compartment of that number, counted from 1.
    ///
    /// Without a policy, whether they can be ids of rules at all.
    fn may_determine(&self, compartment: u32, rules: &[String]) -> bool {
        let Some(policy) = self.policy else {
            let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
            let mut seen = BTreeSet::new();
            return rules
                .iter()
                .all(|id| (1..=MAX_RULE).contains(&id.len()) && id.bytes().all(plain) && seen.insert(id));
        };
        let at = usize::try_from(compartment).ok().and_then(|number| number.checked_sub(1));
        let Some(compartment) = at.and_then(|at| policy.compartments().get(at)) else {
            return false;
        };
        if rules.is_empty() {
            // No rule was certain: the policy's default holds the item.
            return compartment.id == UNREAD_VOLUMES
                || policy.target().holds_for(&compartment.id)
                || matches!(&policy.defaults().unknown, UnknownDefault::Hold(id) if *id == compartment.id);
        }
        let mut own = policy
            .rules()
            .iter()
            .filter(|rule| rule.effect == Effect::Hold && rule.to.as_ref() == Some(&compartment.id));
        // Each is looked for behind the one before it: so they stand in order, and none twice.
        rules.iter().all(|id| own.any(|rule| rule.id == *id))
    }

    /// A control number is of this medium. That it stands once in the set, the end shows.
    fn number(&mut self, control: &Control) -> Result<(), HolderError> {
        if !control.is_for(&self.acquisition.medium.label) {
            let what = "a control number of another medium".to_owned();
            return Err(HolderError::Row { control: control.clone(), what });
        }
        if !self.of_part.insert(control.clone()) {
            return Err(HolderError::Twice(control.clone()));
        }
        Ok(self.controls.add(code(control).to_be_bytes()).map_err(CompareError::from)?)
    }

    /// Every name that the case team sees satisfies an include, and no exclude, by itself.
    fn names(&self, control: Control, seen: &Seen) -> Result<(), HolderError> {
        let Some(policy) = self.policy.filter(|_| self.set.set == SetName::Captured) else {
            return Ok(());
        };
        let visible = scope::visible_names(policy, &seen.facts).len();
        if visible == seen.facts.names.len() {
            return Ok(());
        }
        let what = "it shows a name that is not in scope by itself".to_owned();
        Err(HolderError::Row { control, what })
    }
}

fn held_as_many_as_lines(
    inventory: &Inventory,
    policy: Option<&Policy>,
    rows: &BTreeMap<u32, u64>,
    found: u64,
) -> Result<(), HolderError> {
    let counts = inventory.counts();
    let held = counts.iter().filter(|(outcome, _)| matches!(outcome, Outcome::Held(_)));
    let stated = held.fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
    if stated != found {
        return Err(HolderError::Held { outcome: "held".to_owned(), stated, found });
    }
    let compartments = policy.map_or(&[][..], Policy::compartments);
    for (compartment, number) in compartments.iter().zip(1_u32..) {
        let outcome = Outcome::Held(compartment.id.clone());
        let stated = counts.get(&outcome).copied().unwrap_or(0);
        let found = rows.get(&number).copied().unwrap_or(0);
        if stated != found {
            return Err(HolderError::Held { outcome: outcome.to_string(), stated, found });
        }
    }
    Ok(())
}

/// What is said of a line that the inventory lacks.
const NOT_IN: &str = "is not in";

/// A control number of this medium as one number, and back: series first.
fn code(control: &Control) -> u128 {
    let series = match control.series() {
        Series::Captured => 0,
        Series::Listed => 1,
        Series::Held(number) => u128::from(number).saturating_add(2),
    };
    series << 64 | u128::from(control.number())
}

fn decoded(code: u128) -> (Series, u64) {
    let [series, number] = [code >> 64, code & u128::from(u64::MAX)];
    let series = match series {
        0 => Series::Captured,
        1 => Series::Listed,
        held => Series::Held(u32::try_from(held.saturating_sub(2)).unwrap_or(u32::MAX)),
    };
    (series, u64::try_from(number).unwrap_or(u64::MAX))
}

/// Takes what is read of an entry.
type Take<'t> = dyn FnMut(&[u8]) -> Result<(), HolderError> + 't;

fn each_chunk<R: Read>(
    entry: &mut Entry<'_, R>,
    buffer: &mut [u8],
    take: &mut Take<'_>,
) -> Result<(), HolderError> {
    loop {
        let count = entry.read(buffer).map_err(|source| entry_error(entry.name(), source))?;
        match buffer.get(..count) {
            None | Some([]) => return Ok(()),
            Some(bytes) => take(bytes)?,
        }
    }
}

/// What an archive holds.
#[derive(Default)]
struct Entries {
    objects: BTreeMap<Control, (Digest, u64)>,
    manifest: Vec<u8>,
    signature: Vec<u8>,
}

fn append(to: &mut Vec<u8>, bytes: &[u8], entry: &'static str, limit: usize) -> Result<(), HolderError> {
    if to.len().saturating_add(bytes.len()) > limit {
        return Err(HolderError::TooLong { entry, limit });
    }
    to.extend_from_slice(bytes);
    Ok(())
}

fn entry_error(name: &Name, source: io::Error) -> HolderError {
    HolderError::Entry { entry: name.to_string(), source }
}
