//! Looks at streams that fail in every way: a bad file is a fact with a reason, never the end of a capture.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where what it builds is not as it should be"
)]

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use examine::{ExamineError, Examined, Options, examine};
use scope::facts::{CaseRule, Fact, Facts, Kind, Layer, Look};
use scope::{Bundle, Digest, ListBytes, ListFile, Policy};
use source::{
    Entry, EvidenceStream, NodeId, Source, SourceError, SourceInfo, StreamFault, WalkEvent, WalkOptions,
    WalkReport,
};

/// Stands for what a path, or an error of the operating system, may say of the item.
const SECRET: &str = "the-name-of-the-item";

/// How the item's stream behaves.
#[derive(Clone, Copy)]
enum End {
    Clean,
    Error,
    Changed,
    CannotOpen,
}

/// A source of one item.
struct Fake {
    info: SourceInfo,
    content: &'static [u8],
    declared: u64,
    end: End,
    opened: Mutex<u64>,
}

struct Stream {
    content: &'static [u8],
    declared: u64,
    end: End,
    calls: u64,
}

impl EvidenceStream for Stream {
    fn declared_len(&self) -> u64 {
        self.declared
    }
}

impl Read for Stream {
    /// Seven bytes at a time, and every other call interrupted.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls % 2 == 1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (piece, rest) = self.content.split_at(self.content.len().min(7).min(buffer.len()));
        self.content = rest;
        buffer.get_mut(..piece.len()).unwrap().copy_from_slice(piece);
        match self.end {
            _ if !piece.is_empty() => Ok(piece.len()),
            End::Error => Err(io::Error::other(SECRET)),
            End::Changed => Err(StreamFault::ChangedDuringRead(SECRET.to_owned()).into()),
            End::Clean | End::CannotOpen => Ok(0),
        }
    }
}

impl Source for Fake {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn walk_with(
        &self,
        _: &WalkOptions<'_>,
        _: &mut dyn FnMut(WalkEvent) -> ControlFlow<()>,
    ) -> Result<WalkReport, SourceError> {
        Ok(WalkReport::default())
    }

    fn open(&self, _: &Entry) -> Result<Box<dyn EvidenceStream>, SourceError> {
        *self.opened.lock().unwrap() += 1;
        match self.end {
            End::CannotOpen => Err(SourceError::Changed(SECRET.to_owned())),
            end => Ok(Box::new(Stream { content: self.content, declared: self.declared, end, calls: 0 })),
        }
    }
}

/// A policy whose one include rule needs `conditions`.
fn policy(conditions: &str) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text(conditions)).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

fn text(conditions: &str) -> String {
    let key = "age1400m9ftvlh27j2e2yde5c6n2xmvn504e70f5xvlcsz4xpxpkk3pslcejxt";
    format!(
        r#"
        schema = "scope-policy/1"
        id = "looks"
        version = 1
        title = "Looks"
        authority = {{ court = "c", docket = "d", instrument = "i", legal_basis = ["l"], hours = "any",
            issued = "2011-03-09T00:00:00Z", execute_by = "2011-03-23T00:00:00Z", review_by = "2011-09-30T00:00:00Z",
            particulars = ["p"], conditions = ["c"] }}
        recipients = {{ case = ["{key}"], auditor = ["{key}"], court = ["{key}"] }}
        record = {{ left = "facts", holder = "h", basis = "b", until = "u" }}
        target = {{ media = [{{ label = "M", serial = "1" }}], inspect = ["metadata", "type", "hash", "content"] }}
        defaults = {{ unknown = "left", path_case = "as-volume" }}
        list.marks = {{ kind = "keywords", label = "l", items = ["needle", "other"] }}
        list.known = {{ kind = "sha256", label = "l", items = ["{zeros}"] }}
        list.people = {{ kind = "addresses", label = "l", items = ["ann@x.org"] }}
        selector.wanted = {{ label = "l", {conditions} }}
        [[rule]]
        id = "I-1"
        effect = "include"
        basis = "b"
        text = "t"
        any = ["wanted"{second}]
        "#,
        zeros = "0".repeat(64),
        second = if conditions.contains("selector.second") { ", \"second\"" } else { "" },
    )
}

