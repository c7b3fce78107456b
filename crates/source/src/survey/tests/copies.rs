//! A file system whose first structure is lost is read by a copy, and that is said; without one it is said that nothing is.

use super::rootless::Failing;
use super::*;
use crate::stack::tests::{run, tool};

/// A volume of `length` bytes that a tool made, the file's path last; `None` without the tool.
fn made(name: &str, arguments: &[&str], length: usize) -> Option<Vec<u8>> {
    let tool = tool(name)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume.img");
    std::fs::write(&path, vec![0; length]).unwrap();
    run(&tool, &[arguments, &[path.to_str().unwrap()]].concat()).unwrap();
    Some(std::fs::read(&path).unwrap())
}

fn volumes() -> Vec<(&'static str, Vec<u8>, u64)> {
    let ext = |block: &str, length| made("mke2fs", &["-q", "-F", "-t", "ext4", "-b", block], length);
    let fat = made("mkfs.fat", &["-F", "32", "-s", "1"], 40 << 20);
    [
        ("its superblock", ext("1024", 20 << 20), 8193 * 1024),
        ("its superblock", ext("2048", 40 << 20), 16384 * 2048),
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
        check(&look(&[blank]), (what, "is not there"), at);
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
    for bad in [2048 * 512..2048 * 512 + 512, 2048 * 512 + 1024..2048 * 512 + 1536] {
        let failing: Arc<dyn ByteSource> = Arc::new(Failing(disk.clone(), bad));
        let mut found = survey(&[failing], false);
        let mut medium = Medium::default();
        found.describe(&mut medium);
        let told: Vec<&str> = medium.cut_short().collect();
        assert_eq!(told.len(), 1, "{:#?}", medium.limits);
        assert!(
            told[0].starts_with("mbr:1: a volume whose beginning cannot be read, not read: "),
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
