//! Archives made to mislead: what cannot be read is unknown, and what one costs has a bound.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where what it builds is not as it should be"
)]

use std::io::{self, Read as _};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicUsize, Ordering};

use examine::{Examined, Examiner, Options};
use scope::facts::{CaseRule, Fact, Facts, Kind, Look};
use scope::{Bundle, Outcome, Policy, RawName, Tier};
use source::exact::{Content, Exact};
use source::{
    Entry, EvidenceStream, NodeId, Source, SourceError, SourceInfo, WalkEvent, WalkOptions, WalkReport,
};

#[path = "containers/ends.rs"]
mod ends;
#[path = "containers/unpacked.rs"]
mod unpacked;

/// A source of one file, of which some bytes cannot be read.
struct One {
    info: SourceInfo,
    content: Vec<u8>,
    bad: Range<usize>,
    /// Bytes that were read.
    read: AtomicUsize,
}

struct Stream<'o>(&'o One, usize);

impl io::Read for Stream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self(one, at) = self;
        if one.bad.contains(at) {
            return Err(io::Error::other("a bad sector"));
        }
        let end = if *at < one.bad.start { one.bad.start } else { one.content.len() };
        let piece = &one.content[*at..end.min(one.content.len())];
        let count = piece.len().min(buf.len());
        buf[..count].copy_from_slice(&piece[..count]);
        *at += count;
        one.read.fetch_add(count, Ordering::Relaxed);
        Ok(count)
    }
}

impl Content for Stream<'_> {
    fn begins_anywhere(&self) -> bool {
        true
    }

    fn skip(&mut self, count: u64) {
        self.1 += usize::try_from(count).unwrap();
    }
}

impl Source for One {
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

    fn open(&self, _: &Entry) -> Result<Box<dyn EvidenceStream + '_>, SourceError> {
        Ok(Box::new(Exact::new(Stream(self, 0), self.content.len() as u64)))
    }
}

fn policy(target: &str, conditions: &str) -> Policy {
    policy_and(target, conditions, "")
}

/// With more at its end.
fn policy_and(target: &str, conditions: &str, more: &str) -> Policy {
    let key = "age1400m9ftvlh27j2e2yde5c6n2xmvn504e70f5xvlcsz4xpxpkk3pslcejxt";
    let text = format!(
        r#"
        schema = "scope-policy/1"
        id = "containers"
        version = 1
        title = "Containers"
        authority = {{ court = "c", docket = "d", instrument = "i", legal_basis = ["l"], hours = "any",
            issued = "2011-03-09T00:00:00Z", execute_by = "2011-03-23T00:00:00Z", review_by = "2011-09-30T00:00:00Z",
            particulars = ["p"], conditions = ["c"] }}
        recipients = {{ case = ["{key}"], auditor = ["{key}"], court = ["{key}"] }}
        record = {{ left = "facts", holder = "h", basis = "b", until = "u" }}
        target = {{ media = [{{ label = "M", serial = "1" }}], inspect = ["metadata", "type", "hash", "content"],
            containers = {{ open = ["zip", "gzip", "tar"], max_depth = 3 }}{target} }}
        defaults = {{ unknown = "left", path_case = "as-volume" }}
        {marks}
        list.known = {{ kind = "sha256", label = "l", items = ["{zeros}"] }}
        list.people = {{ kind = "addresses", label = "l", items = ["ann@x.org"] }}
        selector.wanted = {{ label = "l", {conditions} }}
        [[rule]]
        id = "I-1"
        effect = "include"
        basis = "b"
        text = "t"
        any = ["wanted"]
        {more}
        "#,
        zeros = "0".repeat(64),
        // Where there is a list, whatever is opened is searched.
        marks = if conditions.contains("marks") { MARKS } else { "" },
    );
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

const MARKS: &str = "list.marks = { kind = \"keywords\", label = \"l\", items = [\"needle\"] }";
const ALL: &str = "path = [\"/in/**\"]";
const NEEDLE: &str = "path = [\"/in/**\"], keywords = { list = \"marks\", at_least = 1 }";

const HASHED: &str = "path = [\"/in/**\"], hash_in = [\"known\"]";

/// `hay`, as gzip 1.12 packs it with `-n`.
const GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xac\x04\0\xf4\xd0\xba\xec\x03\0\0\0";

/// An entry of a tar.
fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..263].copy_from_slice(b"ustar\0");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.extend(content);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<Vec<u8>> = entries.iter().map(|(name, content)| entry(name, content)).collect();
    [entries.concat(), vec![0; 1024]].concat()
}