fn look_at(
    policy: &Policy,
    kind: Kind,
    content: &'static [u8],
    declared: u64,
    end: End,
    options: Options,
) -> (Examined, u64) {
    let (entry, source) = item(kind, content, declared, end);
    let examined = examine(policy, &entry, &source, &options).unwrap();
    let opened = *source.opened.lock().unwrap();
    (examined, opened)
}

fn item(kind: Kind, content: &'static [u8], declared: u64, end: End) -> (Entry, Fake) {
    let list = [
        Fact::Volume("fake".to_owned()),
        Fact::CaseRule(CaseRule::Sensitive),
        Fact::Node("inode:1".to_owned()),
        Fact::Kind(kind),
        Fact::Name(SECRET.into()),
        Fact::Size(declared),
        Fact::Looks(vec![Look::Metadata]),
    ];
    let facts = Facts::from_list(&list).unwrap();
    let entry = Entry { locator: "fake/1".to_owned(), facts, node: NodeId::new(1) };
    let info = SourceInfo {
        place: String::new(),
        volume: "fake".to_owned(),
        file_system: "fake".to_owned(),
        case_rule: CaseRule::Sensitive,

        about_items: None,
        ids: Vec::new(),
        limits: Vec::new(),
    };
    (entry, Fake { info, content, declared, end, opened: Mutex::new(0) })
}

#[test]
fn a_failed_look_is_a_fact_that_names_nothing() {
    let text = b"a text with a needle in it";
    for (conditions, look) in [
        ("type = [\"zip\"]", Look::Type),
        ("hash_in = [\"known\"]", Look::Hash),
        ("keywords = { list = \"marks\", at_least = 2 }", Look::Content),
    ] {
        let policy = policy(conditions);
        for (declared, end, reason) in [
            (30, End::Clean, "content ended after 26 of 30 bytes"),
            (26, End::CannotOpen, "the item changed since the walk"),
            (30, End::Error, "read error after 26 bytes: other error"),
            (30, End::Changed, "the item changed while it was read"),
        ] {
            let (examined, _) = look_at(&policy, Kind::File, text, declared, end, Options::default());
            let [failure] = examined.facts.failures.as_slice() else { panic!("{look:?}: {reason}") };
            assert_eq!((failure.look, failure.reason.as_str()), (look, reason));
            assert_eq!(examined.facts.looks, [Look::Metadata, look]);
            assert_eq!(examined.decision.outcome.to_string(), "left");
            assert_eq!(examined.decision.tier, scope::Tier::Undetermined, "{look:?}: {reason}");
            assert!(examined.content.is_none() && examined.facts.hash.is_none());
            assert!(examined.facts.type_fact.is_none());
            // What was found before the failure stays evidence, and its layer says that more may be there.
            for fact in &examined.facts.keywords {
                let searched = if matches!(end, End::CannotOpen) { 0 } else { 26 };
                assert_eq!(
                    (fact.searched, fact.layer, fact.hits.len() as u64),
                    (searched, Layer::Unread, searched / 26)
                );
            }
        }
    }
}

#[test]
fn a_stream_longer_than_declared_is_not_believed() {
    let policy = policy("hash_in = [\"known\"]");
    let (examined, _) = look_at(&policy, Kind::File, b"0123456789", 8, End::Clean, Options::default());
    assert_eq!(examined.facts.failures.len(), 1);
    assert_eq!(examined.facts.failures.first().unwrap().reason, "content goes on after its declared 8 bytes");
    assert!(examined.facts.hash.is_none() && examined.content.is_none());
}

