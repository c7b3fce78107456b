//! What some bytes are: file systems, partition tables, containers, by their signatures.
//!
//! What is recognised and not read is named, with a next step. Reading it as
//! something else would be worse than not reading it.

use crate::bytes::{ByteSource, ReadFault};

/// What a medium seems to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Something known: its name, and what to do now where it is not read.
    Known(&'static str, &'static str),
    /// Nothing but zeros where signatures stand.
    Blank,
    /// Something without a signature that this version knows.
    Unknown,
}

/// Looks at the signatures in `bytes`.
///
/// # Errors
///
/// [`ReadFault`] where the beginning cannot be read.
pub fn probe(bytes: &dyn ByteSource) -> Result<Probe, ReadFault> {
    let head = head(bytes)?;
    let (tail, far) = behind(bytes);
    if far == VMFS {
        return Ok(Probe::Known(VMFS_NAME, OTHER));
    }
    let mut known = SIGNATURES.iter().filter(|signature| signature.fits(&head, &tail));
    Ok(match known.next() {
        Some(signature) => Probe::Known(signature.name, signature.next),
        None if head.iter().chain(&tail).all(|byte| *byte == 0) => Probe::Blank,
        None => Probe::Unknown,
    })
}

/// Every mark of something known in `bytes`, with what to do now; those of partition tables are left out.
///
/// # Errors
///
/// [`ReadFault`] where the beginning cannot be read.
pub(crate) fn marks(bytes: &dyn ByteSource) -> Result<Vec<(&'static str, &'static str)>, ReadFault> {
    let head = head(bytes)?;
    let (tail, far) = behind(bytes);
    let known = SIGNATURES.iter().filter(|signature| signature.fits(&head, &tail));
    let mut marks: Vec<_> = known
        .filter(|signature| !matches!(signature.name, MBR | GPT))
        .map(|signature| (signature.name, signature.next))
        .collect();
    if far == VMFS {
        marks.push((VMFS_NAME, OTHER));
    }
    marks.sort_unstable();
    marks.dedup();
    Ok(marks)
}

/// The bytes of the marks that stand elsewhere. Where they cannot be read there is no mark; the medium's own list says that
/// they could not, and what can be read at the beginning counts all the same.
fn behind(bytes: &dyn ByteSource) -> (Vec<u8>, Vec<u8>) {
    let read = |at, length| read(bytes, at, length).unwrap_or_default();
    (read(bytes.len().saturating_sub(TAIL), TAIL), read(FAR, VMFS.len() as u64))
}

/// What the first bytes of a file say that is a volume by itself; marks of containers and those that stand anywhere by chance are left out.
pub(crate) fn volume(head: &[u8]) -> Option<&'static str> {
    let of_file = |signature: &Signature| [CONVERT, EXPORT, UNPACK].contains(&signature.next);
    let mut known = SIGNATURES.iter().filter(|signature| signature.fits(head, &[]));
    known.find(|signature| signature.magic.len() >= 4 && !of_file(signature)).map(|signature| signature.name)
}

/// Whether a mark is that of a member of a stack.
pub(crate) fn is_of_member(name: &str) -> bool {
    matches!(name, LVM | RAID)
}

/// The bytes in which the marks of file systems and partition tables stand. Where a sector of them cannot be read, [`NO_MARK`] is
/// in its place: a file's bad sector near the beginning hides no file system.
///
/// # Errors
///
/// [`ReadFault`] where none of them can be read.
pub(crate) fn head(bytes: &dyn ByteSource) -> Result<Vec<u8>, ReadFault> {
    let fault = match read(bytes, 0, HEAD) {
        Ok(head) => return Ok(head),
        Err(fault) => fault,
    };
    let mut head = vec![NO_MARK; usize::try_from(HEAD.min(bytes.len())).unwrap_or(0)];
    let mut given = false;
    for (at, sector) in (0_u64..).step_by(SECTOR).zip(head.chunks_mut(SECTOR)) {
        match bytes.read_exact_at(at, sector) {
            Ok(()) => given = true,
            Err(_) => sector.fill(NO_MARK),
        }
    }
    if given { Ok(head) } else { Err(fault) }
}

/// In no mark, and not the zero of what is blank.
const NO_MARK: u8 = 0xDB;
/// The unit in which what cannot be read is told from what can.
const SECTOR: usize = 512;

/// Whether a signature's name and a file system's are of one thing.
pub(crate) fn is_name_of(signature: &str, file_system: &str) -> bool {
    // A boot sector's mark says nothing against a file system.
    let core = signature.trim_start_matches("an ").trim_start_matches("a ");
    let core = core.trim_end_matches(" volume").trim_end_matches(" image");
    let core = if core.starts_with("FAT") { "FAT" } else { core };
    signature == MBR || file_system.contains(core)
}

