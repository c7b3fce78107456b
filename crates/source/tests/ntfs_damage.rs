//! Damaged and hostile NTFS volumes, and what is not read as content: an error or an issue, never a panic, a hang or a silent
//! short read. And Debian's sample of a volume.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod ntfs_volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Walked, content, has, noise, run, walk};
use ntfs_volumes::{Mount, attribute_place, format, is_ready, place, set_attribute};
use scope::facts::{Kind, TimeKind};
use source::{Entry, Source, SourceError, WalkEvent, WalkOptions};

fn opened(bytes: &[u8]) -> Box<dyn Source> {
    source::file_system(Arc::new(bytes.to_vec())).unwrap()
}

fn find<'a>(walked: &'a Walked, name: &str) -> &'a Entry {
    let is_it = |entry: &&Entry| entry.facts.names.iter().any(|found| found.0 == name.as_bytes());
    walked.entries.iter().find(is_it).unwrap_or_else(|| panic!("{name} was not found"))
}

fn attribute(entry: &Entry, name: &str) -> Option<String> {
    let found = entry.facts.attributes.iter().find(|attribute| attribute.name.0 == name.as_bytes());
    found.map(|attribute| String::from_utf8(attribute.value.0.clone()).unwrap())
}

fn has_issue(walked: &Walked, entry: &Entry, what: &str) -> bool {
    walked
        .issues
        .iter()
        .any(|issue| issue.locator.as_ref() == Some(&entry.locator) && issue.what.contains(what))
}

fn record(entry: &Entry) -> usize {
    entry.facts.node.split(':').nth(1).unwrap().parse().unwrap()
}

/// A small volume with one of each sort, and some deleted.
fn small(folder: &Path) -> Vec<u8> {
    let image = format(folder, 8 << 20, &["-c", "4096"]);
    let mount = Mount::new(&image, "compression,special_files=wsl");
    let root = mount.path();
    let write = |name: &str, bytes: &[u8]| fs::write(root.join(name), bytes).unwrap();
    fs::create_dir(root.join("folder")).unwrap();
    for index in 0..60 {
        write(&format!("folder/one of many {index:03}"), &noise(index * 100, 3));
    }
    write("resident", b"in the record");
    write("plain", &noise(20_000, 1));
    write("gone.txt", &noise(5000, 2));
    fs::create_dir(root.join("lost")).unwrap();
    write("lost/inside.txt", b"below a folder that is gone too");
    fs::create_dir(root.join("squeezed")).unwrap();
    set_attribute(&root.join("squeezed"), "system.ntfs_attrib_be", &0x810_u32.to_be_bytes());
    write("squeezed/text", "once and again, ".repeat(9000).as_bytes());
    set_attribute(&root.join("plain"), "user.stream", &noise(9000, 4));
    let sparse = fs::File::create(root.join("sparse")).unwrap();
    sparse.set_len(300_000).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 150_000).unwrap();
    // A junction, as Windows writes it: the name to go to, the name to show.
    fs::create_dir(root.join("junction")).unwrap();
    let (go, show) = (utf16("\\??\\C:\\Users"), utf16("C:\\Users"));
    let path = [&go[..], &[0, 0], &show, &[0, 0]].concat();
    let lengths =
        [0, go.len(), go.len() + 2, show.len()].map(|length| u16::try_from(length).unwrap().to_le_bytes());
    reparse(&root.join("junction"), 0xA000_0003, &[lengths.concat(), path].concat());
    for (name, tag) in [("wof", 0x8000_0017_u32), ("odd tag", 0x8000_FFFF)] {
        write(name, &noise(6000, 5));
        reparse(&root.join(name), tag, b"some data");
    }
    drop(sparse);
    drop(mount);
    let mount = Mount::new(&image, "compression");
    for name in ["gone.txt", "lost/inside.txt"] {
        fs::remove_file(mount.path().join(name)).unwrap();
    }
    fs::remove_dir(mount.path().join("lost")).unwrap();
    drop(mount);
    fs::read(image).unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn reparse(path: &Path, tag: u32, data: &[u8]) {
    let length = u16::try_from(data.len()).unwrap().to_le_bytes();
    set_attribute(
        path,
        "system.ntfs_reparse_data",
        &[&tag.to_le_bytes()[..], &length, &[0, 0], data].concat(),
    );
}

