//! Marks planted before, upon and across others.

use super::*;

/// Bytes with a small mirror's superblock at 4096, as left over or planted.
fn with_superblock(mut disk: Vec<u8>) -> Vec<u8> {
    let member = Array { size: 8, disks: 1, ..Array::default() }.member(0, &[0; 8 * SECTOR]);
    disk[4096..4096 + 512].copy_from_slice(&member[4096..4096 + 512]);
    disk
}

/// An encrypted volume, as far as its mark goes.
fn luks() -> Vec<u8> {
    let mut disk = vec![0xA5; 1 << 20];
    disk[..6].copy_from_slice(b"LUKS\xBA\xBE");
    disk
}

fn content(volume: &UnreadVolume) -> Vec<u8> {
    let mut all = vec![0; volume.bytes.len() as usize];
    volume.bytes.read_exact_at(0, &mut all).unwrap();
    all
}

#[test]
fn a_superblock_or_a_label_hides_no_encrypted_volume() {
    let [label, _] = lvm::pair();
    let mut labelled = luks();
    labelled[SECTOR..2 * SECTOR].copy_from_slice(&label[SECTOR..2 * SECTOR]);
    for disk in [with_superblock(luks()), labelled] {
        let found = look(&[disk]);
        says(&found, "the medium also bears the mark of a LUKS-encrypted volume, of which no file is read");
        assert!(unread(&found).contains(&String::new()), "{:?}", unread(&found));
    }
}

#[test]
fn a_small_table_hides_no_encrypted_volume() {
    let noise = vec![0xA5; 4 * SECTOR];
    let mut disk = partitioned(&[(64, &noise)]);
    disk[..6].copy_from_slice(b"LUKS\xBA\xBE");
    let found = look(&[disk]);
    says(&found, "the medium also bears the mark of a LUKS-encrypted volume, of which no file is read");
    assert_eq!(unread(&found), ["mbr:1", ""], "nothing on it is read: it can be preserved");
    let Some(fat) = fat() else { return };
    let mut disk = partitioned(&[(64, &fat)]);
    disk[..6].copy_from_slice(b"LUKS\xBA\xBE");
    let found = look(&[disk]);
    assert_eq!(read(&found), ["mbr:1"]);
    assert!(unread(&found).is_empty(), "{:?}", unread(&found));
    says(&found, "since it carries what is read, it is not preserved whole");
}

#[test]
fn a_boot_sector_hides_no_physical_volume() {
    let Some(fat) = fat() else { return };
    let mut pair = lvm::pair();
    for piece in &mut pair {
        piece[..SECTOR].copy_from_slice(&fat[..SECTOR]);
    }
    let found = look(&pair);
    let volumes = found.layers.iter().filter(|layer| layer.place.starts_with("lvm:")).count();
    assert_eq!(volumes, 2, "{:#?}", found.layers);
    assert_eq!(read(&found), ["disk:1", "disk:2"], "the decoys are read beside them");
    says(&found, "disk:1 is a member of a RAID array or a volume group, and holds a file system");
}

#[test]
fn two_file_systems_at_one_place_are_both_read() {
    let (Some(mkfs), Some(mke2fs)) =
        (crate::stack::tests::tool("mkfs.fat"), crate::stack::tests::tool("mke2fs"))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.img");
    std::fs::write(&path, vec![0; 8 << 20]).unwrap();
    let name = path.to_str().unwrap();
    crate::stack::tests::run(&mkfs, &["-F", "12", "-R", "8192", name]).unwrap();
    let mut both = std::fs::read(&path).unwrap();
    std::fs::write(&path, vec![0; 4 << 20]).unwrap();
    crate::stack::tests::run(&mke2fs, &["-q", "-t", "ext2", name]).unwrap();
    both[1024..4 << 20].copy_from_slice(&std::fs::read(&path).unwrap()[1024..]);
    let found = look(&[both]);
    let read: Vec<&str> = found.sources.iter().map(|source| source.info().file_system.as_str()).collect();
    assert_eq!(read.len(), 2, "{read:?} {:#?}", found.limits);
    says(&found, "at one place, and all are read");
}

#[test]
fn a_partition_that_overlaps_what_is_read_is_not_preserved_with_it() {
    let Some(fat) = fat() else { return };
    let (start, sectors) = (64, fat.len() / SECTOR);
    let shared = 100;
    let (from, to) = (start + sectors - shared, start + sectors + 900);
    let mut disk = gpt(&[(start, start + sectors - 1), (from, to - 1)], to + 64);
    disk[start * SECTOR..][..fat.len()].copy_from_slice(&fat);
    disk[(start + sectors) * SECTOR..to * SECTOR].fill(0xA5);
    // The second partition bears no mark where it begins.
    disk[from * SECTOR..(from + 1) * SECTOR].fill(0x5A);
    let found = look(&[disk]);
    assert_eq!(read(&found), ["gpt:1"]);
    assert_eq!(unread(&found), [format!("gpt:2/rest:{}", shared * SECTOR)]);
    assert!(content(&found.unread[0]) == vec![0xA5; 900 * SECTOR]);
    says(&found, "gpt:2 overlaps gpt:1, of which files are read");
    let whole = found.layers.iter().find(|layer| layer.place == "gpt:2").unwrap();
    assert_eq!(whole.state, LayerState::Divided);
}