/// A gzip of blocks that are as long as what they hold.
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    for piece in content.chunks(0xffff) {
        let length = u16::try_from(piece.len()).unwrap();
        bytes.extend([&[0][..], &length.to_le_bytes(), &(!length).to_le_bytes(), piece].concat());
    }
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    bytes.extend([&[1, 0, 0, 0xff, 0xff][..], &crc(content).to_le_bytes(), &length].concat());
    bytes
}

fn crc(content: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(content);
    sum.sum()
}

/// What an archive comes to, its members by locator, and how many bytes of the medium were read.
type Found = (Examined, Vec<(String, Examined)>, usize);

fn examined(policy: &Policy, content: Vec<u8>, bad: Range<usize>, names: Vec<RawName>) -> Found {
    // A small buffer: longer archives are read again from their beginning, as large ones are.
    examined_with(policy, content, bad, names, 4096)
}

fn examined_with(
    policy: &Policy,
    content: Vec<u8>,
    bad: Range<usize>,
    names: Vec<RawName>,
    buffer: usize,
) -> Found {
    let (entry, source) = one(content, bad, names);
    let mut members = Vec::new();
    let examiner = Examiner::new(policy, Options { buffer, ..Options::default() });
    let whole = examiner
        .examine_each(&entry, &source, &mut |_, member, examined| {
            members.push((member.locator.clone(), examined));
            ControlFlow::Continue(())
        })
        .unwrap();
    (whole, members, source.read.into_inner())
}

/// A file of one source, and that.
fn one(content: Vec<u8>, bad: Range<usize>, names: Vec<RawName>) -> (Entry, One) {
    let list = [
        Fact::Volume("v".into()),
        Fact::CaseRule(CaseRule::Sensitive),
        Fact::Node("inode:1".into()),
        Fact::Kind(Kind::File),
        Fact::Size(content.len() as u64),
        Fact::Looks(vec![Look::Metadata]),
    ];
    let facts = Facts { names, ..Facts::from_list(&list).unwrap() };
    let entry = Entry { locator: "v/inode:1".into(), facts, node: NodeId::new(1) };
    (entry, One { info: SourceInfo::default(), content, bad, read: AtomicUsize::default() })
}

fn one_name() -> Vec<RawName> {
    vec![RawName(b"/in/a.tar".to_vec())]
}

fn trouble(found: &Found) -> &str {
    found.0.facts.container.as_ref().unwrap().trouble.as_deref().unwrap_or_default()
}

fn outcomes(found: &Found) -> Vec<(&str, &Outcome, Tier)> {
    found
        .1
        .iter()
        .map(|(locator, examined)| {
            (locator.get(9..).unwrap(), &examined.decision.outcome, examined.decision.tier)
        })
        .collect()
}

