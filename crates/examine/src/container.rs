//! Containers: a file that is opened, each member of it an item that is examined like any other.
//!
//! Implements `docs/spec/containers.md`, "Members are items".
//!
//! ```text
//! .../inode:13:0             the container: {"container":{"form":"zip","members":2,...}}
//! .../inode:13:0/member:0    {"kind":"member"} {"name":"/box.zip!/letter.txt"} {"member":{"of":".../inode:13:0",...}}
//! ```

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::facts::{ContainerFact, Facts, Failure, Kind, Look, Member, Stamp, TimeKind, Zone};
use scope::{Policy, RawName, Tier};
use source::archive::{self, Form, Limits, Place};
use source::extract::{self, Take};
use source::{
    ByteSource, Entry, EvidenceStream, NodeId, Source, SourceError, SourceInfo, Unpacked, WalkEvent,
    WalkOptions, WalkReport,
};

use crate::document;
use crate::examine::cannot_open;
use crate::reopened::Reopened;
use crate::{ExamineError, Examined, Examiner};

/// Sees each member that was examined, with the source from which its content can be read.
pub type EachMember<'e> = dyn FnMut(&dyn Source, &Entry, Examined) -> ControlFlow<()> + 'e;

/// The members of one container, as a source.
pub(crate) struct Members<'s> {
    info: &'s SourceInfo,
    of: String,
    /// Documents that it is in.
    depth: usize,
    pub(crate) unpacked: Unpacked<'s>,
}

/// Why of a container nothing is known.
pub(crate) enum Amiss {
    /// For what it holds.
    Archive(String),
    /// For bytes that could not be read.
    Medium(String),
}

impl Source for Members<'_> {
    fn info(&self) -> &SourceInfo {
        self.info
    }

    /// Members are examined as their container is; nobody walks them.
    fn walk_with(
        &self,
        _: &WalkOptions<'_>,
        _: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        Ok(WalkReport::default())
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        self.unpacked.content(self.number(entry)?)
    }

    fn open_at(&self, entry: &Entry, from: u64) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        self.unpacked.content_at(self.number(entry)?, from)
    }

    fn extract(&self, entry: &Entry, form: extract::Form, take: Take<'_>) -> Result<(), SourceError> {
        self.unpacked.extract(self.number(entry)?, form, take)
    }
}

impl<'s> Members<'s> {
    /// How many documents it is in.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Those of the document `item`, which is in this one.
    pub(crate) fn within<'i>(&self, item: &Entry, unpacked: Unpacked<'i>) -> Members<'i>
    where
        's: 'i,
    {
        Members { info: self.info, of: item.locator.clone(), depth: self.depth.saturating_add(1), unpacked }
    }

    fn number(&self, entry: &Entry) -> Result<usize, SourceError> {
        match &entry.facts.member {
            Some(member) if member.of == self.of && entry.facts.kind == Kind::Member => {
                Ok(usize::try_from(member.number).unwrap_or(usize::MAX))
            }
            _ => Err(SourceError::NoContent("not a member of this container".into())),
        }
    }
}

/// What may still be opened in one item of a walk, with all containers in each other.
pub(crate) struct Budget {
    members: Cell<u64>,
    bytes: Cell<u64>,
    names: Cell<u64>,
    /// Of the item.
    length: u64,
}

impl Budget {
    /// Of an item of so many bytes.
    pub(crate) fn of(length: u64) -> Self {
        let Limits { total, names, .. } = Limits::of(length);
        Self { members: Cell::new(MAX_MEMBERS), bytes: Cell::new(total), names: Cell::new(names), length }
    }

    /// What the next archive may have.
    pub(crate) fn limits(&self) -> Limits {
        Limits { total: self.bytes.get(), ..Limits::of(self.length) }
    }