#[test]
fn a_newer_superblock_that_comes_to_light_inside_another_array_counts() {
    let Some(fat) = fat() else { return };
    let sectors = (fat.len() / SECTOR) as u64;
    let older = Array { size: sectors, ..Array::default() };
    let newer = Array { events: 30, ..older.clone() };
    let noise = vec![0xA5; fat.len()];
    let mut inside = partitioned(&[(64, &newer.member(1, &noise))]);
    inside.resize(inside.len().next_multiple_of(8 * SECTOR), 0);
    let size = (inside.len() / SECTOR) as u64;
    let outer = Array { size, disks: 1, set: *b"another array...", ..Array::default() };
    let found = look(&[older.member(0, &fat), outer.member(0, &inside)]);
    assert_eq!(read(&found), [MD]);
    assert_eq!(unread(&found), [format!("{MD}:2")]);
    assert!(content(&found.unread[0]) == noise);
    says(&found, &format!("{MD}:2: the member at disk:1 is stale (it counts 20 events, the array 30)"));
}

#[test]
fn a_newer_text_that_comes_to_light_inside_another_array_counts() {
    let [first, second] = lvm::an_older_and_a_newer();
    let inside = partitioned(&[(64, &second)]);
    let size = (inside.len() / SECTOR) as u64;
    let outer = Array { size, disks: 1, ..Array::default() };
    let found = look(&[first.clone(), outer.member(0, &inside)]);
    let volumes = found.unread.iter().filter(|volume| !volume.place.contains("/free:"));
    let (places, volumes): (Vec<&str>, Vec<Vec<u8>>) =
        volumes.map(|volume| (volume.place.as_str(), content(volume))).unzip();
    let extent = 8 * SECTOR;
    assert_eq!(places.len(), 2, "{:#?}", found.layers);
    assert!(places[1].ends_with(":2"), "{places:?}");
    assert!(volumes == [&first[64 * SECTOR..][..extent], &first[64 * SECTOR + extent..][..extent]]);
    says(&found, ":2: metadata 9 of the volume group is used, not the older 7");
}

#[test]
fn what_no_partition_covers_is_looked_at_named_and_can_be_preserved() {
    let Some(fat) = fat() else { return };
    let sectors = fat.len() / SECTOR;
    let mut disk = gpt(&[(64, 64 + sectors - 1)], 64 + sectors + 8192);
    disk[64 * SECTOR..][..fat.len()].copy_from_slice(&fat);
    let clean = look(&[disk.clone()]);
    assert!(unread(&clean).is_empty(), "tables are no content: {:#?}", clean.limits);
    assert_eq!(clean.layers.iter().filter(|layer| layer.state == LayerState::Gap).count(), 2);
    let behind = (64 + sectors) * SECTOR;
    let place = format!("gap:{behind}");
    // A byte somewhere; what is left of a partition that was deleted; one that begins at a whole MiB.
    let check = |at: usize, bytes: &[u8], said: &str| {
        let mut disk = disk.clone();
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        let found = look(&[disk.clone()]);
        assert_eq!(unread(&found), [place.as_str()], "{said}");
        assert!(content(&found.unread[0]) == disk[behind..]);
        says(&found, said);
    };
    check(behind + 70_000, &[1], "no partition covers it, and it is not blank; no file of it is read");
    check(behind, &fat[..1 << 20], "no partition covers it, and it bears the mark of a FAT volume; no file");
    check(9 << 20, b"LUKS\xBA\xBE", "it bears the mark of a LUKS-encrypted volume at byte");
    // A protective MBR and no GPT: all of the disk is a gap.
    let mut bare = vec![0; 4 << 20];
    bare[..SECTOR].copy_from_slice(&disk[..SECTOR]);
    assert!(unread(&look(&[bare.clone()])).is_empty());
    bare[3 << 20] = 7;
    assert_eq!(unread(&look(&[bare])), ["gap:0"]);
}

