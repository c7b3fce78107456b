//! Which identities are the medium's, and which are those of what lies within it.

use super::*;
use crate::medium::Within;

/// A disk of one partition with this number in its MBR.
fn numbered(number: u8, start: usize, bytes: &[u8]) -> Vec<u8> {
    let mut disk = partitioned(&[(start, bytes)]);
    disk[440..444].copy_from_slice(&[number; 4]);
    disk
}

/// The identities of a medium but those of file systems, and those of what lies within it.
fn ids(disks: &[Vec<u8>]) -> (Vec<String>, Vec<String>) {
    let (mut found, mut medium) = (look(disks), Medium::default());
    found.describe(&mut medium);
    let own = medium.ids.iter().filter(|(kind, _)| kind != "fsuuid");
    let within = medium.within.iter();
    (
        own.map(|(kind, value)| format!("{kind} {value}")).collect(),
        within.map(|Within { place, kind, value }| format!("{place}: {kind} {value}")).collect(),
    )
}

const ARRAY: &str = "md_uuid 30313233:34353637:38396162:63646566";

#[test]
fn a_table_within_a_partition_or_a_logical_volume_is_not_the_mediums() {
    let guest = numbered(0x22, 1, &[7; 4 * SECTOR]);
    let (own, within) = ids(&[numbered(0x11, 64, &guest)]);
    assert_eq!(own, ["mbr_signature 11111111"]);
    assert_eq!(within, ["mbr:1: mbr_signature 22222222"]);
    let host = lvm::beginning_with(&guest);
    for (host, at) in [(host.clone(), ""), (numbered(0x11, 64, &host), "mbr:1")] {
        let (own, within) = ids(&[host]);
        assert!(own.iter().any(|id| id.starts_with("vg_uuid ")), "the group stands on {at:?}: {own:?}");
        assert!(own.iter().all(|id| !id.contains("22222222")), "{own:?}");
        assert!(within.len() == 1 && within[0].starts_with("lvm:"), "{within:?}");
        assert!(within[0].ends_with(": mbr_signature 22222222"), "{within:?}");
    }
}

#[test]
fn what_whole_drives_make_up_is_as_a_drive_and_what_partitions_make_up_is_not() {
    let disk = numbered(0x22, 64, &[7; 4 * SECTOR]);
    let array = Array { size: (disk.len() / SECTOR) as u64, ..Array::default() };
    let members = [array.member(0, &disk), array.member(1, &disk)];
    let (own, within) = ids(&members);
    assert_eq!(own, ["mbr_signature 22222222", ARRAY]);
    assert!(within.is_empty(), "{within:?}");
    let (own, within) = ids(&members.map(|member| numbered(0x11, 64, &member)));
    assert_eq!(own, ["mbr_signature 11111111", ARRAY], "an array on partitions identifies the drives");
    assert_eq!(within, [format!("{MD}: mbr_signature 22222222")]);
}

#[test]
fn an_array_or_a_group_within_a_volume_is_not_the_mediums() {
    let [group, _] = lvm::pair();
    let (own, within) = ids(&[numbered(0x11, 64, &numbered(0x22, 64, &group))]);
    assert_eq!(own, ["mbr_signature 11111111"]);
    assert_eq!(within[0], "mbr:1: mbr_signature 22222222");
    assert!(within[1].starts_with("mbr:1/mbr:1: vg_uuid "), "{within:?}");
}

#[test]
fn a_spare_a_faulty_drive_and_a_journal_show_no_array() {
    let member = |roles: &[u16]| {
        let array = Array { size: 64, roles: roles.to_vec(), ..Array::default() };
        numbered(0x11, 64, &array.member(0, &[7; 64 * SECTOR]))
    };
    let shows = |roles: &[u16]| ids(&[member(roles)]).0.contains(&ARRAY.to_owned());
    assert!(shows(&[0, 1]) && shows(&[1, 0]), "one drive of a mirror shows it");
    for role in [0xFFFF, 0xFFFE, 0xFFFD] {
        assert!(!shows(&[role, 0, 1]), "{role:#x}");
    }
}