    /// Takes the bytes of all entries of a document.
    pub(crate) fn take_document(&self, archive: &archive::Archive) -> Result<(), String> {
        let all = archive.members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.size));
        let most = Limits::of(self.length).total;
        let left = self.bytes.get().checked_sub(all);
        self.bytes.set(left.ok_or_else(|| format!("entries of more than {most} bytes in each other"))?);
        Ok(())
    }

    /// Takes a member, which is named once for each name of its container and each of its own.
    fn take(&self, member: &archive::Member, container: &Facts) -> Result<(), String> {
        let members = self.members.get().checked_sub(1);
        let members = members.ok_or_else(|| format!("more than {MAX_MEMBERS} members in each other"))?;
        let bytes = self.bytes.get().checked_sub(member.size);
        let most = Limits::of(self.length);
        let bytes =
            bytes.ok_or_else(|| format!("members of more than {} bytes in each other", most.total))?;
        let room = |name: &Vec<u8>| name.len().saturating_add(64);
        let own = member.also.iter().map(room).fold(room(&member.name), usize::saturating_add);
        let each = member.also.len().saturating_add(1);
        let length = |name: &RawName| name.bytes().len().saturating_mul(each).saturating_add(own);
        let names = container.names.iter().map(length).fold(own, usize::saturating_add);
        let names = u64::try_from(names).ok().and_then(|names| self.names.get().checked_sub(names));
        let names = names.ok_or_else(|| format!("members with names of more than {} bytes", most.names))?;
        self.names.set(names);
        self.members.set(members);
        self.bytes.set(bytes);
        Ok(())
    }
}

