//! Physical volumes written by the tests, and some made by lvm2.

use super::*;

const EXTENT: usize = 8 * 512;
/// Where the extents begin, and how long the metadata area before them is.
const START: usize = 64 * 512;
const AREA: (usize, usize) = (4096, START - 4096);

fn crc(bytes: &[u8]) -> u32 {
    crate::volumes::crc32::crc32(0xF597_A6CF, bytes)
}

fn id(letter: char) -> String {
    [6, 4, 4, 4, 4, 4, 6].map(|count| letter.to_string().repeat(count)).join("-")
}

/// A physical volume with a text at `offset` in its metadata area, if it has one.
fn physical(letter: char, data: &[u8], text: Option<(&str, usize)>) -> Vec<u8> {
    let mut piece = vec![0; START];
    let label = &mut piece[512..1024];
    label[..8].copy_from_slice(b"LABELONE");
    label[8] = 1;
    label[20] = 32;
    label[24..32].copy_from_slice(b"LVM2 001");
    label[32..64].copy_from_slice(letter.to_string().repeat(32).as_bytes());
    let mut at = 72;
    for (start, length) in [(START, 0), (0, 0), if text.is_some() { AREA } else { (0, 0) }] {
        label[at..at + 8].copy_from_slice(&(start as u64).to_le_bytes());
        label[at + 8..at + 16].copy_from_slice(&(length as u64).to_le_bytes());
        at += 16;
    }
    if let Some((text, offset)) = text {
        let area = &mut piece[AREA.0..AREA.0 + AREA.1];
        area[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
        area[20] = 1;
        let text = [text.as_bytes(), &[0]].concat();
        let fields = [AREA.0, AREA.1, offset, text.len(), crc(&text) as usize];
        for (index, field) in fields.iter().enumerate() {
            area[24 + 8 * index..][..8].copy_from_slice(&(*field as u64).to_le_bytes());
        }
        for (index, byte) in text.iter().enumerate() {
            let at = offset + index;
            area[if at < AREA.1 { at } else { at - AREA.1 + 512 }] = *byte;
        }
    }
    piece.extend(data);
    seal(&mut piece);
    piece
}

/// Writes the checksums of label and metadata area.
fn seal(piece: &mut [u8]) {
    let sum = crc(&piece[512 + 20..1024]);
    piece[512 + 16..512 + 20].copy_from_slice(&sum.to_le_bytes());
    let sum = crc(&piece[AREA.0 + 4..AREA.0 + 512]);
    piece[AREA.0..AREA.0 + 4].copy_from_slice(&sum.to_le_bytes());
}

/// A text of a group over `a` and `b`, each of 8 extents, with these volumes.
fn group(seqno: u32, volumes: &str) -> String {
    let one = |name, letter| {
        format!(
            "{name} {{\nid = \"{}\"\ndevice = \"/dev/secret\"\nstatus = [\"ALLOCATABLE\"]\npe_start = 64\npe_count = 8\n}}\n",
            id(letter)
        )
    };
    format!(
        "secretgroup {{\nid = \"{}\"\nseqno = {seqno} # a comment\nextent_size = 8\nphysical_volumes {{\n{}{}}}\n\
         logical_volumes {{\n{volumes}}}\n}}\ncontents = \"Text Format Volume Group\"\nversion = 1\n",
        id('G'),
        one("pv0", 'a'),
        one("pv1", 'b')
    )
}

/// A volume's section; `segments` are start, count and the rest.
fn volume(name: &str, letter: char, status: &str, segments: &[(u32, u32, &str)]) -> String {
    let mut text = format!(
        "{name} {{\nid = \"{}\"\nstatus = [{status}]\nsegment_count = {}\n",
        id(letter),
        segments.len()
    );
    for (index, (start, count, rest)) in segments.iter().enumerate() {
        text += &format!("segment{index} {{\nstart_extent = {start}\nextent_count = {count}\n{rest}\n}}\n");
    }
    text + "}\n"
}

const SEEN: &str = "\"READ\", \"WRITE\", \"VISIBLE\"";

fn linear(name: &str, first: u32) -> String {
    format!("type = \"striped\"\nstripe_count = 1\nstripes = [\n\"{name}\", {first}\n]")
}

fn data(letter: char) -> Vec<u8> {
    noise(8 * EXTENT, letter.into())
}

/// Volume X: extents 2..4 of `a`, then 0..1 of `b`, then 7 of `a`. Volume Y: striped, four extents, 1 KiB each.
fn volumes() -> String {
    let striped =
        "type = \"striped\"\nstripe_count = 2\nstripe_size = 2\nstripes = [\n\"pv0\", 5,\n\"pv1\", 3\n]";
    volume(
        "secretx",
        'X',
        SEEN,
        &[(0, 2, &linear("pv0", 2)), (2, 1, &linear("pv1", 0)), (3, 1, &linear("pv0", 7))],
    ) + &volume("secrety", 'Y', SEEN, &[(0, 4, striped)])
}

/// What the two volumes hold.
fn truth() -> [Vec<u8>; 2] {
    let (a, b) = (data('a'), data('b'));
    let x = [&a[2 * EXTENT..4 * EXTENT], &b[..EXTENT], &a[7 * EXTENT..]].concat();
    let (a, b) = (a[5 * EXTENT..7 * EXTENT].chunks(1024), b[3 * EXTENT..5 * EXTENT].chunks(1024));
    [x, a.zip(b).flat_map(|(a, b)| [a, b].concat()).collect()]
}

/// Two physical volumes of one group with two volumes.
pub(crate) fn pair() -> [Vec<u8>; 2] {
    let text = group(7, &volumes());
    [physical('a', &data('a'), Some((&text, 512))), physical('b', &data('b'), Some((&text, 1536)))]
}

/// The same group with a third volume, which is hidden, and lies on the first physical volume.
pub(crate) fn pair_with_an_unread_volume() -> [Vec<u8>; 2] {
    let hidden = volume("secretz", 'Z', "\"READ\"", &[(0, 1, &linear("pv0", 0))]);
    let text = group(7, &(volumes() + &hidden));
    [physical('a', &data('a'), Some((&text, 512))), physical('b', &data('b'), Some((&text, 1536)))]
}

/// A physical volume whose one logical volume begins with `first`, of at most an extent.
pub(crate) fn beginning_with(first: &[u8]) -> Vec<u8> {
    let text = group(7, &volume("secretx", 'X', SEEN, &[(0, 1, &linear("pv0", 0))]));
    let mut data = data('a');
    data[..first.len()].copy_from_slice(first);
    physical('a', &data, Some((&text, 512)))
}

/// A physical volume whose text says that volume X is its first extent, and another of the same group with a newer text, by which it is
/// the second.
pub(crate) fn an_older_and_a_newer() -> [Vec<u8>; 2] {
    let text = |seqno, extent| group(seqno, &volume("secretx", 'X', SEEN, &[(0, 1, &linear("pv0", extent))]));
    [physical('a', &data('a'), Some((&text(7, 0), 512))), physical('b', &data('b'), Some((&text(9, 1), 512)))]
}

/// Bytes that count how many of them were read.
struct Counted(Vec<u8>, Arc<std::sync::atomic::AtomicUsize>);

impl ByteSource for Counted {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let count = self.0.read_at(offset, buf)?;
        self.1.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
        Ok(count)
    }
}

