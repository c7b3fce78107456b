//! A file system whose first structure is lost is read by a copy, and that is said; without one it is said that nothing is.

use super::rootless::Failing;
use super::*;
use crate::stack::tests::{run, tool};

/// A volume of `length` bytes that a tool made, the file's path last; `None` without the tool.
pub(super) fn made(name: &str, arguments: &[&str], length: usize) -> Option<Vec<u8>> {
    let tool = tool(name)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.img");
    std::fs::write(&path, vec![0; length]).unwrap();
    run(&tool, &[arguments, &[path.to_str().unwrap()]].concat()).unwrap();
    Some(std::fs::read(&path).unwrap())
}

pub(super) fn volumes() -> Vec<(&'static str, Vec<u8>, u64)> {
    let ext = |block: &str, length| made("mke2fs", &["-q", "-F", "-t", "ext4", "-b", block], length);
    let clusters = ["-q", "-F", "-t", "ext4", "-b", "1024", "-O", "bigalloc", "-C", "2048"];
    let fat = made("mkfs.fat", &["-F", "32", "-s", "1"], 40 << 20);
    [
        ("its superblock", ext("1024", 20 << 20), 8193 * 1024),
        ("its superblock", ext("2048", 40 << 20), 16384 * 2048),
        ("its superblock", made("mke2fs", &clusters, 20 << 20), 16 << 20),
        ("its boot sector", made("mkfs.exfat", &[], 8 << 20), 12 * 512),
        ("its boot sector", made("mkntfs", &["-F", "-q", "-Q"], 8 << 20), (8 << 20) - 512),
        ("its boot sector", fat, 6 * 512),
    ]
    .into_iter()
    .filter_map(|(what, volume, at)| Some((what, volume?, at)))
    .collect()
}

/// That the volume is read by the copy at `at`, and that it is said of `what` that it `is` so.
fn check(found: &Survey, (what, is): (&str, &str), at: u64) {
    assert_eq!(read(found), [""], "{what} {is}: {:#?}", found.limits);
    let said = format!("{what} {is}");
    let (by, mut medium) = (format!("; it is read by the copy at byte {at}, "), Medium::default());
    medium.limits.clone_from(&found.limits);
    let told: Vec<&str> = medium.cut_short().collect();
    assert!(told.iter().any(|limit| limit.contains(&said) && limit.contains(&by)), "{said}{by} {told:#?}");
}

#[test]
fn a_volume_is_read_by_a_copy_of_what_is_lost_at_its_beginning() {
    for (what, volume, at) in volumes() {
        let whole = look(std::slice::from_ref(&volume));
        let mut blank = volume.clone();
        blank[..1536].fill(0);
        let found = look(&[blank.clone()]);
        check(&found, (what, "is not there"), at);
        assert_eq!(found.sources[0].info().ids, whole.sources[0].info().ids);
        blank[..1536].fill(0xA5);
        check(&look(&[blank.clone()]), (what, "is not there"), at);
        // Other bytes, as far as the copy; and such as end like a boot sector.
        let all = blank.len().min(4096).min(at as usize);
        blank[..all].fill(0xA5);
        blank[510..512].copy_from_slice(&[0x55, 0xAA]);
        let found = look(&[blank]);
        check(&found, (what, "is not there"), at);
        assert_eq!(found.sources[0].info().ids, whole.sources[0].info().ids);
        // One sector of a device, and one page of it.
        let end = if what == "its superblock" { 4096 } else { 512 };
        for bad in [0..end, end / 4..end / 4 + 512] {
            if what != "its superblock" && bad.start > 0 {
                continue;
            }
            let failing: Arc<dyn ByteSource> = Arc::new(Failing(volume.clone(), bad));
            check(&survey(&[failing], false), (what, "cannot be read ("), at);
        }
    }
}

/// A file as a medium, of which some bytes cannot be read.
struct Bad(crate::bytes::RawFile, std::ops::Range<u64>);