#[test]
fn an_archive_whose_directory_cannot_be_read_is_unknown_and_not_empty() {
    let bytes = tar(&[("one", b"needle"), ("two", b"hay")]);
    for bad in [0..1, 600..601, 1024..1025, 2100..2101] {
        for conditions in [ALL, NEEDLE] {
            let found = examined(&policy("", conditions), bytes.clone(), bad.clone(), one_name());
            let decision = &found.0.decision;
            // Of its first bytes, its type is told; where they cannot be read, nothing is.
            assert!(!found.0.facts.failures.is_empty(), "{bad:?}: {:?}", found.0.facts);
            assert_eq!((&decision.outcome, decision.tier), (&Outcome::Left, Tier::Undetermined), "{bad:?}");
            assert!(found.0.facts.container.is_none() && found.1.is_empty(), "{bad:?}");
            assert_eq!(
                scope::decide_from_metadata(&policy("", conditions), &found.0.facts).unwrap(),
                *decision
            );
        }
    }
}

#[test]
fn an_archive_of_which_a_place_cannot_be_read_is_unknown() {
    let bytes = tar(&[("one", &[b'x'; 100_000]), ("two", b"a needle")]);
    let bad = || 90_000..90_001;
    // The archive itself cannot be searched: it is not known to have no term.
    let found = examined(&policy("", NEEDLE), bytes.clone(), bad(), one_name());
    assert_eq!((found.0.decision.tier, found.1.len()), (Tier::Undetermined, 0));
    let found = examined(&policy("", HASHED), bytes.clone(), bad(), one_name());
    assert_eq!(found.0.decision.tier, Tier::Undetermined);
    // Nor is it opened where nobody asks for a term: what follows the place cannot be told, whatever fits the buffer.
    for buffer in [100, 256 << 10] {
        let found = examined_with(&policy("", ALL), bytes.clone(), bad(), one_name(), buffer);
        assert_eq!((found.0.decision.tier, found.1.len()), (Tier::Undetermined, 0));
        assert!(found.0.facts.failures[0].reason.starts_with("not opened"), "{:?}", found.0.facts);
    }
}

#[test]
fn a_damaged_member_has_no_hits_that_count_as_none() {
    // The sum of the gzip's content is wrong: it is told when the archive is opened, before a term is not found.
    let mut gzip = GZIP.to_vec();
    let sum = gzip.len() - 8;
    gzip[sum] ^= 1;
    for (bytes, tier) in [(GZIP.to_vec(), Tier::OutOfScope), (gzip, Tier::Undetermined)] {
        let inner = tar(&[("a.gz", &bytes)]);
        let found = examined(&policy("", NEEDLE), inner, 0..0, one_name());
        assert_eq!(found.1.last().unwrap().1.decision.tier, tier);
    }
}

#[test]
fn what_the_policy_closes_is_closed_in_an_archive_too() {
    let bytes = tar(&[("a/open", b"1"), ("a/private/letter", b"2"), ("private", b"3")]);
    let found = examined(&policy(", closed = [\"/**/private\"]", ALL), bytes, 0..0, one_name());
    assert_eq!(
        outcomes(&found),
        [
            ("/member:0", &Outcome::Captured, Tier::Included),
            ("/member:2", &Outcome::Captured, Tier::Included)
        ]
    );
    assert!(trouble(&found).contains("target.closed"), "{}", trouble(&found));
    // Nobody gets the whole, with what nobody may enter in it.
    assert_eq!(found.0.facts.container.as_ref().unwrap().barred, 1);
    assert_eq!(found.0.decision.tier, Tier::OutOfScope);
}

#[test]
fn two_members_of_one_name_are_two_items() {
    let bytes = tar(&[("same", b"a needle"), ("same", b"hay"), ("../../same", b"hay"), ("/same", b"needle")]);
    let found = examined(&policy("", NEEDLE), bytes, 0..0, one_name());
    assert_eq!(
        outcomes(&found),
        [
            ("/member:0", &Outcome::Captured, Tier::Included),
            ("/member:1", &Outcome::Left, Tier::OutOfScope),
            ("/member:2", &Outcome::Left, Tier::OutOfScope),
            ("/member:3", &Outcome::Captured, Tier::Included),
        ]
    );
    let names: Vec<String> = found.1.iter().map(|(_, own)| own.facts.names[0].to_string()).collect();
    assert_eq!(names, ["/in/a.tar!/same", "/in/a.tar!/same", "/in/a.tar!/../../same", "/in/a.tar!//same"]);
    assert_eq!((&found.0.decision.outcome, found.0.decision.tier), (&Outcome::Left, Tier::OutOfScope));
}

