//! What is on a medium must not vanish, whatever marks somebody planted on it.

mod copies;
mod identities;
mod inside;
mod left_over;
mod planted;
mod random;
mod rootless;
mod torn;

use super::*;
use crate::stack::tests::lvm;
use crate::stack::tests::md::Array;
use crate::volumes::crc32::crc32;

const SECTOR: usize = 512;

/// A FAT12 file system of 8 MiB in front of which 32 sectors are reserved, as mkfs.fat makes it; `None` without the tool.
fn fat() -> Option<Vec<u8>> {
    let tool = crate::stack::tests::tool("mkfs.fat")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fat.img");
    std::fs::write(&path, vec![0; 8 << 20]).unwrap();
    let arguments = ["-F", "12", "-R", "32", "-i", "0a0b0c0d", path.to_str().unwrap()];
    crate::stack::tests::run(&tool, &arguments).unwrap();
    Some(std::fs::read(&path).unwrap())
}

fn look(disks: &[Vec<u8>]) -> Survey {
    let disks: Vec<Arc<dyn ByteSource>> =
        disks.iter().map(|disk| Arc::new(disk.clone()) as Arc<dyn ByteSource>).collect();
    survey(&disks, false)
}

fn read(survey: &Survey) -> Vec<String> {
    survey.sources.iter().map(|source| source.info().place.clone()).collect()
}

fn unread(survey: &Survey) -> Vec<String> {
    survey.unread.iter().map(|volume| volume.place.clone()).collect()
}

fn says(survey: &Survey, what: &str) {
    assert!(survey.limits.iter().any(|limit| limit.contains(what)), "{what}: {:#?}", survey.limits);
}