#[test]
fn a_text_that_many_labels_list_often_is_read_once_of_each_and_parsed_once() {
    let text = group(7, &volumes());
    let read = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let all = "abcdefghijklmnopqrstuvwxyz".chars().enumerate().map(|(number, letter)| {
        let mut piece = physical(letter, &data(letter), Some((&text, 512)));
        for at in (512 + 104..).step_by(16).take(20) {
            piece[at..at + 8].copy_from_slice(&(AREA.0 as u64).to_le_bytes());
            piece[at + 8..at + 16].copy_from_slice(&(AREA.1 as u64).to_le_bytes());
        }
        seal(&mut piece);
        Piece { place: format!("gpt:{number}"), bytes: Arc::new(Counted(piece, Arc::clone(&read))) }
    });
    let all: Vec<Piece> = all.collect();
    let mut known = Known::default();
    for _ in 0..3 {
        assert_eq!(super::super::assemble_all(&all, &mut known).unwrap().volumes.len(), 2);
    }
    assert_eq!(known.texts.count(), 1);
    // Three calls of two levels: labels and superblocks each time (of the two volumes, too), of the text no more than once.
    let each = 6 * (2048 + 3 * 4096 + 64);
    let most = (all.len() + 2) * (each + 512 + text.len() + 1);
    let read = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read <= most, "{read} bytes were read, at most {most} are needed");
}