/// Makes an attribute of a record eight bytes longer; returns where it then ends.
fn grow(bytes: &mut [u8], number: usize, attribute: usize) -> usize {
    let four = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let base = place(bytes, number);
    let (length, used) = (four(bytes, attribute + 4), four(bytes, base + 0x18));
    let (end, last) = (attribute + length as usize, base + used as usize);
    bytes.copy_within(end..last, end + 8);
    bytes[attribute + 4..attribute + 8].copy_from_slice(&(length + 8).to_le_bytes());
    bytes[base + 0x18..base + 0x1C].copy_from_slice(&(used + 8).to_le_bytes());
    end + 8
}

#[test]
fn what_stands_behind_a_valid_length_or_in_a_reserved_record_is_told() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = small(folder.path());
    let plain = record(find(&walk(opened(&bytes).as_ref()), "/plain"));
    let valid = attribute_place(&bytes, plain, 0x80, false) + 0x38;
    bytes[valid..valid + 8].copy_from_slice(&5000_u64.to_le_bytes());
    // The empty $DATA of record 12 gets eight bytes.
    let data = attribute_place(&bytes, 12, 0x80, false);
    let end = grow(&mut bytes, 12, data);
    bytes[end - 8..end].copy_from_slice(b"HIDDEN!!");
    bytes[data + 0x10..data + 0x14].copy_from_slice(&8_u32.to_le_bytes());
    // Of the stream that spans the volume's 2,048 clusters, 64 get a place.
    let bad = attribute_place(&bytes, 8, 0x80, true);
    grow(&mut bytes, 8, bad);
    let runs = bad + usize::from(u16::from_le_bytes(bytes[bad + 0x20..bad + 0x22].try_into().unwrap()));
    assert_eq!(bytes[runs] & 0xF0, 0, "a hole");
    let clusters = u64::from_le_bytes(bytes[bad + 0x18..bad + 0x20].try_into().unwrap()) + 1;
    let [low, high] = u16::try_from(clusters - 1064).unwrap().to_le_bytes();
    bytes[runs..runs + 11].copy_from_slice(&[0x02, 0xE8, 0x03, 0x21, 64, 0xE8, 0x03, 0x02, low, high, 0]);
    // A stream becomes an attribute of a type that nobody reads.
    let stream = attribute_place(&bytes, plain, 0x80, true);
    bytes[stream..stream + 4].copy_from_slice(&0x100_u32.to_le_bytes());

    let source = opened(&bytes);
    let limits = source.info().limits.join("\n");
    assert!(
        limits
            .contains("MFT record 12, which is reserved, has no name and is no item, has 8 bytes of content"),
        "{limits}"
    );
    let walked = walk(source.as_ref());
    assert!(limits.contains("64 clusters, 262144 bytes, are marked as bad in $BadClus"), "{limits}");
    let entry = find(&walked, "/plain");
    assert!(
        has_issue(&walked, entry, "attributes of the type 0x100 have 12288 bytes, which are not read"),
        "{:?}",
        walked.issues
    );
    assert_eq!(attribute(entry, "ntfs.valid-length").as_deref(), Some("5000"));
    let truth = noise(20_000, 1);
    let mut expected = truth.clone();
    expected[5000..].fill(0);
    assert!(content(source.as_ref(), entry) == expected);
    assert_eq!(attribute(find(&walked, "/wof"), "ntfs.valid-length"), None);
    // What its clusters hold there is slack.
    let slack = source::slack_of(entry, &entry.facts).unwrap();
    let mut bytes = Vec::new();
    source.open(&slack).unwrap().read_to_end(&mut bytes).unwrap();
    assert!(bytes.len() == 20_480 - 5000 && bytes[..15_000] == truth[5000..]);
}

