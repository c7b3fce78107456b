//! The walk over a file system: every item once, depth first, names in bytewise order.
//!
//! Implements `docs/spec/sources.md`, "What a walk yields", for every file
//! system that is read by our own code. A file system says what its nodes are
//! ([`Volume`]); the walker, not the file system, keeps the record of what was
//! visited, so that a directory which contains itself ends here as an issue.
//!
//! ```text
//! names alone: which nodes have several      a count on the medium may be stale or forged
//! items:       directories at once, what has several names last, each with its streams
//! deleted:     where the walk is to find them
//! ```

pub(crate) mod budget;
mod descent;
pub(crate) mod owned;
mod remnants;

use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use scope::RawName;
use scope::facts::{Attribute, Facts, Kind};

use crate::bytes::ByteSource;
use crate::exact::EvidenceStream;
use crate::node_set::NodeSet;
use crate::patient::failed_reads;
use crate::walk::{
    Entry, Issue, NodeId, ROOT_UNREAD, Source, SourceError, SourceInfo, Unused, WalkEvent, WalkOptions,
    WalkReport,
};
use descent::{Descent, several_names};
pub use remnants::slack_of;
pub(crate) use remnants::{Lost, Pieces, Remnants, Span, behind, cut};

/// A file system as the walker sees it: nodes by their handles.
pub(crate) trait Volume: Send + Sync {
    /// The root directory.
    fn root(&self) -> NodeId;

    /// What is known of a node, without its names. Damage beside the node itself is among its issues.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where nothing can be said of it: it becomes an item of the kind `other`.
    fn node(&self, id: NodeId) -> Result<Node, SourceError>;

    /// The locator of a node, also of one that cannot be read, and the facts that hold of it all the same.
    fn unreadable(&self, id: NodeId) -> (String, Facts);

    /// Whether a node is a directory, by the node itself.
    fn is_directory(&self, id: NodeId) -> bool {
        self.node(id).is_ok_and(|node| node.facts.kind == Kind::Directory)
    }

    /// Reads a directory. Damage becomes issues; what can be read is given. At most `limit` names are kept; more are an issue.
    fn list(&self, id: NodeId, limit: usize) -> Listing;

    /// Whether several names can lead to one node. Where none can, names are not counted before the walk.
    fn has_hard_links(&self) -> bool {
        true
    }

    /// What was counted, how many were seen, how many the file system counts.
    fn coverage(&self, seen: &Seen) -> Vec<(String, u64, u64)>;