/// Opens the container `entry`, has every member examined, and says what it holds; or why it could not be read, which is not
/// to say that anything is wrong with it.
///
/// # Errors
///
/// [`ExamineError`] where the policy itself stands in the way; never for what the container holds.
pub(crate) fn open(
    examiner: &Examiner<'_>,
    entry: &Entry,
    facts: &Facts,
    source: &dyn Source,
    budget: &Budget,
    each: &mut EachMember<'_>,
) -> Result<Result<ContainerFact, String>, ExamineError> {
    let form = scope::opened_as(examiner.policy(), facts).unwrap_or_default();
    let mut fact =
        ContainerFact { form: form.to_owned(), members: 0, captured: 0, barred: 0, others: 0, trouble: None };
    // A document is packed as a zip.
    let known = Form::of_type(form).unwrap_or(Form::Zip);
    let is_document = Form::of_type(form).is_none();
    let bytes: Result<Arc<dyn ByteSource + '_>, _> =
        Reopened::new(source, entry, examiner.options().buffer).map(|bytes| Arc::new(bytes) as _);
    let unpacked = bytes.and_then(|bytes| examiner.unpacker().open(known, bytes, &budget.limits()));
    let unpacked = match unpacked {
        Ok(unpacked) => unpacked,
        Err(SourceError::Corrupt(what) | SourceError::NoContent(what)) => {
            fact.trouble = Some(Failure::plain(&format!("not opened: {what}")));
            return Ok(Ok(fact));
        }
        Err(error) => {
            let why = cannot_open(&error);
            let of_archive = why.starts_with(Failure::OF_ARCHIVE);
            return Ok(Err(if of_archive { why } else { format!("not opened: {why}") }));
        }
    };
    let policy = examiner.policy();
    let members = Members { info: source.info(), of: entry.locator.clone(), depth: 0, unpacked };
    let archive = &members.unpacked.archive;
    let foreign = match is_document {
        true => match document::foreign(examiner, entry, facts, form, &members, budget) {
            Ok(foreign) => foreign,
            Err(Amiss::Archive(why)) => {
                fact.trouble = Some(why);
                return Ok(Ok(fact));
            }
            Err(Amiss::Medium(why)) => return Ok(Err(why)),
        },
        false => Vec::new(),
    };
    let others = if is_document { &foreign } else { &archive.others };
    fact.others = u64::try_from(others.len()).unwrap_or(u64::MAX);
    let (barred, closed, doubtful) = unnamed(policy, facts, form, others);
    (fact.barred, fact.trouble) = (barred, closed.or_else(|| doubtful.clone()));
    if is_document && !foreign.is_empty() {
        fact.trouble =
            Some(format!("{} entries in it are not such as a document of its form has", fact.others));
    }
    let unreadable =
        archive.members.iter().filter(|member| matches!(member.place, Place::Unreadable(_))).count();
    if archive.aside > 0 {
        fact.trouble = Some(format!("{} bytes of it say something and belong to no member", archive.aside));
    }
    if archive.loose > 0 {
        fact.trouble = Some(format!("{} bytes of it belong to no member", archive.loose));
    }
    if archive.unsound > 0 {
        fact.trouble = Some(format!("{} members are not packed as it says", archive.unsound));
    }
    let broken = archive.broken.as_ref().map(|why| Failure::plain(&format!("not opened to its end: {why}")));
    if unreadable > 0 {
        fact.trouble = Some(format!("{unreadable} members are encrypted, or of a form that is not read"));
    }
    if is_document {
        fact.trouble = broken.or(fact.trouble);
        return Ok(Ok(fact));
    }
    // As they lie, so that what is packed around them is unpacked forward, whatever the order in which they are named.
    let mut in_place: Vec<(usize, &archive::Member)> =
        members.unpacked.archive.members.iter().enumerate().collect();
    in_place.sort_by_key(|(number, own)| (own.at, *number));
    let mut unread = 0_u64;
    for (number, own) in in_place {
        if let Err(trouble) = budget.take(own, facts) {
            fact.trouble = Some(trouble);
            break;
        }
        let is_readable = !matches!(own.place, Place::Unreadable(_));
        let own = member(entry, facts, form, number, own);
        if own.facts.names.iter().any(|name| policy.is_below_closed(name, own.facts.case_rule)) {
            // As on the volume: nobody enters it, and nobody knows what the archive holds there.
            fact.trouble = Some(CLOSED.to_owned());
            fact.barred = fact.barred.saturating_add(1);
            continue;
        }
        if own.locator.len() > MAX_LOCATOR {
            fact.trouble = Some("its members lie too deep for a locator".to_owned());
            break;
        }
        let examined = examiner.examine_within(&own, &members, budget, each)?;
        fact.members = fact.members.saturating_add(1);
        let captured = examined.decision.outcome == scope::Outcome::Captured;
        // A zip's members can be damaged one by one; what is in a gzip was unpacked when it was opened.
        let counts = examined.decision.outcome.is_kept() || examined.decision.tier == Tier::Undetermined;
        let is_whole = !(is_readable && counts)
            || examined.facts.failures.is_empty() && known != Form::Zip
            || examiner.can_read(&own, &members, &examined);
        unread = unread.saturating_add(u64::from(!is_whole));
        fact.captured = fact.captured.saturating_add(u64::from(captured));
        fact.barred = fact.barred.saturating_add(u64::from(scope::is_barred(policy, &examined.facts)));
        if each(&members, &own, examined).is_break() {
            // Whoever wants no more has no use for the container either.
            fact.trouble = Some("stopped".to_owned());
            break;
        }
    }
    if unread > 0 {
        // Nobody has their bytes but as the archive packs them.
        fact.trouble = Some(format!(
            "the content of {unread} members that are kept or undetermined could not be read to its end"
        ));
    }
    if broken.is_some() {
        fact.trouble = broken;
    }
    // It goes whole to nobody, whatever the rules make of a folder's name; and all that is in it was read.
    if fact.barred > 0 && fact.trouble == doubtful {
        fact.trouble = None;
    }
    Ok(Ok(fact))
}

/// What entries without content are called is asked of the rules: they are no items, and an archive that is kept whole has them
/// in it. Returns of how many it is certain that they may not go along, that some lie below a closed folder, and what to say of
/// those of which a rule says so or may.
fn unnamed(
    policy: &Policy,
    container: &Facts,
    form: &str,
    others: &[archive::Other],
) -> (u64, Option<String>, Option<String>) {
    let facts = |other: &archive::Other| {
        let name = if other.name.is_empty() { &unpacked_name(container) } else { &other.name };
        let known = inside(container, form, (name, &other.also, other.doubtful), other.modified);
        Facts { kind: other.kind, member: None, ..known }
    };
    let (mut barred, mut doubtful, mut closed) = (0_u64, 0_u64, false);
    for (other, own) in others.iter().map(|other| (other, facts(other))) {
        let unseen = own.links.is_some_and(|links| links > own.names.len() as u64) || other.doubtful;
        let below = own.names.iter().any(|name| policy.is_below_closed(name, own.case_rule));
        closed |= below;
        barred = barred.saturating_add(u64::from(below || scope::is_barred(policy, &own)));
        doubtful = doubtful.saturating_add(u64::from(scope::may_be_barred(policy, &own, unseen)));
    }
    let told = || {
        format!(
            "{doubtful} folders, links or other entries have names that a rule excludes, withholds or holds, or may"
        )
    };
    (barred, closed.then(|| CLOSED.to_owned()), (doubtful > 0).then(told))
}