#[test]
fn what_lies_behind_a_file_system_is_looked_at() {
    let Some(fat) = fat() else { return };
    let mut disk = fat.clone();
    disk.resize(fat.len() + (1 << 20), 0);
    assert!(unread(&look(&[disk.clone()])).is_empty());
    let end = fat.len();
    disk[end + 5000] = 1;
    let found = look(&[disk.clone()]);
    assert_eq!(read(&found), [""]);
    assert_eq!(found.unread.len(), 1, "{:#?}", found.limits);
    let rest = &found.unread[0];
    let start: usize = rest.place.strip_prefix("rest:").unwrap().parse().unwrap();
    assert!(start <= end && content(rest) == disk[start..], "{start} of {end}");
    says(&found, "it lies behind the file system, and it is not blank; no file of it is read");
}

#[test]
fn a_table_left_over_on_a_member_does_not_preserve_what_the_array_holds() {
    let Some(fat) = fat() else { return };
    let sectors = fat.len() / SECTOR;
    // A partition over the whole of the array's data, in a table before it.
    let array = Array { size: sectors as u64, disks: 1, ..Array::default() };
    let mut member = array.member(0, &fat);
    let table = partitioned(&[(32, &vec![0; (sectors + 32) * SECTOR])]);
    member[..SECTOR].copy_from_slice(&table[..SECTOR]);
    let found = look(&[member]);
    assert_eq!(read(&found), [MD]);
    let preserved: u64 = found.unread.iter().map(|volume| volume.bytes.len()).sum();
    assert!(preserved <= 64 * 512, "{:?} {:#?}", unread(&found), found.limits);
    says(&found, &format!("mbr:1 overlaps {MD}, of which files are read"));
}

#[test]
fn a_gap_of_which_not_all_is_looked_at_says_so() {
    struct Zeros(Vec<u8>);
    impl ByteSource for Zeros {
        fn len(&self) -> u64 {
            1 << 32
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, crate::bytes::ReadFault> {
            buf.fill(0);
            let at = usize::try_from(offset).unwrap();
            let known = self.0.get(at..).unwrap_or_default();
            let count = known.len().min(buf.len());
            buf[..count].copy_from_slice(&known[..count]);
            Ok(buf.len())
        }
    }
    let found = survey(&[Arc::new(Zeros(partitioned(&[(64, &[0; SECTOR])])))], false);
    assert_eq!(unread(&found), ["mbr:1"]);
    says(&found, "the last 1048576 and 1024 blocks between them are zeros; the rest is not looked at");
}

#[test]
fn what_no_logical_volume_has_is_looked_at_named_and_can_be_preserved() {
    let extent = 8 * SECTOR;
    let [mut first, mut second] = lvm::pair();
    let at = |index: usize| 64 * SECTOR + index * extent;
    // Extents 0, 1 and 4 of the first are free, 1, 2 and 5 to 7 of the second.
    for (disk, free) in [(&mut first, &[0..2, 4..5][..]), (&mut second, &[1..3, 5..8])] {
        free.iter().for_each(|range| disk[at(range.start)..at(range.end)].fill(0));
    }
    first.extend([0; 4096]);
    let is_free = |place: &&String| place.contains("/free:");
    let clean = look(&[first.clone(), second.clone()]);
    assert_eq!(unread(&clean).iter().filter(is_free).count(), 0, "{:#?}", clean.limits);
    let gaps = clean.layers.iter().filter(|layer| layer.what == "no logical volume has it");
    let gaps: Vec<_> = gaps.map(|gap| (gap.place.as_str(), gap.start.unwrap(), gap.length)).collect();
    let extents = |index: usize, count: usize| (at(index) as u64, (count * extent) as u64);
    let (zero, four, behind) = (extents(0, 2), extents(4, 1), extents(8, 1));
    let (one, five) = (extents(1, 2), extents(5, 3));
    let expected =
        [("disk:1", zero), ("disk:1", four), ("disk:1", behind), ("disk:2", one), ("disk:2", five)];
    assert_eq!(gaps, expected.map(|(place, (start, length))| (place, start, length)));

    // A volume that was removed.
    second[at(6)..at(7)].fill(0xA5);
    let found = look(&[first, second.clone()]);
    let place = format!("disk:2/free:{}", at(5));
    assert_eq!(unread(&found).iter().filter(is_free).collect::<Vec<_>>(), [&place]);
    let volume = found.unread.iter().find(|volume| volume.place == place).unwrap();
    assert!(content(volume) == second[at(5)..at(8)]);
    says(&found, &format!("{place}, 12288 bytes: no logical volume has it, and it is not blank"));
}

#[test]
fn an_array_without_one_of_its_members_says_so() {
    let array = Array { size: 64, ..Array::default() };
    let found = look(&[array.member(0, &[0xA5; 64 * SECTOR])]);
    says(&found, "1 of its 2 members are not among what was given, or are not used");
    let found = look(&[array.member(0, &[0xA5; 64 * SECTOR]), array.member(1, &[0xA5; 64 * SECTOR])]);
    assert!(
        !found.limits.iter().any(|limit| limit.contains("not among what was given")),
        "{:?}",
        found.limits
    );
}