impl ByteSource for Bad {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let length = buf.len() as u64;
        if offset < self.1.end && self.1.start < offset + length {
            return Err(ReadFault { offset, length, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

/// A volume of `length` bytes, its first superblock in `first`, and a sound copy of it at `at`.
fn large(line: &str, length: u64, first: std::ops::Range<u64>, at: u64) {
    use std::os::unix::fs::FileExt as _;
    let mut words: Vec<&str> = line.split(' ').collect();
    let Some(tool) = tool(words.remove(0)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.img");
    std::fs::File::create(&path).unwrap().set_len(length).unwrap();
    words.push(path.to_str().unwrap());
    run(&tool, &words).unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    let open = |bad| {
        let raw = crate::bytes::RawFile::new(file.try_clone().unwrap(), length);
        survey(&[Arc::new(Bad(raw, bad)) as Arc<dyn ByteSource>], false)
    };
    let ids = open(0..0).sources[0].info().ids.clone();
    check(&open(first.start..first.start + 4096), ("its superblock", "cannot be read ("), at);
    for byte in [0, 0xA5] {
        file.write_all_at(&vec![byte; (first.end - first.start) as usize], first.start).unwrap();
        let found = open(0..0);
        check(&found, ("its superblock", "is not there"), at);
        assert_eq!(found.sources[0].info().ids, ids);
    }
    // A copy of which the checksum does not fit, or of ext the mark, is none.
    let (mut raw, field) = ([0; 4], if line.contains("ext4") { 0x38 } else { 0x2C });
    for at in [at, at / 3, at / 3 * 2] {
        file.read_exact_at(&mut raw, at + field).unwrap();
        file.write_all_at(&raw.map(|byte| !byte), at + field).unwrap();
    }
    assert!(read(&open(0..0)).is_empty(), "{line}");
}

#[test]
fn a_large_volume_is_read_by_a_copy_whose_checksum_fits() {
    large("mke2fs -q -F -t ext4 -b 8192", 600 << 20, 1024..2048, 65528 * 8192);
    large("mkfs.xfs -q", 300 << 20, 0..512, 225 << 20);
    large("mkfs.btrfs -q", 110 << 20, 65536..69632, 64 << 20);
}

#[test]
fn what_an_older_use_left_is_not_taken_for_the_volume() {
    let Some((_, volume, _)) = volumes().into_iter().next() else { return };
    let other = |marks: &[(usize, &[u8])]| {
        let mut volume = volume.clone();
        volume[..4096].fill(0);
        for (at, mark) in marks {
            volume[*at..][..mark.len()].copy_from_slice(mark);
        }
        read(&look(&[volume]))
    };
    assert_eq!(other(&[]), [""], "without a mark it is read by its copy");
    for marks in [
        &[(1040, &b"\x8F\x13\x01"[..])][..],
        &[(1048, b"ZM"), (1052, b"\0\x10")],
        &[(1024, b"\x02\0\0\0\0\0\x34\x34")],
        &[(0, b"\xCE\xFA\xAD\x1B")],
        &[(544, b"1SFB")],
        &[(1024, b"H+")],
        &[(4086, b"SWAPSPACE2")],
    ] {
        assert_eq!(other(marks), [""; 0], "{marks:?}");
    }
}

#[test]
fn an_ntfs_with_another_name_is_no_table_of_partitions() {
    let Some(mut volume) = made("mkntfs", &["-F", "-q", "-Q"], 8 << 20) else { return };
    let at = volume.len() as u64 - 512;
    volume[3..11].copy_from_slice(b"MSDOS5.0");
    assert_eq!(volume[510..512], [0x55, 0xAA]);
    check(&look(&[volume.clone()]), ("its boot sector", "is not there"), at);
    // With entries that cannot be those of a table, and without a copy, it is what it was.
    volume[446..510].fill(0x20);
    check(&look(&[volume.clone()]), ("its boot sector", "is not there"), at);
    volume[at as usize..].fill(0);
    let found = look(&[volume]);
    assert!(read(&found).is_empty());
    says(&found, "a disk with an MBR partition table, of which no file is read");
}

#[test]
fn a_first_sector_that_cannot_be_read_hides_nothing_behind_it() {
    let Some((_, volume, _)) = volumes().into_iter().next() else { return };
    let failing: Arc<dyn ByteSource> = Arc::new(Failing(volume, 0..512));
    let found = survey(&[failing], false);
    assert_eq!(read(&found), [""]);
    says(&found, "whether a partition table stands in its first sector is not known");
    assert!(!found.limits.iter().any(|limit| limit.contains("by the copy")), "{:?}", found.limits);
    // A disk whose table is at its end, too.
    let mut disk = gpt(&[(64, 95), (96, 127)], 256);
    let last = 255 * SECTOR;
    disk.copy_within(SECTOR..2 * SECTOR, last);
    disk.copy_within(2 * SECTOR..34 * SECTOR, last - 32 * SECTOR);
    for (at, sector) in [(24, 255_u64), (32, 1), (72, 255 - 32)] {
        disk[last + at..][..8].copy_from_slice(&sector.to_le_bytes());
    }
    disk[last + 16..][..4].fill(0);
    let sum = !crc32(!0, &disk[last..][..92]);
    disk[last + 16..][..4].copy_from_slice(&sum.to_le_bytes());
    let whole = look(std::slice::from_ref(&disk));
    let failing: Arc<dyn ByteSource> = Arc::new(Failing(disk, 0..4096));
    let found = survey(&[failing], false);
    let places = |found: &Survey| -> Vec<String> {
        found
            .layers
            .iter()
            .map(|layer| layer.place.clone())
            .filter(|place| place.starts_with("gpt"))
            .collect()
    };
    assert_eq!(places(&found), ["gpt:1", "gpt:2"], "{:#?}", found.limits);
    assert_eq!(places(&whole), places(&found));
}

#[test]
fn a_superblock_of_impossible_numbers_is_read_by_a_copy() {
    let (what, mut volume, at) = volumes().into_iter().next().unwrap_or(("", Vec::new(), 0));
    if volume.is_empty() {
        return;
    }
    volume[1024 + 0x28..1024 + 0x2C].fill(0);
    check(&look(&[volume]), (what, "is not sound ("), at);
}

#[test]
fn a_copy_without_a_root_is_not_read() {
    let Some((what, mut volume, at)) = volumes().into_iter().next() else { return };
    let table = u32::from_le_bytes(volume[2048 + 8..2048 + 12].try_into().unwrap()) as usize * 1024;
    volume[..1536].fill(0);
    volume[table..table + 4096].fill(0);
    let found = look(&[volume]);
    assert!(read(&found).is_empty(), "{what} at {at}");
    assert_eq!(unread(&found), [""], "it can be preserved");
}

#[test]
fn a_volume_of_which_the_beginning_cannot_be_read_is_not_whole() {
    let disk = partitioned(&[(2048, &[7; 1 << 20])]);
    let bare = vec![7; 1 << 20];
    let part = 2048 * 512;
    for (disk, place, bad) in [
        (&disk, "mbr:1", part..part + 512),
        (&disk, "mbr:1", part + 1024..part + 1536),
        // Where ISO 9660 and btrfs begin.
        (&disk, "mbr:1", part + 0x8000..part + 0x8200),
        (&bare, "the medium", 0..4096),
        (&bare, "the medium", 0x8000..0x8800),
        (&bare, "the medium", 0x1_0000..0x1_1000),
    ] {
        let failing: Arc<dyn ByteSource> = Arc::new(Failing(disk.clone(), bad));
        let mut found = survey(&[failing], false);
        let mut medium = Medium::default();
        found.describe(&mut medium);
        let told: Vec<&str> = medium.cut_short().collect();
        assert_eq!(told.len(), 1, "{:#?}", medium.limits);
        assert!(
            told[0].starts_with(&format!("{place}: a volume whose beginning cannot be read, not read: ")),
            "{told:?}"
        );
    }
}

#[test]
fn a_table_that_counts_in_other_sectors_is_read_as_it_counts() {
    let Some(fat) = fat() else { return };
    let mut disk = partitioned(&[(2048, &fat)]);
    assert_eq!(read(&look(&[disk.clone()])), ["mbr:1"]);
    disk[446 + 8..446 + 12].copy_from_slice(&256_u32.to_le_bytes());
    disk[446 + 12..446 + 16].copy_from_slice(&(fat.len() as u32 / 4096).to_le_bytes());
    let found = look(&[disk.clone()]);
    assert_eq!(read(&found), ["mbr:1"], "{:#?}", found.limits);
    let layer = found.layers.iter().find(|layer| layer.place == "mbr:1").unwrap();
    assert_eq!((layer.start, layer.length), (Some(1 << 20), fat.len() as u64));
    says(&found, "the MBR counts in sectors of 4096 bytes, it seems: so 1 of its 1 partitions begin with");
    // Where nothing is known by either, the sectors are the source's own.
    disk[1 << 20..].fill(7);
    let found = look(&[disk]);
    let layer = found.layers.iter().find(|layer| layer.place == "mbr:1").unwrap();
    assert_eq!(layer.start, Some(256 * 512));
}