#[test]
fn a_second_volume_of_one_identity_and_a_second_text_of_one_number_do_not_vanish() {
    let twin = volume("secretz", 'X', SEEN, &[(0, 1, &linear("pv1", 6))]);
    let text = group(7, &(volumes() + &twin));
    let all = [physical('a', &data('a'), Some((&text, 512))), physical('b', &data('b'), Some((&text, 512)))];
    let found = assemble_all(&pieces(&all)).unwrap();
    let places: Vec<&str> = found.volumes.iter().map(|volume| volume.place.as_str()).collect();
    assert_eq!(places.len(), 3);
    assert_eq!(places[1], format!("{}:2", places[0]));
    assert!(content(&found.volumes[0]) == truth()[0]);
    assert!(content(&found.volumes[1]) == data('b')[6 * EXTENT..7 * EXTENT]);

    let other = group(7, &volume("secretx", 'X', SEEN, &[(0, 1, &linear("pv0", 0))]));
    let all = [
        physical('a', &data('a'), Some((&group(7, &volumes()), 512))),
        physical('b', &data('b'), Some((&other, 512))),
    ];
    let found = assemble(&pieces(&all)).unwrap();
    let said = "two texts of the volume group have the number 7, and differ: the first is used, not the one at gpt:2";
    assert!(found.volumes.iter().all(|volume| volume.limits == [said]), "{:?}", found.volumes[0].limits);
}

fn check(all: &[Vec<u8>], limits: &[&str]) {
    let found = assemble(&pieces(all)).unwrap();
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    assert!(!found.ids.is_empty());
    assert!(found.ids.iter().all(|(kind, value, _)| (*kind, value.as_str()) == ("vg_uuid", &id('G'))));
    assert_eq!(found.volumes.len(), 2);
    for (volume, truth) in found.volumes.iter().zip(truth()) {
        assert!(content(volume) == truth);
        assert_eq!(volume.limits.len(), limits.len(), "{:?}", volume.limits);
        assert!(
            volume.limits.iter().zip(limits).all(|(limit, start)| limit.starts_with(start)),
            "{:?}",
            volume.limits
        );
        assert!(!format!("{}{}{:?}", volume.place, volume.what, volume.limits).contains("secret"));
    }
    assert_eq!(found.volumes[0].place, format!("lvm:{}:{}", id('G'), id('X')));
    assert_eq!(found.volumes[0].name.as_deref(), Some("secretgroup/secretx"));
    assert_eq!(found.volumes[0].what, "a linear LVM logical volume on 2 physical volumes");
    assert_eq!(found.volumes[1].what, "a striped LVM logical volume on 2 physical volumes");
}