/// A member as an item.
pub(crate) fn member(
    of: &Entry,
    container: &Facts,
    form: &str,
    number: usize,
    own: &archive::Member,
) -> Entry {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let name = if own.name.is_empty() { unpacked_name(container) } else { own.name.clone() };
    let depth = container.member.as_ref().map_or(0, |member| member.depth).saturating_add(1);
    let facts = Facts {
        node: format!("member:{number}"),
        size: Some(own.size),
        member: Some(Member { of: of.locator.clone(), number, depth, name: RawName(name.clone()) }),
        ..inside(container, form, (&name, &own.also, own.doubtful), own.modified)
    };
    let locator = format!("{}/member:{number}", of.locator);
    Entry { locator, facts, node: NodeId::with_part(of.node.number(), number) }
}

/// What is known of something in a container. It is on the volume of that, and its owner's.
fn inside(
    container: &Facts,
    form: &str,
    (name, also, doubtful): (&[u8], &[Vec<u8>], bool),
    modified: Option<archive::Modified>,
) -> Facts {
    let mut names = Vec::new();
    for path in &container.names {
        // Programs call what is in a gzip by the name in it, or by that of the gzip.
        let unpacked = unpacked(path).filter(|_| form == "gzip");
        let all = std::iter::once(name).chain(also.iter().map(Vec::as_slice)).chain(unpacked.as_deref());
        names.extend(all.map(|name| RawName([path.bytes(), b"!/", name].concat())));
    }
    names.sort();
    names.dedup();
    // Where a name of the container was not found, so was one of the member.
    let found = u64::try_from(container.names.len()).unwrap_or(u64::MAX);
    let missing = doubtful || container.links.is_some_and(|links| links > found);
    let own = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let stamp = |time: archive::Modified| Stamp {
        of: TimeKind::Modified,
        from: form.to_owned(),
        ns: time.ns,
        zone: if time.local { Zone::None } else { Zone::Recorded },
    };
    Facts {
        node: String::new(),
        kind: Kind::Member,
        links: if missing { Some(own.saturating_add(1)) } else { container.links },
        names,
        size: None,
        allocated: None,
        slack: None,
        member: None,
        times: modified.map(stamp).into_iter().collect(),
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: vec![Look::Metadata],
        volume: container.volume.clone(),
        case_rule: container.case_rule,
        uid: container.uid,
        gid: container.gid,
        sid: container.sid.clone(),
    }
}

/// The name of a gzip's member where the gzip has none: its own, without the ending.
fn unpacked_name(container: &Facts) -> Vec<u8> {
    container.names.first().and_then(unpacked).unwrap_or_else(|| b"content".to_vec())
}

/// The name that a gzip has without its ending; `None` where it has none.
fn unpacked(path: &RawName) -> Option<Vec<u8>> {
    let last = path.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let ends = |ending: &[u8]| {
        let (stem, own) = last.split_at_checked(last.len().checked_sub(ending.len())?)?;
        own.eq_ignore_ascii_case(ending).then_some(stem)
    };
    let cut = |ending: &[u8], instead: &[u8]| Some([ends(ending)?, instead].concat());
    cut(b".tgz", b".tar").or_else(|| cut(b".gz", b"")).filter(|name| !name.is_empty())
}

/// Most members of one item of a walk, with those in containers in each other: all are of one batch, which a part's reader
/// takes up to 65,536 items of.
pub const MAX_MEMBERS: u64 = 50_000;
const CLOSED: &str = "members of it are below a folder that target.closed closes";
/// Longest locator of a record.
const MAX_LOCATOR: usize = 512;