#[test]
fn clusters_in_use_that_are_nobodys_are_a_limit_with_their_bytes() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = small(folder.path());
    let limits = |bytes: &[u8]| walk(opened(bytes).as_ref()).report.limits.join("\n");
    assert_eq!(limits(&bytes), "");
    // The $Bitmap of clusters is in one piece here; 64 bits of free clusters are set.
    let data = attribute_place(&bytes, 6, 0x80, false);
    let runs = data + usize::from(u16::from_le_bytes(bytes[data + 0x20..data + 0x22].try_into().unwrap()));
    let [lengths, steps] = [bytes[runs] & 0xF, bytes[runs] >> 4].map(usize::from);
    let step = &bytes[runs + 1 + lengths..][..steps];
    let start = step.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) * 4096;
    let free = (16..248).find(|at| bytes[start + at..][..8] == [0; 8]).unwrap();
    bytes[start + free..][..8].fill(0xFF);
    let said = limits(&bytes);
    let place = free * 8 * 4096;
    assert!(
        said.starts_with("262144 bytes of clusters, in 1 runs, are marked as used and belong to no item"),
        "{said}"
    );
    assert!(said.ends_with(&format!(": {place}+262144")), "{said}");
    // What an item had becomes nobody's where its record is no more in use.
    let plain = record(find(&walk(opened(&bytes).as_ref()), "/plain"));
    let flags = place_of_flags(&bytes, plain);
    bytes[flags] &= !1;
    let said = limits(&bytes);
    assert!(said.starts_with(&format!("{} bytes of clusters", 262_144 + 5 * 4096 + 3 * 4096)), "{said}");
}

fn place_of_flags(bytes: &[u8], number: usize) -> usize {
    place(bytes, number) + 0x16
}

#[test]
fn what_is_not_content_is_told_and_not_read() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = small(folder.path());
    let plain = record(find(&walk(opened(&bytes).as_ref()), "/plain"));
    let sparse = record(find(&walk(opened(&bytes).as_ref()), "/sparse"));
    // Marks as encrypted; cuts the valid length.
    let flags = attribute_place(&bytes, plain, 0x80, false) + 0x0D;
    bytes[flags] |= 0x40;
    let valid = attribute_place(&bytes, sparse, 0x80, false) + 0x38;
    bytes[valid..valid + 8].copy_from_slice(&150_003_u64.to_le_bytes());
    let source = opened(&bytes);
    assert_eq!(source.info().limits, Vec::<String>::new());
    assert_eq!(source.info().ids[0].1.len(), 16);
    let walked = walk(source.as_ref());

    for (name, what) in [("/plain", "EFS"), ("/wof", "WOF"), ("/odd tag", "unknown tag")] {
        let entry = find(&walked, name);
        assert!(has_issue(&walked, entry, what), "{name}");
        assert!(matches!(source.open(entry), Err(SourceError::NoContent(_))), "{name}");
        assert!(entry.facts.size.unwrap() >= 6000);
    }
    let stream = find(&walked, "/plain:stream");
    assert_eq!(stream.facts.kind, Kind::Stream);
    assert!(stream.locator.starts_with(&format!("{}:", find(&walked, "/plain").locator)));
    assert!(content(source.as_ref(), stream) == noise(9000, 4));
    let mut expected = vec![0; 300_000];
    expected[150_000..150_003].copy_from_slice(b"mid");
    assert!(content(source.as_ref(), find(&walked, "/sparse")) == expected);
    assert!(find(&walked, "/sparse").facts.allocated < Some(300_000));
    let junction = find(&walked, "/junction");
    assert_eq!(junction.facts.kind, Kind::Symlink);
    assert_eq!(junction.facts.link_target.as_ref().unwrap().0, b"\\??\\C:\\Users");
    assert_eq!(attribute(junction, "ntfs.reparse-tag").as_deref(), Some("0xa0000003"));
    assert!(
        content(source.as_ref(), find(&walked, "/squeezed/text"))
            == "once and again, ".repeat(9000).as_bytes()
    );
    assert!(find(&walked, "/squeezed/text").facts.allocated < Some(20_000));
    let resident = find(&walked, "/resident");
    assert_eq!(resident.facts.sid.as_deref(), Some("S-1-5-32-544"));
    assert_eq!(resident.facts.allocated, Some(0));
    for of in [TimeKind::Created, TimeKind::Modified, TimeKind::Changed, TimeKind::Accessed] {
        for from in ["$SI", "$FN"] {
            let stamp = resident.facts.times.iter().find(|stamp| stamp.of == of && stamp.from == from);
            assert!(stamp.unwrap().ns > 1_700_000_000_000_000_000);
        }
    }
    assert!(
        !walked.entries.iter().any(|entry| entry.facts.names.iter().any(|name| name.0.ends_with(b":$Bad")))
    );
    // A locator of the same record in another use leads nowhere.
    let mut other = resident.clone();
    other.locator.push('7');
    assert!(matches!(source.open(&other), Err(SourceError::Changed(_))));
}