#[test]
fn names_of_an_archive_with_many_names_have_a_bound() {
    let members: Vec<String> = (0..40).map(|at| format!("{at}{}", "n".repeat(90))).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let names =
        (0..1000).map(|at| RawName(format!("/in/{at:04}{}", "/long".repeat(800)).into_bytes())).collect();
    let found = examined(&policy("", ALL), tar(&members), 0..0, names);
    assert!(trouble(&found).contains("67108864 bytes"), "{}", trouble(&found));
    assert!(!found.1.is_empty() && found.1.len() < 17, "{}", found.1.len());
    assert_eq!(found.0.decision.tier, Tier::Undetermined);
}

#[test]
fn pages_and_messages_in_an_archive_are_read_as_those_on_a_volume() {
    let page = b"<!DOCTYPE html><html><body><p>a nee<b>dle</b></p></body></html>";
    let mail =
        b"From: ann@x.org\nTo: bob@y.org\nDate: Thu, 10 Mar 2011 10:00:00 +0000\nSubject: s\n\nhello\n";
    let inner = tar(&[("page.html", page), ("letter.eml", mail)]);
    let outer =
        tar(&[("inner.tar", &inner), ("other.html", b"<!DOCTYPE html><html><body>hay</body></html>")]);
    let party = "path = [\"/in/**\"], mail = { party = [\"people\"], role = [\"from\"], messages = \"any\" }";
    for (conditions, wanted) in [(NEEDLE, "/member:0/member:0"), (party, "/member:0/member:1")] {
        let found = examined_with(&policy("", conditions), outer.clone(), 0..0, one_name(), 64 << 10);
        let captured: Vec<&str> = outcomes(&found)
            .iter()
            .filter(|(_, outcome, _)| **outcome == Outcome::Captured)
            .map(|(locator, ..)| *locator)
            .collect();
        assert_eq!(captured, [wanted], "{conditions}");
        assert_eq!((&found.0.decision.outcome, found.0.decision.tier), (&Outcome::Left, Tier::OutOfScope));
    }
}

/// A zip of stored members; the check sum of the one named `wrong` is.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let crc = crc(content) ^ u32::from(*name == "wrong");
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let name_len = u16::try_from(name.len()).unwrap().to_le_bytes();
        let sizes =
            [&crc.to_le_bytes()[..], &number(content.len()), &number(content.len()), &name_len].concat();
        let fields = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &sizes, &[0, 0]].concat();
        let at = number(bytes.len());
        directory.extend([b"PK\x01\x02\x14\0", &fields[..], &[0; 10], &at, name.as_bytes()].concat());
        bytes.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), content].concat());
    }
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let place = [u32::try_from(directory.len()).unwrap(), u32::try_from(bytes.len()).unwrap()];
    let [size, start] = place.map(u32::to_le_bytes);
    [bytes, directory, [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat()].concat()
}

#[test]
fn documents_in_an_archive_are_searched_or_unknown() {
    let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
    let with = |text: &'static [u8]| zip(&[types, ("word/document.xml", text)]);
    let there = with(b"<d><p><r><t>a nee</t></r><r><t>dle</t></r></p></d>");
    let not_there = with(b"<d><p><r><t>hay</t></r></p></d>");
    let in_part = zip(&[types, ("word/document.xml", b"<d/>"), ("word/embeddings/1.bin", b"....")]);
    let members: [(&str, &[u8]); 3] = [("a.docx", &there), ("b.docx", &not_there), ("c.docx", &in_part)];
    let expected = [
        (&Outcome::Captured, Tier::Included),
        (&Outcome::Left, Tier::OutOfScope),
        (&Outcome::Left, Tier::Undetermined),
    ];
    let inner = zip(&members);
    for (bytes, from) in [(inner.clone(), 0), (tar(&members), 0), (tar(&[("inner.zip", &inner)]), 0)] {
        let found = examined(&policy("", NEEDLE), bytes, 0..0, one_name());
        let own: Vec<_> = outcomes(&found).into_iter().skip(from).take(3).map(|(_, o, t)| (o, t)).collect();
        assert_eq!(own, expected, "{:?}", outcomes(&found));
        assert_eq!(found.1[0].1.facts.keywords[0].text.as_ref().unwrap().hits.len(), 1);
    }
}