#[test]
fn volumes_are_put_together() {
    let [a, b] = pair();
    check(&[a.clone(), b.clone()], &[]);
    check(&[b.clone(), a.clone()], &[]);
    let text = group(7, &volumes());
    let bare = physical('b', &data('b'), None);
    check(&[a.clone(), bare.clone()], &[]);
    // The ring: a text that begins near its end goes on behind the header.
    check(&[physical('a', &data('a'), Some((&text, AREA.1 - 512))), bare.clone()], &[]);
    // The newest text counts, wherever it is.
    let old = group(6, "");
    let newer = "metadata 7 of the volume group is used, not the older 6";
    check(&[physical('a', &data('a'), Some((&old, 512))), b.clone()], &[newer]);
    check(&[a.clone(), physical('b', &data('b'), Some((&old, 512)))], &[newer]);
    // Damage in one copy.
    for at in [AREA.0 + 30, AREA.0 + 512 + 9] {
        let mut damaged = a.clone();
        damaged[at] ^= 1;
        check(&[damaged, b.clone()], &["a copy of the metadata at gpt:1 is not used"]);
    }
}

#[test]
fn what_is_not_there_makes_volumes_unread() {
    let [a, b] = pair();
    let found = assemble(&pieces(std::slice::from_ref(&a))).unwrap();
    assert_eq!((found.volumes.len(), found.unread.len()), (0, 2));
    assert!(
        found.unread.iter().all(|other| other.why == format!("the physical volume {} is not there", id('b')))
    );
    let marked =
        group(8, &volumes()).replacen("\"ALLOCATABLE\"]", "\"ALLOCATABLE\"]\nflags = [\"MISSING\"]", 1);
    let found = assemble(&pieces(&[a.clone(), physical('b', &data('b'), Some((&marked, 512)))])).unwrap();
    assert_eq!((found.volumes.len(), found.unread.len()), (0, 2));
    assert!(found.unread[0].why.contains("was missing when the group was last changed"));
    let mut damaged = a.clone();
    damaged[600] ^= 1;
    let found = assemble(&pieces(&[damaged, b.clone()])).unwrap();
    assert_eq!((found.volumes.len(), found.unread.len()), (0, 3));
    assert!(found.unread.iter().any(|other| other.why.starts_with("the label's checksum is")));
    let lone = unread(assemble(&pieces(&[physical('b', &data('b'), None)])).unwrap());
    assert_eq!(lone.why, "no metadata that is there describes its volume group");
    let twin = assemble(&pieces(&[a.clone(), b.clone(), a.clone()])).unwrap();
    assert_eq!((twin.volumes.len(), twin.unread.len()), (2, 1));
    assert!(twin.unread[0].why.starts_with("it has the identity of the one at gpt:1"));
    // A piece that is cut off: what is there is read, the rest is an error.
    let found = assemble(&pieces(&[a, b[..START].to_vec()])).unwrap();
    assert!(found.volumes[0].limits[0].starts_with("a physical volume ends at byte"));
    assert!(found.volumes[0].bytes.read_exact_at(0, &mut vec![0; 2 * EXTENT]).is_ok());
    assert!(found.volumes[0].bytes.read_exact_at(2 * EXTENT as u64, &mut [0]).is_err());
}