#[test]
fn deleted_items_have_a_name_where_the_whole_path_is_certain() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = small(folder.path());
    let deleted = deleted(opened(&bytes).as_ref());
    let names: Vec<_> =
        deleted.iter().map(|entry| entry.facts.names.first().map(ToString::to_string)).collect();
    assert_eq!(names, [Some("/gone.txt".into()), Some("/lost".into()), None]);
    assert_eq!(deleted[0].facts.size, Some(5000));
    let live = walk(opened(&bytes).as_ref());
    let locators: BTreeSet<_> = live.entries.iter().chain(&deleted).map(|entry| &entry.locator).collect();
    assert_eq!(locators.len(), live.entries.len() + deleted.len());
    assert!(opened(&bytes).open(&deleted[0]).is_err());
}

fn deleted(source: &dyn Source) -> Vec<Entry> {
    let mut found = Vec::new();
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    let visit = &mut |event| {
        match event {
            WalkEvent::Item(entry) if entry.facts.kind == Kind::Deleted => found.push(entry),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    source.walk_with(&options, visit).unwrap();
    found
}

#[test]
fn copies_of_the_boot_sector_and_of_the_mft_are_used() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = small(folder.path());
    let items = walk(opened(&bytes).as_ref()).report.items;
    let check = |change: &dyn Fn(&mut [u8]), limit: &str| {
        let mut changed = bytes.clone();
        change(&mut changed);
        let source = opened(&changed);
        let limits = source.info().limits.join("; ");
        assert!(limits.contains(limit), "{limits}");
        assert_eq!(walk(source.as_ref()).report.items, items, "{limit}");
    };
    check(&|bytes| bytes[0x0B..0x50].fill(0xFF), "the boot sector is damaged");
    let mft = place(&bytes, 0);
    check(&|bytes| bytes[mft] = b'X', "its copy in the MFT mirror is used");
    // The volume's flags: dirty.
    let flags = attribute_place(&bytes, 3, 0x70, false) + 0x18 + 10;
    check(&|bytes| bytes[flags] |= 1, "marked as dirty");
}

#[test]
fn a_damaged_record_is_an_item_with_an_issue_and_the_coverage_shows_it() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = small(folder.path());
    let number = record(find(&walk(opened(&bytes).as_ref()), "/resident"));
    let end = place(&bytes, number) + 1022;
    bytes[end] ^= 0xFF;
    let walked = walk(opened(&bytes).as_ref());
    let entry = find(&walked, "/resident");
    assert_eq!(entry.facts.kind, Kind::Other);
    assert!(has_issue(&walked, entry, "not written to its end"));
    // A name taken out of the index: the record is still in use.
    let mut bytes = small(folder.path());
    let block = bytes.windows(4).position(|window| window == b"INDX").unwrap();
    bytes[block] = b'X';
    let walked = walk(opened(&bytes).as_ref());
    assert!(walked.issues.iter().any(|issue| issue.what.contains("index block")));
    for (what, seen, expected) in &walked.report.coverage {
        assert!(seen < expected, "{what}: {seen} of {expected}");
    }
}

/// Walks, and reads whatever there is. Streams give their declared length or an error.
fn exhaust(bytes: Vec<u8>) {
    let Ok(source) = source::file_system(Arc::new(bytes)) else { return };
    let options = WalkOptions { deleted: true, ..WalkOptions::default() };
    let mut entries = Vec::new();
    let _ = source.walk_with(&options, &mut |event| {
        if let WalkEvent::Item(entry) = event {
            entries.push(entry);
        }
        ControlFlow::Continue(())
    });
    for entry in entries.iter().filter(|entry| entry.facts.kind.has_content()) {
        let Ok(stream) = source.open(entry) else { continue };
        let declared = stream.declared_len();
        assert_eq!(Some(declared), entry.facts.size, "{}", entry.locator);
        let mut read = 0;
        let mut stream = stream.take(64 << 20);
        let mut buf = vec![0; 1 << 16];
        let ended = loop {
            match stream.read(&mut buf) {
                Ok(0) => break true,
                Ok(count) => read += count as u64,
                Err(_) => break false,
            }
        };
        assert!(!ended || read == declared.min(64 << 20), "{}: {read} of {declared}", entry.locator);
    }
}