#[test]
fn what_an_archive_contradicts_is_told_from_what_cannot_be_read() {
    let archive = zip(&[("right", b"hay"), ("wrong", b"hay")]);
    for outer in [archive.clone(), tar(&[("inner.zip", &archive)])] {
        let found = examined(&policy("", NEEDLE), outer, 0..0, one_name());
        let failures: Vec<bool> = found
            .1
            .iter()
            .filter(|(_, own)| !own.facts.names[0].to_string().ends_with(".zip"))
            .map(|(_, own)| own.facts.failures.iter().any(|failure| failure.is_of_archive()))
            .collect();
        assert_eq!(failures, [false, true]);
    }
    // An archive within a member that is not what its archive says: its own files are not either.
    let outer = zip(&[("wrong", &zip(&[("in it", b"hay")]))]);
    let found = examined(&policy("", NEEDLE), outer, 0..0, one_name());
    let (_, wrong) = found.1.last().unwrap();
    assert!(wrong.facts.failures.iter().all(|failure| failure.is_of_archive()), "{:?}", wrong.facts);
    assert!(!wrong.facts.failures.is_empty() && wrong.decision.tier == Tier::Undetermined);
    // Bytes of the medium that cannot be read are no fault of the archive.
    let long = tar(&[("a.zip", &zip(&[("big", &[b'x'; 100_000]), ("small", b"y")]))]);
    let found = examined(&policy("", ALL), long, 50_000..50_001, one_name());
    let all = found.1.iter().map(|(_, own)| own).chain([&found.0]).flat_map(|own| &own.facts.failures);
    assert!(all.clone().count() > 0 && all.clone().all(|failure| !failure.is_of_archive()));
}

/// Excludes by name.
const OUT: &str = r#"
    [selector.out]
    label = "l"
    path = ["/**/priv/**", "/**/priv*"]
    [[rule]]
    id = "X-1"
    effect = "exclude"
    basis = "b"
    text = "t"
    any = ["out"]"#;