    /// Yields deleted entries of which something is left: facts of the kind `deleted`, with a name where the whole
    /// path is known. What cannot be read is returned as issues.
    fn deleted(&self, _each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<String> {
        Vec::new()
    }

    /// Yields what is in use and has no name, of the kind `deleted`. Asked only where deleted entries are items and no folder
    /// was left out: its name may stand in there.
    fn nameless(&self, _seen: &Seen, _each: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Vec<Issue> {
        Vec::new()
    }

    /// What the file system's own maps say is in use and no item or structure accounts for, in sentences with numbers.
    fn account(&self, _seen: &Seen, _asked: Asked) -> Vec<String> {
        Vec::new()
    }

    /// The areas that are in no item, not free space, and not the file system's own structures.
    fn unused(&self) -> Unused {
        Unused::default()
    }

    /// As [`Source::structures`].
    fn structures(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Whether reading failed where it was opened, so that what is in use or deleted is not all known.
    fn is_wanting(&self) -> bool {
        false
    }

    /// As [`Source::uses`].
    fn uses(&self, _at: u64) -> Option<bool> {
        None
    }

    /// The volume's bytes and what is known of free ones among them; `None` where this version does not read it.
    fn remnants(&self) -> Option<&dyn Remnants> {
        None
    }

    /// Opens the content of an item that a walk of this volume gave.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    fn content(self: Arc<Self>, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError>;
}

/// What a file system says of one node.
pub(crate) struct Node {
    /// Where it is, in plain ASCII and without names.
    pub(crate) locator: String,
    /// Its facts, without names.
    pub(crate) facts: Facts,
    /// What is wrong with it, in words that name nothing of the medium.
    pub(crate) issues: Vec<String>,
    /// Its named streams.
    pub(crate) streams: Vec<NamedStream>,
    /// Other nodes that are in use for it and have no name: they count as seen.
    pub(crate) uses: Vec<NodeId>,
}

/// Whether items of a kind have neither content, nor names in them, nor a target: pipes, sockets, devices.
pub(crate) fn has_no_content(kind: Kind) -> bool {
    matches!(kind, Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice)
}

/// What is said of a pipe, socket or device that has bytes all the same: one changed word makes one of a file.
pub(crate) fn without_content(size: u64, allocated: u64) -> String {
    format!(
        "{size} bytes ({allocated} allocated) belong to an item of a kind that has no content; they are not read"
    )
}

/// A named stream of a node.
pub(crate) struct NamedStream {
    /// Its name, without the colon.
    pub(crate) name: Vec<u8>,
    /// Its own handle.
    pub(crate) node: NodeId,
    /// What stands behind the node's locator and the node's id, for this stream: `:3`. Plain ASCII.
    pub(crate) suffix: String,
    /// Length in bytes; `None` where it cannot be stated, and the content not be read.
    pub(crate) size: Option<u64>,
    /// Bytes allocated.
    pub(crate) allocated: Option<u64>,
    /// What is wrong with it.
    pub(crate) issues: Vec<String>,
}

/// A name and the node that it names.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Link {
    pub(crate) name: Vec<u8>,
    pub(crate) node: NodeId,
}

/// What was read of a directory.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Names without `.` and `..`; the walker sorts them.
    pub(crate) links: Vec<Link>,
    /// What could not be read.
    pub(crate) issues: Vec<String>,
    /// Set where the names are not those that a person knows (encrypted): items are walked without names.
    pub(crate) nameless: bool,
}

/// The nodes that a walk has met.
#[derive(Default)]
pub(crate) struct Seen {
    /// Nodes with a name.
    pub(crate) named: NodeSet,
    /// Nodes in use for others, of which none has a name.
    pub(crate) used: NodeSet,
}

/// What a walk was asked for and what it left out, as far as that tells what its count may lack.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// Whether deleted entries are items.
    pub(crate) deleted: bool,
    /// Whether every folder was entered: none is closed.
    pub(crate) all_folders: bool,
}

/// How a file system over some bytes is opened. Recognition was the probe's.
pub(crate) type OpenFileSystem = fn(Arc<dyn ByteSource>) -> Result<Box<dyn Source>, SourceError>;

/// A [`Volume`] as a [`Source`].
pub(crate) struct VolumeSource<V> {
    volume: Arc<V>,
    info: SourceInfo,
}

impl<V: Volume> VolumeSource<V> {
    /// `volume`, described by `info`.
    pub(crate) fn new(volume: V, info: SourceInfo) -> Self {
        Self { volume: Arc::new(volume), info }
    }
}

impl<V: Volume + 'static> Source for VolumeSource<V> {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn root(&self) -> Result<(), SourceError> {
        root(self.volume.as_ref()).map(drop)
    }

    fn unused(&self) -> Unused {
        self.volume.unused()
    }

    fn structures(&self) -> Vec<u64> {
        self.volume.structures()
    }

    fn uses(&self, at: u64) -> Option<bool> {
        self.volume.uses(at)
    }

    fn walk_with(
        &self,
        options: &WalkOptions<'_>,
        visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        walk(self.volume.as_ref(), options, visit)
    }

    fn open(&self, entry: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        if !entry.facts.kind.has_content() {
            return Err(SourceError::NoContent("not a file".into()));
        }
        match entry.facts.kind {
            Kind::Unallocated | Kind::Slack | Kind::Recovered => {
                remnants::open(self.volume.as_ref(), &self.info.volume, entry)
            }
            _ => Arc::clone(&self.volume).content(entry),
        }
    }
}

/// Walks `volume` from its root.
///
/// # Errors
///
/// [`SourceError`] where the root directory cannot be read.
pub(crate) fn walk(
    volume: &dyn Volume,
    options: &WalkOptions<'_>,
    visit: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
) -> Result<WalkReport, SourceError> {
    let failed = failed_reads();
    let (id, mut root) = root(volume)?;
    if failed_reads() > failed && !root.issues.is_empty() {
        mark(&mut root.facts, Attribute::UNREAD_FACTS);
    }
    let several =
        if volume.has_hard_links() { several_names(volume, options.closed) } else { HashSet::new() };
    let mut walker = Walker {
        volume,
        options,
        visit,
        report: WalkReport { remnants: volume.remnants().is_some(), ..WalkReport::default() },
        seen: Seen::default(),
        several,
        linked: BTreeMap::new(),
        descent: Descent::default(),
        closed: 0,
    };
    if walker.run(id, root).is_continue() {
        walker.report.complete = true;
        let limits = volume.account(&walker.seen, walker.asked());
        walker.report.limits.extend(limits);
    }
    walker.report.coverage = volume.coverage(&walker.seen);
    Ok(walker.report)
}

