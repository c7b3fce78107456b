//! Archives made for the purpose, header by header.

use std::io::Read as _;
use std::sync::Arc;

use super::super::Form;
use super::*;

fn header(kind: u8, name: &[u8], size: usize) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(format!("{:011o}", 1_300_000_000).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sum(block)
}

fn sum(mut block: Vec<u8>) -> Vec<u8> {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

fn entry(kind: u8, name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut bytes = header(kind, name, content.len());
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 2 * BLOCK]].concat()
}

/// Members by name and content, how many entries are none, and loose bytes; or what is wrong.
type Expected<'e> = Result<(&'e [(&'e [u8], &'e [u8])], u64, u64), &'e str>;

fn check(bytes: Vec<u8>, expect: Expected<'_>) {
    let bytes: Arc<dyn ByteSource> = Arc::new(bytes);
    let read = super::super::read(Form::Tar, Arc::clone(&bytes), &Limits::default());
    match (read, expect) {
        (Ok(archive), Ok((members, others, loose))) => {
            assert_eq!((archive.others.len() as u64, archive.loose), (others, loose));
            let names: Vec<&[u8]> = archive.members.iter().map(|member| &member.name[..]).collect();
            assert_eq!(names, members.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            for (number, (_, content)) in members.iter().enumerate() {
                let mut found = Vec::new();
                archive.open(number, Arc::clone(&bytes)).unwrap().read_to_end(&mut found).unwrap();
                assert_eq!(&found, content);
            }
        }
        (Err(error), Err(because)) => assert!(error.to_string().contains(because), "{error}"),
        (read, expect) => panic!("{read:?} instead of {expect:?}"),
    }
}

#[test]
fn each_member_has_its_name_and_content() {
    let long = vec![b'n'; 300];
    let record = [b"313 path=", &[b'p'; 303][..], b"\n"].concat();
    let bytes = tar(&[
        entry(b'5', b"folder/", b""),
        entry(b'0', b"../up", b"one"),
        entry(b'2', b"link", b""),
        entry(b'L', b"././@LongLink", &[&long[..], b"\0"].concat()),
        entry(b'0', b"short", &[7; 512]),
        entry(b'x', b"pax", &record),
        entry(0, b"short", b""),
    ]);
    check(bytes, Ok((&[(b"../up", b"one"), (&long, &[7; 512]), (&[b'p'; 303], b"")], 2, 0)));
}

#[test]
fn bytes_that_no_member_holds_are_told_of() {
    let mut bytes = tar(&[entry(b'0', b"a", b"x")]);
    bytes[BLOCK + 100] = 1;
    bytes.extend(b"hidden");
    check(bytes, Ok((&[(b"a", b"x")], 0, 7)));
    check(tar(&[entry(b'D', b"dump", b"some")]), Ok((&[], 1, 4)));
}

fn archive(entries: &[Vec<u8>]) -> Archive {
    let bytes: Arc<dyn ByteSource> = Arc::new(tar(entries));
    super::super::read(Form::Tar, bytes, &Limits::default()).unwrap()
}

/// An entry whose header is changed.
fn with(kind: u8, name: &[u8], change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut block = header(kind, name, 0);
    change(&mut block);
    sum(block)
}

fn put(at: usize, text: &'static [u8]) -> impl Fn(&mut Vec<u8>) {
    move |block| block[at..at + text.len()].copy_from_slice(text)
}

#[test]
fn bytes_that_say_something_and_are_no_members_are_told_of() {
    let aside = |entries: &[Vec<u8>]| archive(entries).aside;
    let pax = |kind: u8, record: &[u8]| [entry(kind, b"pax", record), entry(b'0', b"a", b"x")].concat();
    assert_eq!(aside(&[pax(b'x', b"24 comment=dear counsel\n")]), 20);
    assert_eq!(aside(&[pax(b'g', b"24 comment=dear counsel\n")]), 20);
    assert_eq!(aside(&[pax(b'x', b"22 SCHILY.xattr.u=abc\n")]), 18);
    let commit = format!("52 comment={}\n", "0a".repeat(20));
    assert_eq!(aside(&[pax(b'g', commit.as_bytes())]), 0);
    assert_eq!(aside(&[pax(b'x', b"20 atime=1300000000\n12 uname=me\n")]), 0);
    assert_eq!(aside(&[entry(b'L', b"", b"name\0hidden"), entry(b'0', b"a", b"x")]), 6);
    assert_eq!(aside(&[entry(b'K', b"", b"hidden"), entry(b'0', b"a", b"x")]), 6);
    assert_eq!(aside(&[entry(b'K', b"", b"target"), entry(b'2', b"a", b"")]), 0);
    // Behind a name, in the field of a link, of an owner, and at the end of a header.
    for (at, text) in [(5, &b"hidden"[..]), (157, b"hidden"), (270, b"hidden"), (500, b"hidden")] {
        assert_eq!(aside(&[with(b'0', b"a", put(at, text))]), 6, "at {at}");
    }
    // GNU tar fills the fields of devices with digits in the oldest form, too; nothing else may stand there.
    let oldest = |devices: &'static [u8]| {
        move |block: &mut Vec<u8>| {
            block[257..].fill(0);
            put(329, devices)(block);
        }
    };
    assert_eq!(aside(&[with(b'0', b"a", oldest(b"0000000\x000000000\0"))]), 0);
    assert_eq!(aside(&[with(b'0', b"a", oldest(b"0000000\x00letter\0\0"))]), 13);
    // Fields of numbers, and of users and groups, that hold something else.
    assert_eq!(aside(&[with(b'0', b"a", put(329, b"0000000\x000000001\0"))]), 0);
    assert_eq!(aside(&[with(b'0', b"a", put(329, b"Dr Counsel wrote"))]), 16);
    assert_eq!(aside(&[with(b'0', b"a", put(100, b"letter"))]), 6);
    assert_eq!(aside(&[with(b'0', b"a", put(116, b"\x80letter"))]), 7);
    assert_eq!(aside(&[with(b'0', b"a", put(108, b"\x80\0\0\0\0\0\0\x01"))]), 0);
    assert_eq!(aside(&[with(b'0', b"a", put(265, b"EXAMPLE\\j.doe"))]), 0);
    assert_eq!(aside(&[with(b'0', b"a", put(297, b"settle: 5M!"))]), 11);
    assert_eq!(aside(&[with(b'0', b"a", |block| block[257..300].copy_from_slice(&[b'x'; 43]))]), 43);
}