/// An entry whose header is changed.
fn with(name: &str, content: &[u8], kind: u8, target: &[u8]) -> Vec<u8> {
    let mut entry = entry(name, content);
    entry[156] = kind;
    entry[157..157 + target.len()].copy_from_slice(target);
    entry[148..156].fill(b' ');
    let sum: u64 = entry[..512].iter().map(|byte| u64::from(*byte)).sum();
    entry[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    entry
}

fn of_entries(entries: &[Vec<u8>]) -> Found {
    let bytes = [entries.concat(), vec![0; 1024]].concat();
    examined(&policy_and("", ALL, OUT), bytes, 0..0, one_name())
}

#[test]
fn names_of_folders_and_links_are_asked_of_the_rules() {
    let letter = || with("letter", b"x", b'0', b"");
    for (other, expected) in [
        (with("docs/", b"", b'5', b""), Tier::Included),
        (with("priv-of-counsel/", b"", b'5', b""), Tier::OutOfScope),
        (with("docs/priv", b"", b'2', b"elsewhere"), Tier::OutOfScope),
        (with("docs/link", b"", b'2', b"elsewhere"), Tier::Included),
        (with("docs/priv", b"", b'6', b""), Tier::OutOfScope),
        // A name that nobody can tell may be one that is excluded.
        (with("a/../b", b"", b'5', b""), Tier::Undetermined),
    ] {
        let found = of_entries(&[letter(), other]);
        assert_eq!(found.1[0].1.decision.outcome, Outcome::Captured);
        // Where a rule certainly bars it, all that is in it was read: nothing is amiss with it.
        let held = found.0.facts.container.as_ref().unwrap();
        let told = held.trouble.as_ref().map(|trouble| trouble.contains("other entries have names"));
        assert_eq!(told, (expected == Tier::Undetermined).then_some(true), "{held:?}");
        assert_eq!(held.barred, u64::from(expected == Tier::OutOfScope));
        assert_eq!(found.0.decision.tier, expected);
    }
}

/// What somebody is told of an archive in which there is no file.
#[test]
fn an_archive_without_a_file_is_told_as_that() {
    let folder = |name| [with(name, b"", b'5', b""), vec![0; 1024]].concat();
    let policy = policy_and("", ALL, OUT);
    for (bytes, outcome, words) in [
        (zip(&[]), Outcome::Captured, "it is an archive (zip) with nothing in it, and taken as the one file"),
        (folder("a/"), Outcome::Captured, "(tar) of 1 folder, link or the like and no file, and taken"),
        (folder("priv/"), Outcome::Left, "and no file; a rule keeps something in it from others, and"),
        (folder("a/../b"), Outcome::Left, "it is an archive (tar), and not all of it is known: 1 folders"),
    ] {
        let found = examined(&policy, bytes, 0..0, one_name());
        assert_eq!(found.0.decision.outcome, outcome, "{words}");
        let told = scope::explain(&policy, &found.0.facts, &found.0.decision).inside.unwrap();
        assert!(told.contains(words), "{told}");
    }
}

#[test]
fn an_archive_with_an_excluded_file_is_taken_whole_by_nobody() {
    // Loose bytes make it unknown; what is excluded makes it stay where it is, at any depth.
    let loose = |entries: &[Vec<u8>]| [entries.concat(), vec![0; 1024], vec![b'x'; 512]].concat();
    let (letter, secret) = (with("letter", b"x", b'0', b""), with("priv/letter", b"y", b'0', b""));
    let inner = loose(std::slice::from_ref(&secret));
    let hold = policy_and("", ALL, OUT);
    for (entries, barred, tier) in [
        (vec![letter.clone()], 0, Tier::Undetermined),
        (vec![letter.clone(), secret], 1, Tier::OutOfScope),
        (vec![letter, with("box.tar", &inner, b'0', b"")], 1, Tier::OutOfScope),
    ] {
        let found = examined(&hold, loose(&entries), 0..0, one_name());
        let held = found.0.facts.container.as_ref().unwrap();
        assert!(trouble(&found).contains("belong to no member"), "{}", trouble(&found));
        assert_eq!((held.barred, found.0.decision.tier), (barred, tier));
        assert_eq!((&found.0.decision.outcome, held.captured), (&Outcome::Left, 1));
    }
}

#[test]
fn names_that_were_read_before_an_archive_breaks_off_bar_it() {
    let hold = policy_and("", ALL, OUT);
    let (letter, secret) = (with("letter", b"x", b'0', b""), with("priv/letter", b"y", b'0', b""));
    let last = with("last", &[b'z'; 900], b'0', b"");
    for (first, barred, tier) in [(&letter, 0, Tier::Undetermined), (&secret, 1, Tier::OutOfScope)] {
        let bytes = [&first[..], &letter[..], &last[..700]].concat();
        let found = examined(&hold, bytes, 0..0, one_name());
        let held = found.0.facts.container.as_ref().unwrap();
        assert!(trouble(&found).starts_with("not opened to its end: "), "{}", trouble(&found));
        assert_eq!((held.members, held.barred, found.0.decision.tier), (2, barred, tier));
        // What stands before is read, and stands for it.
        assert_eq!(found.1[1].1.decision.outcome, Outcome::Captured);
    }
    // Of a zip that contradicts itself the directory is known, and no content.
    for (name, barred, tier) in [("letter", 0, Tier::Undetermined), ("priv/letter", 1, Tier::OutOfScope)] {
        let mut bytes = zip(&[("a", b"x"), (name, b"y")]);
        bytes[4] ^= 0x40;
        bytes[8] ^= 8;
        let found = examined(&hold, bytes, 0..0, one_name());
        let held = found.0.facts.container.as_ref().unwrap();
        assert!(trouble(&found).starts_with("not opened to its end: "), "{}", trouble(&found));
        assert_eq!((held.members, held.others, held.barred), (0, 2, barred));
        assert_eq!(found.0.decision.tier, tier);
    }
}

#[test]
fn any_of_the_names_that_programs_show_excludes_a_member() {
    for entries in [
        vec![with("docs\\priv\\letter", b"x", b'0', b"")],
        vec![with("./priv/letter", b"x", b'0', b"")],
        vec![with("docs//priv-letter", b"x", b'0', b"")],
        vec![with("letter", b"x", b'0', b""), with("priv/letter", b"", b'1', b"letter")],
    ] {
        let found = of_entries(&entries);
        let [(_, member)] = &found.1[..] else { panic!("{} members", found.1.len()) };
        assert_eq!((&member.decision.outcome, member.decision.tier), (&Outcome::Left, Tier::Excluded));
    }
    // Which name this is, nobody can tell.
    let found =
        of_entries(&[with("docs/../priv/letter", b"x", b'0', b""), with("b/../letter", b"x", b'0', b"")]);
    let tiers: Vec<Tier> = found.1.iter().map(|(_, member)| member.decision.tier).collect();
    assert_eq!(tiers, [Tier::Excluded, Tier::Undetermined]);
    assert_eq!(found.1[1].1.facts.links, Some(2));
}

#[test]
fn a_gzip_is_unpacked_under_either_name() {
    let gzip =
        |name: &str| [&b"\x1f\x8b\x08\x08\0\0\0\0\0\x03"[..], name.as_bytes(), b"\0", &GZIP[10..]].concat();
    let inside = OUT.replace("\"/**/priv/**\", \"/**/priv*\"", "\"/**/*priv*\"");
    for (file, name, tier) in
        [("/in/a.txt.GZ", "tmp1.dat", Tier::Included), ("/in/a.gz", "priv.txt", Tier::Excluded)]
    {
        let found = examined(&policy_and("", ALL, &inside), gzip(name), 0..0, vec![RawName(file.into())]);
        assert_eq!(found.1[0].1.decision.tier, tier, "{file} {name}");
    }
    let found =
        examined(&policy("", ALL), gzip("tmp1.dat"), 0..0, vec![RawName(b"/in/letter.eml.gz".to_vec())]);
    let names: Vec<String> = found.1[0].1.facts.names.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["/in/letter.eml.gz!/letter.eml", "/in/letter.eml.gz!/tmp1.dat"]);
}

#[test]
fn a_hit_in_an_archive_is_that_of_its_file() {
    let exclude = OUT
        .replace("path = [\"/**/priv/**\", \"/**/priv*\"]", "keywords = { list = \"marks\", at_least = 1 }");
    let policy = policy_and(
        "",
        ALL,
        &format!("{exclude}\n[list.marks]\nkind = \"keywords\"\nlabel = \"l\"\nitems = [\"needle\"]"),
    );
    let found = examined(&policy, tar(&[("a", b"some hay"), ("b", b"a needle")]), 0..0, one_name());
    let tiers: Vec<Tier> = found.1.iter().map(|(_, member)| member.decision.tier).collect();
    assert_eq!((tiers, found.0.decision.tier), (vec![Tier::Included, Tier::Excluded], Tier::OutOfScope));
}