#[test]
fn other_kinds_of_volumes_are_named() {
    let check = |volumes: &str, expect: &[&str]| {
        let text = group(1, volumes);
        let found = assemble(&pieces(&[
            physical('a', &data('a'), Some((&text, 512))),
            physical('b', &data('b'), None),
        ]));
        let found = found.unwrap();
        let mut said: Vec<String> = found.unread.iter().map(|other| other.why.clone()).collect();
        said.extend(found.volumes.iter().flat_map(|volume| volume.limits.clone()));
        assert_eq!(said, expect);
        assert!(
            found.unread.iter().all(|other| !format!("{}{}", other.place, other.what).contains("secret"))
        );
    };
    let of = |kind: &str| {
        volume("secret", 'X', SEEN, &[(0, 2, &format!("type = \"{kind}\"\npool = \"secretpool\""))])
    };
    check(&of("thin"), &["a thin volume is not read"]);
    check(&of("thin-pool"), &["a thin pool is not read"]);
    check(&of("raid5_ls"), &["a RAID of LVM is not read"]);
    check(&of("mirror"), &["a mirror is not read"]);
    check(&of("cache+METADATA_FORMAT"), &["a cached volume is not read"]);
    check(&of("writecache"), &["a volume with a write cache is not read"]);
    check(&of("vdo-pool"), &["a deduplicated volume (VDO) is not read"]);
    check(&of("secretkind"), &["a segment of a type that is not known"]);
    check("", &["it has no logical volumes"]);
    let plain = volume("origin", 'X', SEEN, &[(0, 1, &linear("pv0", 0))]);
    let store = volume("store", 'Y', SEEN, &[(0, 1, &linear("pv0", 1))]);
    let snapshot = "type = \"snapshot\"\nchunk_size = 8\norigin = \"origin\"\ncow_store = \"store\"";
    let snapshot = volume("snapshot0", 'Z', "\"READ\"", &[(0, 1, snapshot)]);
    let kept =
        ["it keeps the blocks of a snapshot, which is not read", "snapshots of this volume are not read: 1"];
    check(&(plain.clone() + &store + &snapshot), &kept);
    let pool = volume("pool", 'X', SEEN, &[(0, 1, "type = \"thin-pool\"\nmetadata = \"pool_tmeta\"")]);
    let hidden = volume("pool_tmeta", 'Y', "\"READ\"", &[(0, 1, &linear("pv0", 1))]);
    check(&(pool + &hidden), &["a thin pool is not read"]);
    check(&hidden, &["it is hidden, and no other volume uses it"]);
    check(
        &volume("v", 'X', SEEN, &[(0, 1, &linear("pvmove0", 0))]),
        &["it lies on other logical volumes (a move, or parts)"],
    );
    check(
        &volume("v", 'X', SEEN, &[(0, 2, &linear("pv0", 7))]),
        &["it uses 2 extents from 7 of a physical volume of 8"],
    );
    check(
        &volume("v", 'X', SEEN, &[(1, 2, &linear("pv0", 1))]),
        &["a segment begins at extent 1 instead of 0"],
    );
    let twice = [(0, 1, &*linear("pv0", 1)), (0, 1, &*linear("pv0", 2))];
    check(&volume("v", 'X', SEEN, &twice), &["two segments begin at extent 0"]);
    let shared = [(0, 2, &*linear("pv0", 1)), (2, 1, &*linear("pv0", 2))];
    check(&volume("v", 'X', SEEN, &shared), &["two of its segments lie on the same extents"]);
}

#[test]
fn mutants_of_labels_and_texts_are_read_to_an_end() {
    for seed in 0..200 {
        let mut all = pair();
        let text = group(7, &volumes()).len();
        let noise = noise(24, seed);
        for (index, bytes) in noise.chunks(4).enumerate() {
            let piece = &mut all[index % 2];
            let offset = usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
            let value =
                if bytes[3] & 3 == 0 { 0xFF } else { b"\0\x01{}[]\"=0129 ,#a"[usize::from(bytes[3]) % 16] };
            let start = AREA.0 + if index % 2 == 0 { 512 } else { 1536 };
            match bytes[0] % 4 {
                0 => piece[532 + offset % 140] = value,
                1 => piece[AREA.0 + 24 + offset % 40] = value,
                _ => piece[start + offset % text] = value,
            }
            // Mostly with checksums that fit, as an enemy would write them.
            if seed % 8 != 0 {
                let sum = crc(&piece[start..=start + text]);
                piece[AREA.0 + 56..AREA.0 + 60].copy_from_slice(&sum.to_le_bytes());
                seal(piece);
            }
        }
        for volume in assemble_all(&pieces(&all)).unwrap().volumes {
            let mut buf = vec![0; 1 << 16];
            if let Ok(count) = volume.bytes.read_at(0, &mut buf) {
                assert_eq!(count as u64, volume.bytes.len().min(1 << 16));
            }
        }
    }
}

/// Loop devices that end with the test.
struct Loops(Vec<String>);

impl Drop for Loops {
    fn drop(&mut self) {
        for device in &self.0 {
            _ = run(Path::new("/usr/sbin/losetup"), &["-d", device]);
        }
    }
}