/// The root directory.
fn root(volume: &dyn Volume) -> Result<(NodeId, Node), SourceError> {
    let id = volume.root();
    let root = volume.node(id)?;
    match root.facts.kind {
        Kind::Directory => Ok((id, root)),
        _ => Err(SourceError::Corrupt("the root is not a directory".into())),
    }
}

struct Walker<'a> {
    volume: &'a dyn Volume,
    options: &'a WalkOptions<'a>,
    visit: &'a mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    report: WalkReport,
    seen: Seen,
    /// Nodes to which several names lead, whatever they count.
    several: HashSet<NodeId>,
    /// Nodes with several names or links, which wait for all their names, and how many were found.
    linked: BTreeMap<NodeId, (Node, u64)>,
    descent: Descent,
    /// Folders that were not entered, since they are closed.
    closed: u64,
}

impl Walker<'_> {
    fn asked(&self) -> Asked {
        Asked { deleted: self.options.deleted, all_folders: self.closed == 0 }
    }

    fn run(&mut self, id: NodeId, mut root: Node) -> ControlFlow<()> {
        self.seen.named.insert(id);
        self.report.names = 1;
        let place = root.locator.clone();
        self.tell_issues(&mut root)?;
        crate::walk::add_name(&mut root.facts, b"/".to_vec());
        let wanting = self.enter(id, Some(Vec::new()), &mut root.facts);
        self.item(id, root)?;
        let is_damaged = !wanting.is_empty();
        self.issues(&place, wanting)?;
        while let Some((link, path)) = self.descent.next() {
            self.link(&link, path)?;
        }
        if is_damaged && self.report.names == 1 {
            self.report.limits.push(ROOT_UNREAD.to_owned());
        }
        for (id, (mut node, found)) in std::mem::take(&mut self.linked) {
            if let Some(what) = crate::walk::names_left_out(&mut node.facts, found) {
                self.issue(Some(&node.locator), what)?;
            }
            if let Some(counted) = node.facts.links.filter(|counted| *counted != found) {
                let wrong = if found > counted { "; its link count is wrong" } else { "" };
                self.issue(
                    Some(&node.locator),
                    format!("{found} names were found of the {counted} that the inode counts{wrong}"),
                )?;
            }
            self.item(id, node)?;
        }
        if self.options.deleted {
            self.deleted()?;
        }
        if self.options.unallocated { self.unallocated() } else { ControlFlow::Continue(()) }
    }

    fn link(&mut self, link: &Link, path: Option<Vec<u8>>) -> ControlFlow<()> {
        self.report.names = self.report.names.saturating_add(1);
        if let Some((node, found)) = self.linked.get_mut(&link.node) {
            *found = found.saturating_add(1);
            add_name(&mut node.facts, path);
            return ControlFlow::Continue(());
        }
        if !self.seen.named.insert(link.node) {
            let (locator, _) = self.volume.unreadable(link.node);
            return self.issue(
                Some(&locator),
                "a further name of an item that was walked before; that name is not recorded".into(),
            );
        }
        let failed = failed_reads();
        let mut node = match self.volume.node(link.node) {
            Ok(node) => node,
            Err(error) => return self.unreadable(link.node, path, error),
        };
        if failed_reads() > failed && !node.issues.is_empty() {
            mark(&mut node.facts, Attribute::UNREAD_FACTS);
        }
        self.tell_issues(&mut node)?;
        if path.is_none() && !self.descent.is_nameless() {
            self.issue(
                Some(&node.locator),
                "a name that no path can hold (empty, or with a slash or a zero byte)".into(),
            )?;
        }
        add_name(&mut node.facts, path.clone());
        if node.facts.kind == Kind::Directory {
            let place = node.locator.clone();
            let wanting = match path.map(RawName) {
                Some(path) if (self.options.closed)(&path) => {
                    self.closed = self.closed.saturating_add(1);
                    Vec::new()
                }
                path => self.enter(link.node, path.map(|path| path.0), &mut node.facts),
            };
            self.item(link.node, node)?;
            return self.issues(&place, wanting);
        }
        self.item_or_wait(link.node, node)
    }

    /// Yields an item that is not a directory, or has it wait for its other names.
    fn item_or_wait(&mut self, id: NodeId, node: Node) -> ControlFlow<()> {
        let may_have_several =
            node.facts.links.is_some_and(|links| links > 1) && self.volume.has_hard_links();
        if may_have_several || self.several.contains(&id) {
            self.linked.insert(id, (node, 1));
            return ControlFlow::Continue(());
        }
        self.item(id, node)
    }

    /// Goes into a directory before it is yielded itself: its facts say whether the medium gave all of its names.
    fn enter(&mut self, id: NodeId, path: Option<Vec<u8>>, facts: &mut Facts) -> Vec<String> {
        let failed = failed_reads();
        let wanting = self.descent.enter(self.volume, id, path);
        if failed_reads() > failed && !wanting.is_empty() {
            mark(facts, Attribute::UNREAD_NAMES);
        }
        wanting
    }

    fn issues(&mut self, place: &str, issues: Vec<String>) -> ControlFlow<()> {
        issues.into_iter().try_for_each(|what| self.issue(Some(place), what))
    }

    /// An item of which only the name is known: on record all the same.
    fn unreadable(&mut self, id: NodeId, path: Option<Vec<u8>>, error: SourceError) -> ControlFlow<()> {
        let (locator, mut facts) = self.volume.unreadable(id);
        self.issue(Some(&locator), format!("a name leads to an item that could not be read: {error}"))?;
        add_name(&mut facts, path);
        mark(&mut facts, Attribute::UNREAD_NODE);
        let node = Node { locator, facts, issues: Vec::new(), streams: Vec::new(), uses: Vec::new() };
        self.item_or_wait(id, node)
    }

    fn tell_issues(&mut self, node: &mut Node) -> ControlFlow<()> {
        node.uses.drain(..).for_each(|id| _ = self.seen.used.insert(id));
        for what in std::mem::take(&mut node.issues) {
            self.issue(Some(&node.locator), what)?;
        }
        ControlFlow::Continue(())
    }

    /// Yields an item whose names are all known, and its streams.
    fn item(&mut self, id: NodeId, node: Node) -> ControlFlow<()> {
        let Node { locator, facts, streams, .. } = node;
        if !self.options.streams || streams.is_empty() {
            return self.entry(Entry { locator, facts, node: id });
        }
        let entries: Vec<_> =
            streams.into_iter().map(|stream| (stream_entry(&locator, &facts, &stream), stream)).collect();
        self.entry(Entry { locator, facts, node: id })?;
        for (entry, stream) in entries {
            for what in stream.issues {
                self.issue(Some(&entry.locator), what)?;
            }
            self.entry(entry)?;
        }
        ControlFlow::Continue(())
    }

    fn entry(&mut self, entry: Entry) -> ControlFlow<()> {
        self.report.items = self.report.items.saturating_add(1);
        (self.visit)(WalkEvent::Item(entry))
    }

    fn deleted(&mut self) -> ControlFlow<()> {
        let closed = self.options.closed;
        let all_folders = self.closed == 0;
        let (visit, report, seen) = (&mut *self.visit, &mut self.report, &self.seen);
        let remnants = self.volume.remnants().filter(|_| self.options.recovered);
        let mut lost = remnants::Tally::default();
        let mut flow = ControlFlow::Continue(());
        let mut alive = Vec::new();
        // What whoever is told of items reads meanwhile is no part of the list.
        let (failed, mut outside) = (failed_reads(), 0_u64);
        let mut visit = |entry: Entry| {
            let before = failed_reads();
            let flow = visit(WalkEvent::Item(entry));
            outside = outside.saturating_add(failed_reads().saturating_sub(before));
            flow
        };
        let mut give = |entry: Entry| {
            if flow.is_break() {
                return flow;
            }
            // INVARIANT: an item is yielded once. One with a name was, whatever else is said of it.
            if seen.named.contains(entry.node) {
                alive.push(entry.locator);
                return ControlFlow::Continue(());
            }
            // What lies below a closed folder is not looked for, deleted or not.
            if entry.facts.names.iter().any(|name| is_below(name, closed)) {
                return ControlFlow::Continue(());
            }
            report.items = report.items.saturating_add(1);
            let recovered = remnants.and_then(|remnants| lost.recovered(remnants, &entry));
            flow = visit(entry);
            if let (Some(recovered), ControlFlow::Continue(())) = (recovered, flow) {
                report.items = report.items.saturating_add(1);
                flow = visit(recovered);
            }
            flow
        };
        let nameless = if all_folders { self.volume.nameless(seen, &mut give) } else { Vec::new() };
        let issues = self.volume.deleted(&mut give);
        flow?;
        let wanting = failed_reads().saturating_sub(failed) > outside;
        self.report.wanting.deleted = wanting || self.volume.is_wanting();
        for Issue { locator, what } in nameless {
            self.issue(locator.as_deref(), what)?;
        }
        for issue in lost.issues {
            self.issue(Some(&issue.0), issue.1)?;
        }
        self.report.limits.extend(lost.further);
        for locator in alive {
            self.issue(
                Some(&locator),
                "a name leads to the item, and the file system counts it as free".into(),
            )?;
        }
        for what in issues {
            self.issue(None, what)?;
        }
        ControlFlow::Continue(())
    }

    fn unallocated(&mut self) -> ControlFlow<()> {
        let Some(remnants) = self.volume.remnants() else { return ControlFlow::Continue(()) };
        let (visit, report) = (&mut *self.visit, &mut self.report);
        let (failed, mut outside) = (failed_reads(), 0_u64);
        let (flow, limits) = remnants::each_item(remnants, &mut |entry| {
            report.items = report.items.saturating_add(1);
            let before = failed_reads();
            let flow = visit(WalkEvent::Item(entry));
            outside = outside.saturating_add(failed_reads().saturating_sub(before));
            flow
        });
        report.limits.extend(limits);
        // What of free space was asked for the sake of deleted entries is not read again.
        report.wanting.unallocated = failed_reads().saturating_sub(failed) > outside
            || report.wanting.deleted
            || self.volume.is_wanting();
        flow
    }

    fn issue(&mut self, locator: Option<&str>, what: String) -> ControlFlow<()> {
        self.report.issues = self.report.issues.saturating_add(1);
        (self.visit)(WalkEvent::Issue(Issue { locator: locator.map(str::to_owned), what }))
    }
}