#[test]
fn entries_without_content_have_names_that_can_be_asked_for() {
    let found = archive(&[
        entry(b'5', b"./priv/", b""),
        with(b'2', b"link", put(157, b"there")),
        entry(b'V', b"label", b""),
    ]);
    let others: Vec<(Kind, &[u8])> = found.others.iter().map(|own| (own.kind, &own.name[..])).collect();
    assert_eq!(others, [(Kind::Directory, &b"priv"[..]), (Kind::Symlink, b"link"), (Kind::Other, b"label")]);
    assert_eq!(found.aside, 0);
    // An empty file is what the name that is told of it says.
    let told = archive(&[entry(b'x', b"", b"24 path=priv/letter.txt\n"), entry(b'0', b"x/", b"")]);
    assert_eq!((told.members.len(), told.others.len()), (1, 0));
}

#[test]
fn a_member_has_the_names_of_the_links_to_it() {
    let linked = [entry(b'0', b"./t/a.txt", b"x"), with(b'1', b"./t/hard", put(157, b"./t/a.txt"))];
    let found = archive(&linked);
    assert_eq!((found.members.len(), found.others.len(), found.aside), (1, 0, 0));
    assert_eq!(
        (&found.members[0].name[..], &found.members[0].also[..]),
        (&b"t/a.txt"[..], &[b"t/hard".to_vec()][..])
    );
    // A link to what is not there has a name that is nobody's.
    assert_eq!(archive(&[with(b'1', b"hard", put(157, b"gone"))]).aside, 4);
}

#[test]
fn a_prefix_that_some_programs_read_makes_another_name() {
    let named = |magic: &'static [u8]| {
        let entry = with(b'0', b"letter", |block| {
            put(257, magic)(block);
            put(345, b"d/priv")(block);
        });
        let member = archive(&[entry]).members.remove(0);
        (member.name, member.also)
    };
    let (plain, whole) = (b"letter".to_vec(), b"d/priv/letter".to_vec());
    assert_eq!(named(b"ustar\x0000"), (whole.clone(), vec![]));
    assert_eq!(named(b"ustar\0\0\0"), (plain.clone(), vec![whole.clone()]));
    assert_eq!(named(b"ustar  \0"), (plain, vec![whole]));
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let told = entry(b'L', b"", b"name");
    check(tar(&[told.clone(), told.clone(), entry(b'0', b"a", b"")]), Err("told of twice"));
    check(tar(&[told, entry(b'x', b"", b"9 path=a\n"), entry(b'0', b"a", b"")]), Err("told of twice"));
    check(tar(&[entry(b'x', b"", b"9 path=a\n9 path=b\n"), entry(b'0', b"a", b"")]), Err("told of twice"));
    check(tar(&[entry(b'x', b"", b"9 path=a\n")]), Err("ends behind"));
    check(tar(&[entry(b'x', b"", b"99 path=a\n"), entry(b'0', b"a", b"")]), Err("cannot be read"));
    check(tar(&[entry(b'g', b"", b"9 path=a\n"), entry(b'0', b"a", b"")]), Err("all members"));
    check(tar(&[entry(b'2', b"link", b"content")]), Err("without content has a size"));
    check(entry(b'0', b"a", b"x"), Err("before its end mark"));
    check(tar(&[header(b'0', b"a", 1 << 20)]), Err("cut off"));
    let mut bytes = tar(&[entry(b'0', b"a", b"x")]);
    bytes[0] ^= 1;
    check(bytes, Err("no header"));
}