#[test]
fn lvm2_lays_volumes_out_as_they_are_read_here() {
    let (Some(losetup), Some(lvm)) = (tool("losetup"), tool("lvm")) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut loops = Loops(Vec::new());
    let mut paths = Vec::new();
    for index in 0..2_u64 {
        let path = folder.path().join(format!("{index}.img"));
        std::fs::write(&path, noise(12 << 20, index + 50)).unwrap();
        match run(&losetup, &["--find", "--show", path.to_str().unwrap()]) {
            Ok(device) => loops.0.push(device.trim().to_owned()),
            // A container may forbid loop devices. What the tests write themselves is compared all the same.
            Err(why) => return eprintln!("no loop device ({why}): the comparison with lvm2 was NOT made"),
        }
        paths.push(path);
    }
    let [a, b] = [loops.0[0].as_str(), loops.0[1].as_str()];
    let config = format!(
        "devices {{ use_devicesfile=0 scan_lvs=0 filter=[\"a|^{a}$|\", \"a|^{b}$|\", \"r|.*|\"] }} \
         backup {{ backup=0 archive=0 }} activation {{ udev_sync=0 udev_rules=0 }}"
    );
    let call = |arguments: &[&str]| {
        let common = ["--driverloaded", "n", "--config", config.as_str()];
        run(&lvm, &[&arguments[..1], &common, &arguments[1..]].concat()).unwrap()
    };
    let name = format!("ambit{}", std::process::id());
    let make = |arguments: &[&str]| call(&[&["lvcreate", "-an", "-Wn", "-Zn"], arguments, &[&name]].concat());
    call(&["pvcreate", "-ff", "-y", a, b]);
    call(&["vgcreate", "--physicalextentsize", "64k", &name, a, b]);
    make(&["-l", "20", "-n", "one"]);
    make(&["-l", "16", "-i", "2", "-I", "16k", "-n", "two"]);
    make(&["-l", "9", "-n", "three"]);
    call(&["lvextend", "-l", "+15", &format!("{name}/one")]);
    call(&["lvextend", "-l", "+140", &format!("{name}/three")]);
    let fields = "vg_uuid,lv_uuid,seg_start,seg_size,stripesize,seg_pe_ranges";
    let listed = call(&[
        "lvs",
        "--segments",
        "--noheadings",
        "--units",
        "b",
        "--nosuffix",
        "--separator",
        ";",
        "-o",
        fields,
    ]);
    let images: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let mut truth = std::collections::BTreeMap::<String, Vec<u8>>::new();
    for line in listed.lines().filter(|line| line.contains("/dev/")) {
        let row: Vec<&str> = line.trim().split(';').collect();
        // PE ranges, "/dev/loop0:3-4 /dev/loop1:0-1": where each stripe lies, in extents of 64 KiB from 1 MiB on.
        let areas = row[5].split(' ').map(|area| {
            let (device, range) = area.split_once(':').unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let at = |extent: &str, more: usize| {
                (1 << 20) + (extent.parse::<usize>().unwrap() + more) * (64 << 10)
            };
            &images[usize::from(device == b)][at(first, 0)..at(last, 1)]
        });
        let areas: Vec<&[u8]> = areas.collect();
        let stripe = row[4].parse::<usize>().unwrap().max(1);
        let stripe = if areas.len() == 1 { areas[0].len() } else { stripe };
        let volume = truth.entry(format!("lvm:{}:{}", row[0], row[1])).or_default();
        assert_eq!(volume.len().to_string(), row[2]);
        for at in (0..areas[0].len()).step_by(stripe) {
            areas.iter().for_each(|area| volume.extend(&area[at..at + stripe]));
        }
    }
    let found = assemble(&pieces(&images)).unwrap();
    assert!(found.unread.is_empty(), "{:?}", found.unread);
    assert_eq!((found.volumes.len(), truth.len()), (3, 3));
    for volume in &found.volumes {
        assert!(content(volume) == truth[&volume.place]);
        assert!(volume.limits.is_empty());
    }
}
