//! exFAT images: empty ones made with mkfs.exfat and filled by a small writer, against what was written, fsck.exfat and The
//! Sleuth Kit; and damaged ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;
mod media;
mod remnants_of;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{content, noise, run, walk};
use media::{all, need, sleuth_kit, survives, survives_mutants};
use scope::facts::{Kind, TimeKind, Zone};
use source::{Source, file_system};

/// Writes to an empty volume.
struct Writer {
    image: Vec<u8>,
    sector: usize,
    cluster: usize,
    fat: usize,
    heap: usize,
    root: usize,
    bitmap: usize,
    next: usize,
    truth: BTreeMap<String, Option<Vec<u8>>>,
    /// Files of which less was written than they have.
    cut: BTreeSet<String>,
}

const NO_CHAIN: u8 = 3;
const CHAIN: u8 = 1;

impl Writer {
    fn new(folder: &Path, size: &str, cluster: &str) -> Self {
        let path = folder.join("empty.img");
        let path = path.to_str().unwrap();
        run("truncate", &["-s", "0", path]);
        run("truncate", &["-s", size, path]);
        run("mkfs.exfat", &["-c", cluster, "-L", "Label", path]);
        let mut image = fs::read(path).unwrap();
        let field = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
        let sector = 1 << image[108];
        let cluster = sector << image[109];
        let (fat, heap, root) = (field(80) * sector, field(88) * sector, field(96));
        for region in [0, 12 * sector] {
            image[region + 100..region + 104].copy_from_slice(&0x1A2B_3C4D_u32.to_le_bytes());
        }
        let mut writer = Self {
            image,
            sector,
            cluster,
            fat,
            heap,
            root,
            bitmap: 0,
            next: root + 1,
            truth: BTreeMap::new(),
            cut: BTreeSet::new(),
        };
        writer.sum_boot();
        let at = writer.at(root);
        let slot = writer.image[at..].chunks(32).find(|slot| slot[0] == 0x81).unwrap();
        let first = u32::from_le_bytes(slot[20..24].try_into().unwrap()) as usize;
        writer.bitmap = writer.at(first);
        writer
    }

    /// Makes the checksums of both boot regions fit.
    fn sum_boot(&mut self) {
        for region in [0, 12 * self.sector] {
            let sum = self.image[region..region + 11 * self.sector]
                .iter()
                .enumerate()
                .filter(|(at, _)| !matches!(at, 106 | 107 | 112))
                .fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)));
            for at in 0..self.sector / 4 {
                let at = region + 11 * self.sector + at * 4;
                self.image[at..at + 4].copy_from_slice(&sum.to_le_bytes());
            }
        }
    }

    fn at(&self, cluster: usize) -> usize {
        self.heap + (cluster - 2) * self.cluster
    }

    fn set_fat(&mut self, cluster: usize, value: usize) {
        let at = self.fat + cluster * 4;
        self.image[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_le_bytes());
    }

    /// Takes clusters for `bytes` and writes them: one after the other, or every second one, chained. Returns the first.
    fn store(&mut self, bytes: &[u8], flags: u8) -> usize {
        let count = bytes.len().div_ceil(self.cluster);
        let step = if flags == CHAIN { 2 } else { 1 };
        let clusters: Vec<usize> = (0..count).map(|number| self.next + number * step).collect();
        for (number, cluster) in clusters.iter().enumerate() {
            let at = self.at(*cluster);
            let part = bytes.chunks(self.cluster).nth(number).unwrap();
            self.image[at..at + part.len()].copy_from_slice(part);
            self.image[self.bitmap + (cluster - 2) / 8] |= 1 << ((cluster - 2) % 8);
            if flags == CHAIN {
                self.set_fat(*cluster, clusters.get(number + 1).copied().unwrap_or(0xFFFF_FFFF));
            }
        }
        self.next = clusters.last().map_or(self.next, |last| last + 1);
        clusters.first().copied().unwrap_or(0)
    }

    /// A file of `path`, of whose content `valid` bytes were written. Returns its set.
    fn file(&mut self, path: &str, bytes: &[u8], valid: usize, flags: u8) -> Vec<u8> {
        let mut stored = bytes.to_vec();
        // What was never written is old content.
        stored[valid..].fill(0xEE);
        let first = self.store(&stored, flags);
        let mut truth = bytes.to_vec();
        truth[valid..].fill(0);
        if valid < bytes.len() {
            self.cut.insert(path.to_owned());
        }
        self.truth.insert(path.to_owned(), Some(truth));
        let flags = if bytes.is_empty() { CHAIN } else { flags };
        set(path, 0x20, flags, first, bytes.len(), valid)
    }

    fn folder(&mut self, path: &str, sets: &[u8], flags: u8) -> Vec<u8> {
        let mut bytes = sets.to_vec();
        bytes.resize(sets.len().next_multiple_of(self.cluster).max(self.cluster), 0);
        let first = self.store(&bytes, flags);
        self.truth.insert(path.to_owned(), None);
        set(path, 0x10, flags, first, bytes.len(), bytes.len())
    }

    /// Writes `sets` to the root directory, behind what is there.
    fn finish(&mut self, sets: &[u8]) {
        let at = self.at(self.root);
        let used = self.image[at..at + self.cluster].chunks(32).position(|slot| slot[0] == 0).unwrap() * 32;
        assert!(used + sets.len() <= self.cluster);
        self.image[at + used..at + used + sets.len()].copy_from_slice(sets);
        self.truth.insert("/".into(), None);
    }

    fn open(&self) -> Box<dyn Source> {
        file_system(Arc::new(self.image.clone())).unwrap()
    }
}