#[test]
fn members_with_holes_have_a_name_and_no_content() {
    let pax = |record: &[u8]| entry(b'x', b"pax", record);
    for entries in
        [vec![entry(b'S', b"a", b"map")], vec![pax(b"22 GNU.sparse.major=1\n"), entry(b'0', b"a", b"map")]]
    {
        let bytes: Arc<dyn ByteSource> = Arc::new(tar(&entries));
        let archive = super::super::read(Form::Tar, Arc::clone(&bytes), &Limits::default()).unwrap();
        assert_eq!(archive.members[0].name, b"a");
        let error = archive.open(0, bytes).err().unwrap().to_string();
        assert!(error.contains("holes"), "{error}");
    }
}

#[test]
fn too_many_entries_and_names_without_end_are_refused() {
    let limits = Limits { entries: 3, names: 10, ..Limits::default() };
    let refused = |entries: &[Vec<u8>], because: &str| {
        let bytes: Arc<dyn ByteSource> = Arc::new(tar(entries));
        let error = super::super::read(Form::Tar, bytes, &limits).unwrap_err().to_string();
        assert!(error.contains(because), "{error}");
    };
    let named = |name: &[u8]| [entry(b'L', b"", name), entry(b'0', b"a", b"x")].concat();
    refused(&vec![entry(b'5', b"a/", b""); 4], "more than 3 entries");
    refused(&[entry(b'0', b"abcdef", b""), entry(b'0', b"abcdef", b"")], "more than 10 bytes of names");
    let limits = Limits::default();
    let read = |name: &[u8]| {
        let bytes: Arc<dyn ByteSource> = Arc::new(tar(&[named(name)]));
        super::super::read(Form::Tar, bytes, &limits).map_err(|error| error.to_string())
    };
    assert!(read(&[b'a'; 4096]).is_ok() && read(&b"a/".repeat(255)).is_ok());
    assert!(read(&[b'a'; 4097]).unwrap_err().contains("4096 bytes in a member's name"));
    assert!(read(&b"a/".repeat(256)).unwrap_err().contains("255 folders"));
}

#[test]
fn times_have_fractions() {
    for (text, ns) in [("12.5", 12_500_000_000), ("-1", -1_000_000_000), ("3.1234567891", 3_123_456_789)] {
        assert_eq!(seconds(text.as_bytes()).unwrap().ns, ns, "{text}");
    }
    for text in ["", "1.x", "--1", "x"] {
        assert!(seconds(text.as_bytes()).is_none(), "{text}");
    }
}

#[test]
fn what_was_read_before_it_breaks_off_is_known() {
    let entries = [entry(b'0', b"priv/a", b"x"), entry(b'5', b"d/", b""), entry(b'0', b"b", &[7; 600])];
    let whole = tar(&entries);
    let known = |length: usize, limits: &Limits| {
        let bytes: Arc<dyn ByteSource> = Arc::new(whole[..length].to_vec());
        super::super::read_known(Form::Tar, bytes, limits)
            .map(|archive| (archive.members.len(), archive.others.len(), archive.broken.unwrap_or_default()))
    };
    let limits = Limits::default();
    assert_eq!(known(whole.len(), &limits).unwrap(), (2, 1, String::new()));
    let (members, others, broken) = known(3 * BLOCK + 600, &limits).unwrap();
    assert_eq!((members, others), (1, 1));
    assert!(broken.contains("cut off"), "{broken}");
    assert!(known(BLOCK, &limits).is_err(), "nothing is known of it");
    // What is too much is not taken in part, and its names are known.
    let few = Limits { entries: 2, ..limits };
    let (members, others, broken) = known(whole.len(), &few).unwrap();
    assert_eq!((members, others), (0, 2));
    assert!(broken.contains("more than 2 entries"), "{broken}");
}

#[test]
fn no_byte_that_is_changed_makes_it_panic() {
    let bytes = tar(&[
        entry(b'L', b"", b"name\0"),
        entry(b'0', b"a", b"x"),
        entry(b'x', b"", b"9 path=a\n"),
        entry(b'0', b"b", b"y"),
    ]);
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] = bytes[at].wrapping_add(0x80);
        let _ = read(&bytes, &Limits::default(), &mut Known::default());
    }
}