/// A disk with an MBR that names these partitions, by first sector and bytes.
fn partitioned(partitions: &[(usize, &[u8])]) -> Vec<u8> {
    let end = partitions.iter().map(|(start, bytes)| start * SECTOR + bytes.len()).max().unwrap();
    let mut disk = vec![0; end + 8 * SECTOR];
    for (index, (start, bytes)) in partitions.iter().enumerate() {
        let entry = &mut disk[446 + 16 * index..][..16];
        entry[4] = 0x83;
        entry[8..12].copy_from_slice(&(*start as u32).to_le_bytes());
        entry[12..16].copy_from_slice(&((bytes.len() / SECTOR) as u32).to_le_bytes());
        disk[start * SECTOR..][..bytes.len()].copy_from_slice(bytes);
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk
}

const MD: &str = "md:30313233-3435-3637-3839-616263646566";

#[test]
fn a_superblock_left_over_hides_no_file_system() {
    let Some(fat) = fat() else { return };
    let member = Array { size: 8, ..Array::default() }.member(0, &[0; 8 * SECTOR]);
    let mut disk = fat;
    disk[4096..4096 + 512].copy_from_slice(&member[4096..4096 + 512]);
    let found = look(&[disk]);
    assert_eq!(read(&found), [""]);
    says(&found, "holds a file system or partitions of its own; both are read");
}

#[test]
fn a_mirror_is_read_once_and_an_old_half_of_it_beside_it() {
    let Some(fat) = fat() else { return };
    let sectors = (fat.len() / SECTOR) as u64;
    for minor in 0..3 {
        let array = Array { minor, size: sectors, ..Array::default() };
        let found = look(&[array.member(0, &fat), array.member(1, &fat)]);
        assert_eq!(read(&found), [MD]);
        assert!(unread(&found).is_empty());
        let old = Array { events: 7, ..array.clone() };
        let found = look(&[array.member(0, &fat), old.member(1, &fat)]);
        assert_eq!(read(&found), [MD.to_owned(), format!("{MD}:2")]);
        says(&found, "is stale (it counts 7 events, the array 20), and is not used");
    }
}

#[test]
fn an_array_that_reaches_over_a_part_of_its_member_hides_nothing_of_the_rest() {
    let Some(fat) = fat() else { return };
    for level in [1, 0] {
        let decoy = Array { minor: 0, level, disks: 1, size: 8, chunk: 8, ..Array::default() };
        let mut disk = partitioned(&[(64, &fat)]);
        let member = decoy.member(0, &[0; 8 * SECTOR]);
        // The disk's own length is what the superblock must stand before the end of.
        let pad = (disk.len() + 8 * SECTOR).next_multiple_of(8 * SECTOR);
        disk.resize(pad, 0);
        let (at, length) = ((pad / SECTOR - 16) & !7, member.len() / SECTOR);
        let from = (length - 16) & !7;
        let mut block = member[from * SECTOR..(from + 1) * SECTOR].to_vec();
        block[144..152].copy_from_slice(&(at as u64).to_le_bytes());
        crate::stack::tests::md::seal(&mut block[..258]);
        disk[at * SECTOR..(at + 1) * SECTOR].copy_from_slice(&block);
        let found = look(&[disk]);
        assert!(read(&found).contains(&"mbr:1".to_owned()), "{:?} {:#?}", read(&found), found.limits);
        says(&found, "of which the array that it is in reaches 4096");
    }
}

#[test]
fn nothing_is_preserved_of_what_is_not_there() {
    let noise = vec![0xA5; 1 << 20];
    let mut disk = partitioned(&[(64, &noise), (4096, &noise)]);
    disk.truncate(4096 * SECTOR);
    let found = look(&[disk]);
    assert_eq!(unread(&found), ["mbr:1"]);
    says(&found, "mbr:2: cut short: the partition table gives it 1048576 bytes, of which 0 are there");
}

#[test]
fn the_first_piece_of_something_striped_is_not_read_as_the_whole() {
    let Some(fat) = fat() else { return };
    let array = Array { minor: 0, level: 0, chunk: 8, layout: 1, ..Array::default() };
    let found = look(&[array.member(0, &fat)]);
    assert!(read(&found).is_empty());
    assert_eq!(unread(&found), [""]);
    says(&found, "bears the mark of a FAT volume");
    assert!(
        matches!(&found.layers[0].state, LayerState::Unread(why) if why.contains("members 1 are missing"))
    );
}

#[test]
fn a_label_planted_before_a_partition_hides_no_partition() {
    let Some(fat) = fat() else { return };
    let [label, _] = lvm::pair();
    let mut disk = partitioned(&[(64, &fat)]);
    disk[SECTOR..2 * SECTOR].copy_from_slice(&label[SECTOR..2 * SECTOR]);
    let found = look(&[disk]);
    assert_eq!(read(&found), ["mbr:1"]);
    says(&found, "the latter is read");
    assert_eq!(unread(&found), ["gap:0"], "files that can be read are not preserved whole");
}

#[test]
fn a_member_that_carries_what_is_read_is_not_preserved_whole() {
    let found = look(&lvm::pair_with_an_unread_volume());
    let hidden = found.layers.iter().find(|layer| layer.what == "an LVM logical volume").unwrap();
    assert!(
        matches!(&hidden.state, LayerState::Unread(why) if why.contains("is not preserved whole")),
        "{hidden:?}"
    );
    // The two volumes that were put together hold noise: they can be preserved, their physical volumes cannot.
    let volumes: Vec<String> = unread(&found).into_iter().filter(|place| !place.contains("/free:")).collect();
    assert_eq!(volumes.len(), 2);
    assert!(volumes.iter().all(|place| place.starts_with("lvm:")));
}

#[test]
fn a_partitioned_disk_with_a_stray_mark_is_not_preserved_whole() {
    let Some(fat) = fat() else { return };
    let mut disk = partitioned(&[(64, &fat)]);
    disk[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xEF]); // the mark of ext, and no file system behind it
    let found = look(&[disk]);
    assert_eq!(read(&found), ["mbr:1"]);
    assert_eq!(unread(&found), ["gap:0"]);
    assert!(!found.limits.iter().any(|limit| limit.contains("both are read")), "{:?}", found.limits);
    says(&found, "the medium also bears the mark of an ext2");
}

#[test]
fn what_has_no_mark_is_named_and_can_be_preserved() {
    let noise = vec![0xA5; 1 << 20];
    let found = look(&[partitioned(&[(64, &noise), (4096, &[0; 1 << 20])])]);
    assert_eq!(unread(&found), ["mbr:1", "mbr:2"]);
    says(&found, "mbr:1: nothing with a signature that is known; no file of it is read");
}