fn read(bytes: &dyn ByteSource, at: u64, length: u64) -> Result<Vec<u8>, ReadFault> {
    let length = length.min(bytes.len().saturating_sub(at));
    let mut buf = vec![0; usize::try_from(length).unwrap_or(0)];
    bytes.read_exact_at(at, &mut buf)?;
    Ok(buf)
}

struct Signature {
    at: At,
    magic: &'static [u8],
    name: &'static str,
    next: &'static str,
}

enum At {
    Head(usize),
    Tail,
}

impl Signature {
    fn fits(&self, head: &[u8], tail: &[u8]) -> bool {
        match self.at {
            At::Head(at) => head.get(at..).is_some_and(|rest| rest.starts_with(self.magic)),
            At::Tail => tail.starts_with(self.magic),
        }
    }
}

/// Enough for every signature of the table: the farthest, btrfs's, stands at 64 KiB.
pub(crate) const HEAD: u64 = 68 << 10;
/// Containers that end in their header end in 512 bytes.
const TAIL: u64 = 512;

/// Where VMFS has its mark, far behind all others.
const FAR: u64 = 1 << 20;
const VMFS: &[u8] = b"\x0D\xD0\x01\xC0";
const VMFS_NAME: &str = "a VMFS volume";

const LVM: &str = "an LVM physical volume";
const RAID: &str = "a member of a Linux RAID";
pub(crate) const MBR: &str = "a disk with an MBR partition table";
pub(crate) const GPT: &str = "a disk with a GPT partition table";

const MOUNT: &str = "Mount it read only and open the mounted directory";
const PARTITION: &str = "Open one partition: attach the image read only (losetup --read-only --partscan) and open its partition device";
const CONVERT: &str = "Convert it to a raw image (qemu-img convert -O raw) and record the digests of both";
const EXPORT: &str = "Export it as a raw image (ewfexport -f raw) and compare its digest with the stored one";
const UNPACK: &str = "Decompress it and record the digests of both";
const UNLOCK: &str = "Unlock it read only (cryptsetup open --readonly) and open the mapped device";
const ACTIVATE: &str = "Activate it read only and open the logical device";
const OTHER: &str = "Examine it with a tool that reads it";

const fn at_head(at: usize, magic: &'static [u8], name: &'static str, next: &'static str) -> Signature {
    Signature { at: At::Head(at), magic, name, next }
}

const fn tail(magic: &'static [u8], name: &'static str, next: &'static str) -> Signature {
    Signature { at: At::Tail, magic, name, next }
}

