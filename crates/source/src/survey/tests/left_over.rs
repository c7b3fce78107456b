//! The mark of a whole disk's file system that survives in sector 0 of a disk which was divided afterwards.

use super::copies::made;
use super::*;

/// A disk of `old` bytes that was divided later by `table`, which leaves bytes 0 to 439, with `part` in its partition.
fn divided(old: &[u8], table: &str, part: &[u8]) -> Vec<u8> {
    let sectors = part.len() / SECTOR;
    let (mut disk, new) = match table {
        "gpt" => (old.to_vec(), gpt(&[(2048, 2047 + sectors)], old.len() / SECTOR)),
        _ => (old.to_vec(), partitioned(&[(2048, part)])),
    };
    disk[440..512].copy_from_slice(&new[440..512]);
    if table == "gpt" {
        // Header and 128 entries, used or not.
        disk[SECTOR..34 * SECTOR].copy_from_slice(&new[SECTOR..34 * SECTOR]);
    }
    disk[2048 * SECTOR..][..part.len()].copy_from_slice(part);
    disk
}

fn old() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let made = [
        (
            "an XFS file system",
            "the checksum of its superblock does not fit",
            made("mkfs.xfs", XFS, 32 << 20),
        ),
        (
            "an exFAT file system",
            "the checksum of its boot region does not fit",
            made("mkfs.exfat", &[], 32 << 20),
        ),
        (
            "an NTFS volume",
            "the first record of its MFT is not there",
            made("mkntfs", &["-F", "-q", "-Q"], 32 << 20),
        ),
    ];
    made.into_iter().filter_map(|(name, why, volume)| Some((name, why, volume?))).collect()
}

const XFS: &[&str] = &["-q", "--unsupported"];

#[test]
fn an_old_mark_before_a_newer_table_is_told_as_left_over() {
    let Some(fat) = fat() else { return };
    for (name, why, volume) in old() {
        let whole = look(std::slice::from_ref(&volume));
        assert_eq!(read(&whole), [""], "{name}: {:#?}", whole.limits);
        for table in ["gpt", "mbr"] {
            if (name, table) == ("an NTFS volume", "mbr") {
                continue;
            }
            let (mut found, mut medium) = (look(&[divided(&volume, table, &fat)]), Medium::default());
            assert_eq!(read(&found), [format!("{table}:1")], "{name} {:#?}", found.limits);
            says(
                &found,
                &format!(
                    "the medium: the mark of {name} in its first sector is left over from before the partition table: {why}"
                ),
            );
            found.describe(&mut medium);
            let ids: Vec<_> = medium.ids.iter().filter(|(kind, _)| kind == "fsuuid").collect();
            assert_eq!(ids.len(), 1, "{ids:?}");
            assert_eq!(medium.cut_short().count(), 0, "{:#?}", medium.limits);
            assert_eq!(
                medium
                    .layers
                    .iter()
                    .filter(|layer| layer.place.is_empty() && layer.state != LayerState::Gap)
                    .count(),
                1
            );
        }
    }
}

#[test]
fn a_table_that_leads_to_nothing_hides_no_file_system() {
    for (name, why, volume) in old() {
        for table in ["gpt", "mbr"] {
            // What stands in the partition is the file system's own, or nothing.
            let here = volume[2048 * SECTOR..][..1 << 20].to_vec();
            let found = look(&[divided(&volume, table, &here)]);
            assert!(
                !found.limits.iter().any(|limit| limit.contains("is left over")),
                "{name} {why} {:#?}",
                found.limits
            );
            // A GPT takes away what NTFS and exFAT need: that is told as it was.
            let there = read(&found).contains(&String::new());
            let told = found
                .limits
                .iter()
                .any(|limit| limit.contains(&format!("bears the mark of {name}, which cannot be read")));
            assert!(there || told, "{name} {table} {:#?}", found.limits);
        }
    }
}

#[test]
fn a_file_system_that_is_whole_is_read_beside_a_table_that_was_put_before_it() {
    let Some(fat) = fat() else { return };
    for (name, _, mut volume) in old() {
        let planted = divided(&volume, "mbr", &fat);
        // The table alone, and the checksum made to fit: where a file of it begins is somebody's choice.
        volume[440..512].copy_from_slice(&planted[440..512]);
        volume[2048 * SECTOR..][..fat.len()].copy_from_slice(&fat);
        match name {
            "an XFS file system" => {
                volume[224..228].fill(0);
                let sum = crate::crc32c::crc32c(u32::MAX, &volume[..512]);
                volume[224..228].copy_from_slice(&(!sum).to_le_bytes());
            }
            "an exFAT file system" => {
                let all =
                    volume[..11 * SECTOR].iter().enumerate().filter(|(at, _)| !matches!(at, 106 | 107 | 112));
                let sum = all.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add((*byte).into()));
                volume[11 * SECTOR..12 * SECTOR]
                    .chunks_mut(4)
                    .for_each(|to| to.copy_from_slice(&sum.to_le_bytes()));
            }
            _ => {}
        }
        let found = look(&[volume]);
        assert_eq!(read(&found), ["", "mbr:1"], "{name}: {:#?}", found.limits);
        says(&found, "the medium bears a file system and a partition table; both are read");
        // How much of each lies in the other, where the bitmap or the table of the whole tells.
        let told: Vec<&String> =
            found.limits.iter().filter(|limit| limit.contains(" beside the table counts ")).collect();
        assert_eq!(told.len(), usize::from(name != "an XFS file system"), "{name}: {:#?}", found.limits);
        let part = &found.sources[1];
        for told in told {
            let places = part.structures().len();
            assert!(told.starts_with(&format!("the medium: of {places} places where ")), "{told}");
            let number = |behind: &str, before: &str| -> usize {
                let rest = told.split(behind).nth(1).unwrap();
                rest.split(before).next().unwrap().parse().unwrap()
            };
            let (used, free) = (number(" counts ", " as in use"), number(" as in use and ", " as free"));
            assert_eq!(used + free, places, "{told}");
            assert_eq!(used > 0, told.contains("files of one hold bytes of the other"), "{told}");
        }
    }
}