/// A disk with a GPT of so many partitions, of a sector each.
fn many(partitions: usize) -> Vec<u8> {
    let first = 2 + partitions.div_ceil(4);
    let spans: Vec<(usize, usize)> = (0..partitions).map(|index| (first + index, first + index)).collect();
    gpt(&spans, first + partitions + 1)
}

/// A disk of so many sectors with a GPT whose partitions go from a first sector to a last one.
fn gpt(spans: &[(usize, usize)], sectors: usize) -> Vec<u8> {
    let entries = spans.len().next_multiple_of(4);
    let first = 2 + entries / 4;
    let mut disk = vec![0; sectors * SECTOR];
    disk[450] = 0xEE;
    disk[454..458].copy_from_slice(&1_u32.to_le_bytes());
    disk[458..462].copy_from_slice(&u32::MAX.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    for (index, (from, to)) in spans.iter().enumerate() {
        let entry = &mut disk[2 * SECTOR + 128 * index..][..128];
        entry[..32].fill(0x11);
        entry[16..24].copy_from_slice(&(index as u64).to_le_bytes());
        entry[32..40].copy_from_slice(&(*from as u64).to_le_bytes());
        entry[40..48].copy_from_slice(&(*to as u64).to_le_bytes());
    }
    let table = !crc32(u32::MAX, &disk[2 * SECTOR..2 * SECTOR + 128 * entries]);
    let (last, end) = ((sectors - 1) as u64, (sectors - 2) as u64);
    let header = &mut disk[SECTOR..SECTOR + 92];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"EFI PART\0\0\x01\0\x5C\0\0\0");
    put(24, &1_u64.to_le_bytes());
    put(32, &last.to_le_bytes());
    put(40, &(first as u64).to_le_bytes());
    put(48, &end.to_le_bytes());
    put(56, &[0x22; 16]);
    put(72, &2_u64.to_le_bytes());
    put(80, &(entries as u32).to_le_bytes());
    put(84, &128_u32.to_le_bytes());
    put(88, &table.to_le_bytes());
    let sum = !crc32(u32::MAX, &disk[SECTOR..SECTOR + 92]);
    disk[SECTOR + 16..SECTOR + 20].copy_from_slice(&sum.to_le_bytes());
    disk
}

#[test]
fn more_partitions_than_are_looked_at_have_layers_all_the_same() {
    let found = look(&[many(MAX_PIECES + 9)]);
    let unread = unread(&found);
    assert_eq!(unread.len(), MAX_PIECES + 9, "each can be preserved");
    assert!((1..=MAX_PIECES + 9).all(|number| unread.contains(&format!("gpt:{number}"))));
    let not_looked_at = found.layers.iter().filter(|layer| layer.what.ends_with("is not looked at")).count();
    assert_eq!(not_looked_at, 10, "the disk itself is one of {MAX_PIECES}");
    let found = look(&[many(MAX_LAYERS - 1)]);
    assert!(found.layers.len() <= MAX_LAYERS + 2, "{}", found.layers.len());
}

#[test]
fn a_group_that_becomes_whole_late_is_read() {
    let [first, second] = lvm::pair();
    // The second physical volume is a partition of a table on an array.
    let inside = partitioned(&[(64, &second)]);
    let array = Array { size: (inside.len() / SECTOR) as u64, ..Array::default() };
    let found = look(&[first.clone(), array.member(0, &inside), array.member(1, &inside)]);
    let volumes = |survey: &Survey| {
        survey
            .layers
            .iter()
            .filter(|layer| layer.place.starts_with("lvm:"))
            .map(|layer| layer.state.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(volumes(&found), [LayerState::Unknown, LayerState::Unknown], "both are put together");
    assert!(found.limits.iter().all(|limit| !limit.contains("is not there")), "{:#?}", found.limits);
    // Without it, they are named, and what there is of them can be preserved.
    let found = look(&[first]);
    assert!(
        volumes(&found)
            .iter()
            .all(|state| matches!(state, LayerState::Unread(why) if why.contains("is not there")))
    );
    assert_eq!(unread(&found), [""]);
}