#[test]
fn content_that_fits_the_buffer_is_read_once() {
    // The digest misses, so the second selector is asked, and needs the content.
    let policy =
        policy("hash_in = [\"known\"] }\nselector.second = { label = \"l\", keywords = { list = \"marks\" }");
    for (buffer, kept, opened) in [(26, true, 1), (25, false, 2), (0, false, 2)] {
        let options = Options { buffer, ..Options::default() };
        let text = b"a text with a needle in it";
        let (examined, times) = look_at(&policy, Kind::File, text, 26, End::Clean, options);
        assert_eq!(examined.content.is_some(), kept, "a buffer of {buffer}");
        assert_eq!(times, opened, "a buffer of {buffer}");
        assert_eq!(examined.decision.outcome.to_string(), "captured");
        assert_eq!(examined.facts.looks, [Look::Metadata, Look::Hash, Look::Content]);
    }
}

#[test]
fn digests_are_those_of_other_tools() {
    let policy = policy("hash_in = [\"known\"]");
    let options = Options { md5: true, sha1: true, ..Options::default() };
    let (examined, opened) = look_at(&policy, Kind::File, b"abc", 3, End::Clean, options);
    let hash = examined.facts.hash.unwrap();
    assert_eq!(hash.sha256, Digest::of(b"abc"));
    assert_eq!(hash.md5.as_deref(), Some("900150983cd24fb0d6963f7d28e17f72"));
    assert_eq!(hash.sha1.as_deref(), Some("a9993e364706816aba3e25717850c26c9cd0d89d"));
    assert_eq!((examined.content.unwrap().as_slice(), opened), (b"abc".as_slice(), 1));
    let (plain, _) = look_at(&policy, Kind::File, b"abc", 3, End::Clean, Options::default());
    assert_eq!(plain.facts.hash.map(|hash| (hash.md5, hash.sha1)), Some((None, None)));
}

#[test]
fn only_the_looks_that_the_policy_asks_for_are_taken() {
    for (conditions, kind, looks, opened) in [
        ("path = [\"/elsewhere\"], hash_in = [\"known\"]", Kind::File, &[Look::Metadata][..], 0),
        ("hash_in = [\"known\"]", Kind::Fifo, &[Look::Metadata], 0),
        ("type = [\"zip\"], hash_in = [\"known\"]", Kind::File, &[Look::Metadata, Look::Type], 1),
        (
            "type = [\"text\"], hash_in = [\"known\"]",
            Kind::File,
            &[Look::Metadata, Look::Type, Look::Hash],
            2,
        ),
    ] {
        let (examined, times) = look_at(&policy(conditions), kind, b"abc", 3, End::Clean, Options::default());
        assert_eq!((examined.facts.looks.as_slice(), times), (looks, opened), "{conditions}");
        assert_eq!(examined.decision.looks, looks);
    }
}

#[test]
fn mail_is_compared_and_a_failure_leaves_it_unknown() {
    let wanted = policy("mail = { party = [\"people\"], role = [\"from\"], messages = \"any\" }");
    let content: &[u8] = b"From: Ann <ANN@x.org>\nTo: b@y.org\n\nbody of it\n";
    let length = u64::try_from(content.len()).unwrap();
    let look =
        |end, content, declared| look_at(&wanted, Kind::File, content, declared, end, Options::default()).0;
    let fact = |examined: &Examined| {
        let [fact] = examined.facts.mail.as_slice() else { panic!("{:?}", examined.facts.mail) };
        (fact.selector.clone(), fact.layer, fact.messages, fact.fits, fact.open)
    };
    let found = look(End::Clean, content, length);
    assert_eq!(fact(&found), ("wanted".to_owned(), Layer::Full, 1, 1, 0));
    assert_eq!(found.decision.outcome.to_string(), "captured");
    assert!(found.facts.failures.is_empty());
    for (end, declared) in [(End::Error, length + 1), (End::Changed, length + 1), (End::CannotOpen, length)] {
        let found = look(end, content, declared);
        assert_eq!(fact(&found).1, Layer::Unread);
        assert!(found.facts.failures.iter().all(|failure| !failure.reason.contains(SECRET)));
        assert_eq!(found.facts.failures.len(), 1);
    }
    let picture = look(End::Clean, b"\x89PNG\r\n\x1a\n...", 11);
    assert_eq!((fact(&picture).1, picture.decision.outcome.to_string().as_str()), (Layer::None, "left"));
    let store = look(End::Clean, b"!BDN....", 8);
    assert_eq!((fact(&store).1, store.decision.tier.word()), (Layer::Unread, "undetermined"));
}