#[test]
fn mutants_and_cut_images_are_read_to_an_end() {
    if !is_ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let bytes = small(folder.path());
    // Where structures are: the boot sector, the MFT, index blocks.
    let mut targets: Vec<usize> = (0..0x60).collect();
    for number in (0..16).chain(24..40).chain(64..150) {
        targets.extend(place(&bytes, number)..place(&bytes, number) + 0x1C0);
    }
    for (at, _) in bytes.windows(4).enumerate().filter(|(at, window)| at % 4096 == 0 && *window == b"INDX") {
        targets.extend(at..at + 0x200);
    }
    targets.retain(|at| bytes[*at] != 0);
    let random = noise(200 * 8, 20_260_101);
    let longest = random
        .chunks_exact(8)
        .map(|chunk| {
            let number = u32::from_le_bytes(chunk[..4].try_into().unwrap()) as usize;
            let mut mutant = bytes.clone();
            let at = if chunk[4] % 8 == 0 { number % bytes.len() } else { targets[number % targets.len()] };
            mutant[at] ^= chunk[5].max(1);
            let began = Instant::now();
            exhaust(mutant);
            began.elapsed()
        })
        .max()
        .unwrap();
    assert!(longest < Duration::from_secs(10), "{longest:?}");
    for eighth in 0..8 {
        exhaust(bytes[..bytes.len() * eighth / 8 + eighth * 77].to_vec());
    }
}

/// Debian's package `forensics-samples-ntfs`: a volume that others made, with deleted files.
#[test]
fn a_volume_of_others_is_as_the_sleuth_kit_has_it() {
    let sample = Path::new("/usr/share/forensics-samples/fs.ntfs.xz");
    let ready = sample.exists() && has("fls");
    assert!(ready || std::env::var_os("CI").is_none(), "the sample or The Sleuth Kit is missing");
    if !ready {
        eprintln!("the sample or The Sleuth Kit is missing: this comparison was NOT made");
        return;
    }
    let disk = run("xz", &["-dc", sample.to_str().unwrap()]);
    let bytes = &disk[2048 * 512..(2048 + 100_352) * 512];
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("ntfs.img");
    fs::write(&image, bytes).unwrap();
    let path = image.to_str().unwrap();
    let source = opened(bytes);
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    for (what, seen, expected) in &walked.report.coverage {
        assert_eq!(seen, expected, "{what}");
    }
    let (mut live, mut gone) = (BTreeMap::new(), BTreeMap::new());
    let listing = String::from_utf8(run("fls", &["-r", "-p", path])).unwrap();
    for line in listing.lines().filter(|line| !line.starts_with("V/V")) {
        let (head, name) = line.split_once(":\t").unwrap();
        let id = head.rsplit(' ').next().unwrap().to_owned();
        if head.contains('*') {
            gone.insert(id.split('-').next().unwrap().parse::<usize>().unwrap(), format!("/{name}"));
        } else {
            // Indexes that are not of names are streams to The Sleuth Kit; to us they are no content.
            let is_index = head.starts_with("r/r") && id.contains("-144-");
            let name = if is_index { name.split_once(':').unwrap().0 } else { name };
            live.insert(format!("/{name}"), id);
        }
    }
    // The stream that spans the volume and has no content of its own is not given.
    live.remove("/$BadClus:$Bad");
    let named = walked
        .entries
        .iter()
        .flat_map(|entry| entry.facts.names.iter().map(move |name| (name.to_string(), entry)));
    let ours: BTreeMap<_, _> = named.filter(|(name, _)| name != "/").collect();
    assert_eq!(ours.keys().collect::<Vec<_>>(), live.keys().collect::<Vec<_>>());
    for (name, entry) in ours.iter().filter(|(_, entry)| entry.facts.kind.has_content()) {
        assert!(run("icat", &[path, &live[name]]) == content(source.as_ref(), entry), "{name}");
    }
    let deleted = deleted(source.as_ref());
    // Reserved records that never had a name are orphans to The Sleuth Kit.
    let theirs: BTreeSet<_> = gone.keys().copied().filter(|number| *number >= 24).collect();
    assert_eq!(deleted.iter().map(record).collect::<BTreeSet<_>>(), theirs);
    for entry in &deleted {
        // The Sleuth Kit names a path also where its folder is deleted; we do where every folder is there.
        if let Some(name) = entry.facts.names.first() {
            assert_eq!(name.to_string(), gone[&record(entry)]);
        }
    }
    // The four folders; all else lay below them.
    let with_path = deleted.iter().filter(|entry| !entry.facts.names.is_empty()).count();
    assert_eq!((deleted.len(), with_path), (22, 4));
}