/// The set of an item, with times of 2011-03-16 10:20:30: two hours east of Greenwich, in UTC, and of no zone.
fn set(path: &str, attributes: u8, flags: u8, first: usize, size: usize, valid: usize) -> Vec<u8> {
    let name: Vec<u16> = path.rsplit('/').next().unwrap().encode_utf16().collect();
    let parts = name.len().div_ceil(15);
    let mut set = vec![0; 64 + parts * 32];
    let time: u32 = ((31 << 9 | 3 << 5 | 16) << 16) | (10 << 11 | 20 << 5 | 15);
    set[0] = 0x85;
    set[1] = u8::try_from(parts + 1).unwrap();
    set[4] = attributes;
    for at in [8, 12, 16] {
        set[at..at + 4].copy_from_slice(&time.to_le_bytes());
    }
    (set[20], set[21]) = (150, 0);
    (set[22], set[23], set[24]) = (0x80 | 8, 0x80, 0);
    set[32] = 0xC0;
    set[33] = flags;
    set[35] = u8::try_from(name.len()).unwrap();
    let upper = name.iter().map(|unit| if (97..=122).contains(unit) { unit - 32 } else { *unit });
    let hash = upper
        .flat_map(u16::to_le_bytes)
        .fold(0_u16, |sum, byte| sum.rotate_right(1).wrapping_add(byte.into()));
    set[36..38].copy_from_slice(&hash.to_le_bytes());
    set[40..48].copy_from_slice(&(valid as u64).to_le_bytes());
    set[52..56].copy_from_slice(&u32::try_from(first).unwrap().to_le_bytes());
    set[56..64].copy_from_slice(&(size as u64).to_le_bytes());
    for (number, part) in name.chunks(15).enumerate() {
        let at = 64 + number * 32;
        set[at] = 0xC1;
        for (index, unit) in part.iter().enumerate() {
            set[at + 2 + index * 2..at + 4 + index * 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    sum_set(&mut set);
    set
}

fn sum_set(set: &mut [u8]) {
    let sum = set
        .iter()
        .enumerate()
        .filter(|(at, _)| !matches!(at, 2 | 3))
        .fold(0_u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u16::from(*byte)));
    set[2..4].copy_from_slice(&sum.to_le_bytes());
}

fn delete(set: &[u8]) -> Vec<u8> {
    let mut set = set.to_vec();
    for slot in set.chunks_mut(32) {
        slot[0] &= 0x7F;
    }
    set
}

/// A volume with all that the reader knows.
fn filled(folder: &Path, size: &str, cluster: &str) -> Writer {
    let mut writer = Writer::new(folder, size, cluster);
    let mut root = Vec::new();
    root.extend(writer.file("/contiguous.bin", &noise(50_000, 1), 50_000, NO_CHAIN));
    root.extend(writer.file("/chained.bin", &noise(50_000, 2), 50_000, CHAIN));
    root.extend(writer.file("/empty", b"", 0, CHAIN));
    root.extend(writer.file("/partly written", &noise(30_000, 3), 12_345, NO_CHAIN));
    root.extend(writer.file("/partly written and chained", &noise(30_000, 4), 4096, CHAIN));
    root.extend(writer.file("/never written", &noise(9000, 5), 0, NO_CHAIN));
    root.extend(writer.file(&format!("/{}", "x".repeat(255)), b"long", 4, NO_CHAIN));
    root.extend(writer.file("/\u{65e5}\u{672c} \u{1f600}", b"wide", 4, NO_CHAIN));
    root.extend(delete(&set("/gone.txt", 0x20, NO_CHAIN, 2000, 100, 100)));
    let mut damaged = set("/half gone.txt", 0x20, NO_CHAIN, 2000, 100, 100);
    damaged[40] = 1;
    root.extend(delete(&damaged));
    for (number, flags) in [CHAIN, NO_CHAIN].into_iter().enumerate() {
        let mut many = Vec::new();
        for index in 0..300 {
            let path = format!("/many {number}/entry {index:03} of many");
            many.extend(writer.file(&path, &noise(index, 9), index, NO_CHAIN));
            if index % 10 == 0 {
                many.extend(delete(&set(&format!("old {index:03}"), 0x21, CHAIN, 0, 0, 0)));
            }
        }
        root.extend(writer.folder(&format!("/many {number}"), &many, flags));
    }
    let inner = writer.file("/a/b/inner", b"inner", 5, NO_CHAIN);
    let b = writer.folder("/a/b", &inner, NO_CHAIN);
    root.extend(writer.folder("/a", &b, NO_CHAIN));
    root.extend(writer.folder("/nothing", &[], NO_CHAIN));
    writer.finish(&root);
    writer
}

fn check(size: &str, cluster: &str) {
    if !need(&["mkfs.exfat", "fsck.exfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let writer = filled(folder.path(), size, cluster);
    let image = folder.path().join("image");
    fs::write(&image, &writer.image).unwrap();
    run("fsck.exfat", &["-n", image.to_str().unwrap()]);
    let source = writer.open();
    assert_eq!(source.info().volume, "exfat:1A2B3C4D");
    assert_eq!(source.info().ids, [("fsuuid".to_owned(), "1A2B-3C4D".to_owned())]);
    assert_eq!(source.info().limits, Vec::<String>::new());
    let walked = walk(source.as_ref());
    assert_eq!(walked.issues, vec![]);
    for (what, walked, expected) in &walked.report.coverage {
        assert_eq!(walked, expected, "{what}");
    }
    let mut names = BTreeSet::new();
    for entry in &walked.entries {
        let [name] = entry.facts.names.as_slice() else { panic!("{}", entry.locator) };
        let name = String::from_utf8(name.bytes().to_vec()).unwrap();
        let expect = writer.truth.get(&name).unwrap_or_else(|| panic!("{name}"));
        match expect {
            Some(bytes) => {
                assert_eq!(entry.facts.kind, Kind::File);
                assert!(content(source.as_ref(), entry) == *bytes, "{name}");
                let told = entry.facts.attributes.iter().any(|fact| fact.name.0 == b"exfat.valid-length");
                assert_eq!(told, writer.cut.contains(&name), "{name}");
                let allocated = bytes.len().next_multiple_of(writer.cluster) as u64;
                assert_eq!(entry.facts.allocated, Some(allocated));
                // A source that no walk has been through opens it too.
                assert!(name.len() < 100 || content(writer.open().as_ref(), entry) == *bytes);
            }
            None => assert_eq!(entry.facts.kind, Kind::Directory),
        }
        if name != "/" {
            let time = |of| {
                let stamp = entry.facts.times.iter().find(|stamp| stamp.of == of).unwrap();
                (stamp.ns, stamp.zone)
            };
            let local = 1_300_270_830_000_000_000;
            assert_eq!(time(TimeKind::Created), (local - 7_200_000_000_000 + 1_500_000_000, Zone::Recorded));
            assert_eq!(time(TimeKind::Modified), (local, Zone::Recorded));
            assert_eq!(time(TimeKind::Accessed), (local, Zone::None));
        }
        names.insert(name);
    }
    assert_eq!(names, writer.truth.keys().cloned().collect());
    let deleted = all(source.as_ref());
    let deleted: Vec<_> = deleted.iter().filter(|entry| entry.facts.kind == Kind::Deleted).collect();
    let known: BTreeSet<_> =
        deleted.iter().flat_map(|entry| &entry.facts.names).map(ToString::to_string).collect();
    let old = |number| (0..300).step_by(10).map(move |index| format!("/many {number}/old {index:03}"));
    assert_eq!(known, old(0).chain(old(1)).chain(["/gone.txt".to_owned()]).collect());
    assert_eq!(deleted.len(), 62);
    let half = deleted.iter().find(|entry| entry.facts.names.is_empty()).unwrap();
    assert!(half.facts.attributes.iter().any(|fact| fact.value.0 == b"half gone.txt"));
    assert!(deleted.iter().all(|entry| source.open(entry).is_err()));
    // The Sleuth Kit gives the bytes of old files where nothing was written: those are left out of its comparison.
    let mut compared = walked;
    for entry in &mut compared.entries {
        if entry.facts.names.iter().any(|name| name.to_string().contains("written")) {
            entry.facts.size = Some(0);
        }
    }
    sleuth_kit(&image, "exfat", source.as_ref(), &compared);
}

#[test]
fn small_clusters() {
    check("8M", "4K");
}

#[test]
fn large_clusters() {
    check("64M", "16K");
}

#[test]
fn free_space_slack_and_deleted_content() {
    if !need(&["mkfs.exfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut writer = filled(folder.path(), "64M", "16K");
    // The deleted file of 100 bytes stood in cluster 2000, which is free.
    let at = writer.heap + (2000 - 2) * writer.cluster;
    writer.image[at..at + 100].copy_from_slice(&noise(100, 9));
    let sound = writer.image.clone();
    let source = remnants_of::opened(&sound);
    let found = remnants_of::whole(source.as_ref());
    assert_eq!(found.report.limits, Vec::<String>::new());
    let free = remnants_of::free(source.as_ref(), &found, &sound);
    assert!(free.windows(100).any(|window| *window == noise(100, 9)));
    let image = folder.path().join("image");
    fs::write(&image, &sound).unwrap();
    if let Some(other) = remnants_of::blkls(&image, "exfat") {
        let more = other.strip_prefix(free.as_slice()).map(<[u8]>::len);
        assert!(more.is_some_and(|more| more < writer.cluster), "{} {}", other.len(), free.len());
    }
    let recovered = found.recovered(source.as_ref());
    let (_, how) = recovered.iter().find(|(bytes, _)| *bytes == noise(100, 9)).unwrap();
    assert!(how.contains("states that its clusters follow each other"), "{how}");
    // Slack of a file in one run, and of one in a chain.
    for name in ["contiguous.bin", "chained.bin"] {
        let entry = found.entries.iter().find(|entry| {
            entry.facts.kind == Kind::File
                && entry.facts.names.iter().any(|own| own.to_string().ends_with(name))
        });
        let entry = entry.unwrap_or_else(|| panic!("{name}"));
        let bytes = content(source.as_ref(), entry);
        let tail = &bytes[bytes.len() / writer.cluster * writer.cluster..];
        let behind = remnants_of::slack(source.as_ref(), entry);
        assert_eq!(behind.len(), bytes.len().next_multiple_of(writer.cluster) - bytes.len(), "{name}");
        assert!(!tail.is_empty() && !behind.is_empty(), "{name} fills its clusters");
        let end = remnants_of::place(&sound, tail) + tail.len();
        assert!(behind == sound[end..end + behind.len()], "{name}");
    }
    // A cluster that is in use again is no deleted file's.
    let mut reused = sound;
    reused[writer.bitmap + (2000 - 2) / 8] |= 1 << ((2000 - 2) % 8);
    let source = remnants_of::opened(&reused);
    let found = remnants_of::whole(source.as_ref());
    assert!(found.recovered(source.as_ref()).iter().all(|(bytes, _)| *bytes != noise(100, 9)));
    let told = "of the 1 clusters from 2000 on, 1 are in use again";
    assert!(found.issues.iter().any(|issue| issue.what.contains(told)), "{:?}", found.issues);
}

#[test]
fn damaged_structures() {
    if !need(&["mkfs.exfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sound = filled(folder.path(), "8M", "4K");
    let find = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        sound.image.windows(name.len()).position(|window| window == name).unwrap() - 66
    };
    let (chained, contiguous, many) = (find("chained.bin"), find("contiguous.bin"), find("many 0"));
    let first = |at: usize| u32::from_le_bytes(sound.image[at + 52..at + 56].try_into().unwrap()) as usize;
    let set_at = |image: &mut [u8], at: usize| {
        let length = (usize::from(image[at + 1]) + 1) * 32;
        sum_set(&mut image[at..at + length]);
    };
    let check = |change: &dyn Fn(&mut Writer), name: &str, readable: bool, words: &str| {
        let mut writer =
            Writer { image: sound.image.clone(), truth: BTreeMap::new(), cut: BTreeSet::new(), ..sound };
        change(&mut writer);
        let source = writer.open();
        let walked = walk(source.as_ref());
        let told = walked.issues.iter().map(|issue| &issue.what).chain(&source.info().limits);
        let told: Vec<_> = told.collect();
        assert!(told.iter().any(|what| what.contains(words)), "{words}: {told:?}");
        let is_it = |entry: &&source::Entry| entry.facts.names.iter().any(|n| n.bytes() == name.as_bytes());
        let file = walked.entries.iter().find(is_it).unwrap_or_else(|| panic!("{words}"));
        assert_eq!(survives(source.as_ref(), file), readable, "{words}");
    };
    let chain = |value: usize| move |writer: &mut Writer| writer.set_fat(first(chained) + 2, value);
    check(&chain(0xFFFF_FFFF), "/chained.bin", false, "it has 2 clusters, and 13 are needed");
    check(&chain(0), "/chained.bin", false, "is marked as free");
    check(&chain(0xFFFF_FFF7), "/chained.bin", false, "is marked as bad");
    check(&chain(0xFFFF_FFF0), "/chained.bin", false, "which does not exist");
    check(&chain(first(chained)), "/chained.bin", false, "returns to itself");
    check(&|w| w.image[chained + 6] ^= 1, "/chained.bin", true, "the checksum of its set");
    check(&|w| w.image[contiguous + 32] = 0xC2, "/empty", true, "no stream extension");
    check(&|w| w.image[contiguous] = 0x86, "/empty", true, "of a kind that is not known");
    check(&|w| w.image[contiguous + 64] = 0x41, "/empty", true, "its set has 2 of 3 entries");
    let size = |writer: &mut Writer| {
        writer.image[contiguous + 60] = 1;
        set_at(&mut writer.image, contiguous);
    };
    check(&size, "/contiguous.bin", false, "lead out of the volume");
    let valid = |writer: &mut Writer| {
        writer.image[contiguous + 43] = 1;
        set_at(&mut writer.image, contiguous);
    };
    check(&valid, "/contiguous.bin", true, "are written, more than its");
    let itself = |writer: &mut Writer| {
        let root = u32::try_from(writer.root).unwrap().to_le_bytes();
        writer.image[many + 52..many + 56].copy_from_slice(&root);
        set_at(&mut writer.image, many);
    };
    check(&itself, "/chained.bin", true, "a further name of an item");
    check(&|w| w.image[106] |= 2, "/chained.bin", true, "not unmounted cleanly");
    check(&|w| w.image[80] ^= 1, "/chained.bin", true, "its copy is used");
    check(&|w| w.image[12 * w.sector + 80] ^= 1, "/chained.bin", true, "copy of the boot region is damaged");
    let bitmap = |writer: &mut Writer| {
        let cluster = first(contiguous) - 2;
        writer.image[writer.bitmap + cluster / 8] ^= 1 << (cluster % 8);
    };
    check(&bitmap, "/contiguous.bin", true, "marked as free in the allocation bitmap");
    let mut writer =
        Writer { image: sound.image.clone(), truth: BTreeMap::new(), cut: BTreeSet::new(), ..sound };
    writer.image[120] ^= 1;
    let copy = 12 * writer.sector;
    writer.image[copy + 120] ^= 1;
    let limits = writer.open().info().limits.clone();
    assert!(limits.iter().any(|what| what.contains("as it stands")), "{limits:?}");
}

#[test]
fn what_hangs_behind_the_bitmap_is_told() {
    if !need(&["mkfs.exfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sound = filled(folder.path(), "8M", "4K");
    let limits = |image: &[u8]| {
        let source = file_system(Arc::new(image.to_vec())).unwrap();
        let walked = walk(source.as_ref());
        let (_, seen, expected) = walked.report.coverage[0].clone();
        (source.info().limits.join("; "), expected - seen)
    };
    assert_eq!(limits(&sound.image), (String::new(), 0));
    let root = sound.at(sound.root);
    let slot = root + sound.image[root..].chunks(32).position(|slot| slot[0] == 0x81).unwrap() * 32;
    let field = |at: usize| u32::from_le_bytes(sound.image[at..at + 4].try_into().unwrap()) as usize;
    let (first, needed, clusters) = (field(slot + 20), field(slot + 24), field(92));
    assert_eq!(needed, clusters.div_ceil(8));
    // Two clusters more, in the chain, in the bitmap, and in the length that the bitmap states.
    let mut writer =
        Writer { image: sound.image.clone(), truth: BTreeMap::new(), cut: BTreeSet::new(), ..sound };
    for (cluster, next) in [(first, 1500), (1500, 1501), (1501, 0xFFFF_FFFF)] {
        writer.set_fat(cluster, next);
        writer.image[writer.bitmap + (cluster - 2) / 8] |= 1 << ((cluster - 2) % 8);
    }
    writer.image[slot + 24..slot + 28].copy_from_slice(&12_288_u32.to_le_bytes());
    let (said, missing) = limits(&writer.image);
    let more = 12_288 - needed;
    let words =
        format!("states 12288 bytes, and the volume's clusters need {needed}: {more} bytes are not read");
    assert!(said.contains(&words), "{said}");
    assert_eq!(missing, 2, "clusters that nobody reads are not seen");
    // Bytes behind it in its own cluster.
    let mut image = sound.image.clone();
    let behind = sound.bitmap + needed + 100;
    image[behind..behind + 6].copy_from_slice(b"HIDDEN");
    let words = format!("in its last cluster, 6 of {} bytes are not zeros", 4096 - needed);
    assert!(limits(&image).0.contains(&words), "{}", limits(&image).0);
    // The same bitmap named once more.
    let mut image = sound.image.clone();
    let free = root + image[root..].chunks(32).position(|slot| slot[0] == 0).unwrap() * 32;
    image.copy_within(slot..slot + 32, free);
    assert!(limits(&image).0.contains("names an allocation bitmap twice"), "{}", limits(&image).0);
}

#[test]
fn mutants() {
    if !need(&["mkfs.exfat"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let writer = filled(folder.path(), "8M", "4K");
    let root = writer.at(writer.root) as u64;
    survives_mutants(&Arc::new(writer.image), root + 4096, 200);
}