/// A list in a file that can be changed behind its reader's back.
#[derive(Debug)]
struct Changing(Mutex<Vec<u8>>);

impl ListBytes for Changing {
    fn length(&self) -> u64 {
        self.0.lock().unwrap().length()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.lock().unwrap().read_at(offset, into)
    }
}

#[test]
fn a_list_that_changes_ends_the_examination() {
    let content = b"what is on the list";
    let line = Digest::of(content).hex() + "\n";
    let list = Arc::new(Changing(Mutex::new(line.clone().into_bytes())));
    let zeros = "0".repeat(64);
    let pinned = Digest::of(line.as_bytes()).hex();
    let filed = format!("file = \"known.txt\", sha256 = \"{pinned}\"");
    let text = text("hash_in = [\"known\"]").replace(&format!("items = [\"{zeros}\"]"), &filed);
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    bundle.insert_outside("known.txt", Arc::new(ListFile::read(list.clone()).unwrap())).unwrap();
    let policy = Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"));

    let (entry, source) = item(Kind::File, content, content.len() as u64, End::Clean);
    let examined = examine(&policy, &entry, &source, &Options::default()).unwrap();
    assert_eq!(examined.decision.outcome.to_string(), "captured");
    *list.0.lock().unwrap() = (zeros + "\n").into_bytes();
    let error = examine(&policy, &entry, &source, &Options::default()).unwrap_err();
    assert!(matches!(error, ExamineError::List(_)), "{error}");
    assert_eq!(error.to_string(), "the list known.txt: it is no longer the file that was read");
}

#[test]
fn that_a_keyword_is_not_there_is_said_only_where_no_reader_sees_it() {
    let policy = policy("keywords = { list = \"marks\" }");
    for (content, layer, outcome) in [
        (&b"nothing of that kind"[..], Layer::Full, "left"),
        (b"<p>nee<b>dle</b>", Layer::Full, "captured"),
        (b"<p>a <b>b</b> &amp; c", Layer::Full, "left"),
        (b"<p>nee<div>dle</div>", Layer::Unread, "undetermined"),
        (b"<!-- x --><html><p>nee&#100;le", Layer::Full, "captured"),
        (b"<html>nee&shy;dle", Layer::Unread, "undetermined"),
        (b"<html>&#8238;eldeen", Layer::Unread, "undetermined"),
        (b"nee\xc2\xaddle", Layer::Unread, "undetermined"),
        (b"<p>x &unknown; y", Layer::Unread, "undetermined"),
        (b"<?xml version='1.0'?><html><p>nee<b>dle", Layer::Full, "captured"),
        (b"<?xml version='1.0'?><html><p>x", Layer::Full, "left"),
        (b"<?xml version='1.0'?><w><t>nee</t><t>dle</t></w>", Layer::Unread, "undetermined"),
        (b"<html><?php echo 1 ?>nee<b>dle", Layer::Unread, "undetermined"),
        (b"Reply-To: a@x.org\nFrom: b@x.org\n\nbmVlZGxl", Layer::Unread, "undetermined"),
        (b"\x1b$B0!\x1b(B", Layer::Unread, "undetermined"),
    ] {
        let length = u64::try_from(content.len()).unwrap();
        let found = look_at(&policy, Kind::File, content, length, End::Clean, Options::default()).0;
        let decided = match found.decision.tier.word() {
            "undetermined" => "undetermined".to_owned(),
            _ => found.decision.outcome.to_string(),
        };
        let case = content.escape_ascii();
        assert_eq!((found.facts.keywords[0].layer, decided.as_str()), (layer, outcome), "{case}");
    }
}