/// Notes among the facts of an item what of it could not be read.
fn mark(facts: &mut Facts, what: &str) {
    match facts.attributes.iter_mut().find(|attribute| attribute.is_unread()) {
        Some(said) if said.is_unread_of(what) => {}
        Some(said) => {
            let said_before = String::from_utf8_lossy(&said.value.0).into_owned();
            *said = Attribute::unread(&format!("{said_before} {what}"));
        }
        None => facts.attributes.push(Attribute::unread(what)),
    }
    facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
}

/// A stream as an item: what holds of its file holds of it, and each of the file's names is one of its own.
fn stream_entry(locator: &str, file: &Facts, stream: &NamedStream) -> Entry {
    let mut facts = file.clone();
    facts.kind = Kind::Stream;
    facts.node = format!("{}{}", file.node, stream.suffix);
    facts.size = stream.size;
    facts.allocated = stream.allocated;
    facts.link_target = None;
    // What is the file's may be wanting here, too.
    facts.attributes.retain(|attribute| attribute.is_unread_of(Attribute::UNREAD_FACTS));
    facts.names = Vec::new();
    for name in &file.names {
        let mut name = name.0.clone();
        name.push(b':');
        name.extend(&stream.name);
        crate::walk::add_name(&mut facts, name);
    }
    Entry { locator: format!("{locator}{}", stream.suffix), facts, node: stream.node }
}

/// Whether a directory above `name` is closed.
fn is_below(name: &RawName, closed: &dyn Fn(&RawName) -> bool) -> bool {
    let ends = name.0.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    ends.map(|at| RawName(name.0.get(..at).unwrap_or_default().to_vec())).any(|parent| closed(&parent))
}

fn add_name(facts: &mut Facts, path: Option<Vec<u8>>) {
    if let Some(path) = path {
        crate::walk::add_name(facts, path);
    }
}