/// The first that fits names the medium: containers, then file systems, then marks that many things share.
const SIGNATURES: &[Signature] = &[
    at_head(0, b"EVF\x09\x0D\x0A\xFF\x00", "an EnCase image (E01)", EXPORT),
    at_head(0, b"EVF2\x0D\x0A\x81\x00", "an EnCase image (Ex01)", EXPORT),
    at_head(0, b"LVF\x09\x0D\x0A\xFF\x00", "an EnCase logical image (L01)", EXPORT),
    at_head(0, b"AFF10", "an AFF image", EXPORT),
    at_head(0, b"QFI\xFB", "a QCOW2 disk", CONVERT),
    at_head(0, b"KDMV", "a VMDK disk", CONVERT),
    at_head(0, b"COWD", "a VMDK disk", CONVERT),
    at_head(0, b"# Disk DescriptorFile", "a VMDK descriptor", CONVERT),
    at_head(0, b"vhdxfile", "a VHDX disk", CONVERT),
    at_head(0, b"conectix", "a VHD disk", CONVERT),
    at_head(0x40, b"\x7F\x10\xDA\xBE", "a VirtualBox disk (VDI)", CONVERT),
    at_head(0, b"QED\0", "a QED disk", CONVERT),
    at_head(0, b"WithoutFreeSpace", "a Parallels disk", CONVERT),
    at_head(0, b"WithouFreSpacExt", "a Parallels disk", CONVERT),
    at_head(0, b"\x1F\x8B", "a gzip-compressed file", UNPACK),
    at_head(0, b"\xFD7zXZ\x00", "an xz-compressed file", UNPACK),
    at_head(0, b"BZh", "a bzip2-compressed file", UNPACK),
    at_head(0, b"\x28\xB5\x2F\xFD", "a zstd-compressed file", UNPACK),
    at_head(0, b"\x04\x22\x4D\x18", "an lz4-compressed file", UNPACK),
    at_head(0, b"7z\xBC\xAF\x27\x1C", "a 7z archive", UNPACK),
    at_head(0, b"PK\x03\x04", "a zip archive or an AFF4 image", UNPACK),
    at_head(257, b"ustar", "a tar archive", UNPACK),
    at_head(0, b"LUKS\xBA\xBE", "a LUKS-encrypted volume", UNLOCK),
    at_head(
        3,
        b"-FVE-FS-",
        "a BitLocker-encrypted volume",
        "Unlock it read only (cryptsetup bitlkOpen --readonly) and open the mapped device",
    ),
    at_head(0x200, b"LABELONE", LVM, ACTIVATE),
    at_head(0, b"LABELONE", LVM, ACTIVATE),
    at_head(0x1000, b"\xFC\x4E\x2B\xA9", RAID, ACTIVATE),
    at_head(0, b"\xFC\x4E\x2B\xA9", RAID, ACTIVATE),
    // The first pair of a ZFS label's list, which stands 16 KiB into the device.
    at_head(0x4018, b"version\0", "a ZFS member", OTHER),
    at_head(3, b"NTFS    ", "an NTFS volume", MOUNT),
    at_head(3, b"EXFAT   ", "an exFAT volume", MOUNT),
    at_head(3, b"ReFS\x00", "a ReFS volume", OTHER),
    at_head(0, b"XFSB", "an XFS volume", MOUNT),
    at_head(0x1_0040, b"_BHRfS_M", "a btrfs volume", MOUNT),
    at_head(32, b"NXSB", "an APFS container", OTHER),
    at_head(1024, b"H+", "an HFS+ volume", MOUNT),
    at_head(1024, b"HX", "an HFSX volume", MOUNT),
    at_head(1024, b"BD", "an HFS volume", MOUNT),
    at_head(1024, b"\x10\x20\xF5\xF2", "an F2FS volume", MOUNT),
    at_head(1024, b"\xE2\xE1\xF5\xE0", "an EROFS image", MOUNT),
    at_head(0, b"\xCE\xFA\xAD\x1B", "a BFS volume (SCO UnixWare)", MOUNT),
    at_head(544, b"1SFB", "a BFS volume (BeOS, Haiku)", MOUNT),
    at_head(1024, b"\xF5\xFC\x01\xA5", "a VxFS volume", OTHER),
    at_head(0x1018, b"\xC6\x85\x73\xF6", "a bcachefs volume", MOUNT),
    at_head(0x1_0000, b"\x01\x16\x19\x70", "a GFS2 volume", MOUNT),
    at_head(0, b"hsqs", "a squashfs image", MOUNT),
    at_head(0x8000, b"JFS1", "a JFS volume", MOUNT),
    at_head(0x1_0034, b"ReIsEr", "a ReiserFS volume", MOUNT),
    at_head(0x2000 + 0x55C, b"\x54\x19\x01\x00", "a UFS volume", MOUNT),
    at_head(0x1_0000 + 0x55C, b"\x19\x01\x54\x19", "a UFS2 volume", MOUNT),
    at_head(0xFF6, b"SWAPSPACE2", "a Linux swap area", OTHER),
    at_head(0x8001, b"CD001", "an ISO 9660 image", MOUNT),
    at_head(0x8001, b"BEA01", "a UDF volume", MOUNT),
    at_head(82, b"FAT32   ", "a FAT32 volume", MOUNT),
    at_head(54, b"FAT16   ", "a FAT16 volume", MOUNT),
    at_head(54, b"FAT12   ", "a FAT12 volume", MOUNT),
    at_head(54, b"FAT     ", "a FAT volume", MOUNT),
    at_head(512, b"EFI PART", GPT, PARTITION),
    at_head(4096, b"EFI PART", GPT, PARTITION),
    at_head(512, b"PM\x00\x00", "a disk with an Apple partition map", PARTITION),
    tail(b"conectix", "a VHD disk", CONVERT),
    tail(b"koly", "an Apple disk image (DMG)", OTHER),
    at_head(510, b"\x55\xAA", MBR, PARTITION),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_names_its_medium() {
        for signature in SIGNATURES {
            let mut image = vec![0xA5; 1 << 17];
            let at = match signature.at {
                At::Head(at) => at,
                At::Tail => image.len() - 512,
            };
            image[at..at + signature.magic.len()].copy_from_slice(signature.magic);
            assert_eq!(probe(&image).unwrap(), Probe::Known(signature.name, signature.next));
        }
    }

    #[test]
    fn a_mark_far_behind_the_others_is_found() {
        let mut image = vec![0; 2 << 20];
        image[1 << 20..][..4].copy_from_slice(VMFS);
        assert_eq!(probe(&image).unwrap(), Probe::Known("a VMFS volume", OTHER));
    }

    #[test]
    fn what_is_not_known_is_not_named() {
        let check = |image: Vec<u8>, expect| assert_eq!(probe(&image).unwrap(), expect);
        check(Vec::new(), Probe::Blank);
        check(vec![0; 70000], Probe::Blank);
        check(vec![0xA5; 70000], Probe::Unknown);
        check(b"hello".to_vec(), Probe::Unknown);
    }
}
