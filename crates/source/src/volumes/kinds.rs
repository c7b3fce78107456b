//! What partition tables say their partitions are for, in words.
//!
//! Sources: UEFI Specification 2.10, table 5.7; UAPI Group, "Discoverable Partitions Specification"; A. Brouwer, "List of partition identifiers for PCs".

/// A GUID as text in lower case: the first three groups are little-endian on the disk.
pub(super) fn guid(bytes: &[u8], at: usize) -> Option<String> {
    let raw: &[u8; 16] = bytes.get(at..)?.first_chunk()?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut text = String::with_capacity(36);
    for (place, index) in order.into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", raw.get(index)?));
    }
    Some(text)
}

/// A GPT type in words, or its GUID.
pub(super) fn gpt_kind(guid: String) -> String {
    GPT.iter().find(|(known, _)| *known == guid).map_or(guid, |(_, words)| (*words).to_owned())
}

/// An MBR type in words, or `type 0x..`.
pub(super) fn mbr_kind(kind: u8) -> String {
    MBR.iter()
        .find(|(known, _)| *known == kind)
        .map_or(format!("type {kind:#04x}"), |(_, words)| (*words).to_owned())
}

const MBR: &[(u8, &str)] = &[
    (0x01, "FAT12"),
    (0x04, "FAT16"),
    (0x06, "FAT16"),
    (0x07, "NTFS or exFAT"),
    (0x0B, "FAT32"),
    (0x0C, "FAT32"),
    (0x0E, "FAT16"),
    (0x11, "hidden FAT12"),
    (0x14, "hidden FAT16"),
    (0x16, "hidden FAT16"),
    (0x17, "hidden NTFS or exFAT"),
    (0x1B, "hidden FAT32"),
    (0x1C, "hidden FAT32"),
    (0x1E, "hidden FAT16"),
    (0x27, "Windows recovery"),
    (0x42, "Windows dynamic disk"),
    (0x82, "Linux swap"),
    (0x83, "Linux"),
    (0x8E, "Linux LVM"),
    (0xA5, "FreeBSD"),
    (0xA6, "OpenBSD"),
    (0xA9, "NetBSD"),
    (0xAF, "HFS or HFS+"),
    (0xBF, "Solaris"),
    (0xEF, "EFI system"),
    (0xFD, "Linux RAID"),
];

const GPT: &[(&str, &str)] = &[
    ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system"),
    ("21686148-6449-6e6f-744e-656564454649", "BIOS boot"),
    ("e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved"),
    ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Microsoft basic data"),
    ("de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery"),
    ("5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "Windows dynamic disk metadata"),
    ("af9b60a0-1431-4f62-bc68-3311714a69ad", "Windows dynamic disk data"),
    ("e75caf8f-f680-4cee-afa3-b001e56efc2d", "Windows Storage Spaces"),
    ("0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux"),
    ("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap"),
    ("e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM"),
    ("a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID"),
    ("bc13c2ff-59e6-4262-a352-b275fd6f7172", "Linux extended boot"),
    ("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "Linux root (x86-64)"),
    ("b921b045-1df0-41c3-af44-4c6f280d3fae", "Linux root (ARM64)"),
    ("933ac7e1-2eb4-4f13-b844-0e14e2aef915", "Linux home"),
    ("3b8f8425-20e0-4f3b-907f-1a25a76f98e8", "Linux server data"),
    ("4d21b016-b534-45c2-a9fb-5c16e091fd2d", "Linux variable data"),
    ("ca7d7ccb-63ed-4c53-861c-1742536059cc", "LUKS"),
    ("48465300-0000-11aa-aa11-00306543ecac", "HFS or HFS+"),
    ("7c3457ef-0000-11aa-aa11-00306543ecac", "APFS"),
    ("426f6f74-0000-11aa-aa11-00306543ecac", "Apple boot"),
    ("53746f72-6167-11aa-aa11-00306543ecac", "Apple Core Storage"),
    ("516e7cb4-6ecf-11d6-8ff8-00022d09712b", "FreeBSD"),
    ("516e7cb5-6ecf-11d6-8ff8-00022d09712b", "FreeBSD swap"),
    ("516e7cb6-6ecf-11d6-8ff8-00022d09712b", "FreeBSD UFS"),
    ("516e7cba-6ecf-11d6-8ff8-00022d09712b", "FreeBSD ZFS"),
    ("6a898cc3-1dd2-11b2-99a6-080020736631", "Solaris or ZFS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_words() {
        let linux =
            [0xAF, 0x3D, 0xC6, 0x0F, 0x83, 0x84, 0x72, 0x47, 0x8E, 0x79, 0x3D, 0x69, 0xD8, 0x47, 0x7D, 0xE4];
        assert_eq!(gpt_kind(guid(&linux, 0).unwrap()), "Linux");
        assert_eq!(gpt_kind("00".into()), "00");
        assert_eq!((mbr_kind(7), mbr_kind(0x12)), ("NTFS or exFAT".into(), "type 0x12".into()));
    }
}
