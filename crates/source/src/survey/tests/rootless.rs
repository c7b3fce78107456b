//! File systems of which not even the root is there: each is named, and can be preserved.

use super::*;
use crate::bytes::ReadFault;

/// Bytes of which some cannot be read.
pub(super) struct Failing(pub(super) Vec<u8>, pub(super) Range<u64>);

impl ByteSource for Failing {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let length = buf.len() as u64;
        if offset < self.1.end && self.1.start < offset + length {
            return Err(ReadFault { offset, length, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

const UUID: &str = "4b433037-2011-4316-8000-0000000000aa";

/// An ext4 file system with blocks of 1 KiB, and where its root inode stands; `None` without the tool.
fn ext() -> Option<(Vec<u8>, usize)> {
    let tool = crate::stack::tests::tool("mke2fs")?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ext.img");
    let arguments = ["-q", "-t", "ext4", "-b", "1024", "-U", UUID, path.to_str().unwrap(), "4M"];
    crate::stack::tests::run(&tool, &arguments).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let table = u32::from_le_bytes(bytes[2048 + 8..2048 + 12].try_into().unwrap()) as usize;
    let size = u16::from_le_bytes(bytes[1024 + 0x58..1024 + 0x5A].try_into().unwrap()) as usize;
    Some((bytes, table * 1024 + size))
}

fn check(disk: Vec<u8>, bad: Range<u64>, why: &str) {
    let found = survey(&[Arc::new(Failing(disk, bad)) as Arc<dyn ByteSource>], false);
    assert_eq!(read(&found), ["mbr:2"], "the other partition is read");
    let lost = found.unread.iter().find(|volume| volume.place == "mbr:1").unwrap();
    assert_eq!(lost.bytes.len(), 4 << 20);
    let layer = found.layers.iter().find(|layer| layer.place == "mbr:1").unwrap();
    assert!(matches!(&layer.state, LayerState::Unread(said) if said.contains(why)), "{layer:?}");
    assert!(found.sources.iter().all(|source| source.root().is_ok()));
    let (identified, mut medium) = (!lost.ids.is_empty(), Medium::default());
    let mut found = found;
    found.describe(&mut medium);
    // What its superblock said of it is known all the same, if that was read.
    let id = ("fsuuid".to_owned(), UUID.to_owned());
    assert_eq!(medium.ids.contains(&id), identified);
    let told: Vec<&str> = medium.cut_short().collect();
    assert_eq!(told.len(), 1, "{:#?}", medium.limits);
    assert!(told[0].starts_with("mbr:1: an ext2, ext3 or ext4 file system, not read:"), "{told:?}");
    assert!(told[0].contains(why), "{told:?}");
}

#[test]
fn a_file_system_whose_root_is_lost_is_a_volume_of_which_no_file_is_read() {
    let (Some((ext, root)), Some(fat)) = (ext(), fat()) else { return };
    let disk = |ext: &[u8]| partitioned(&[(64, ext), (16384, &fat)]);
    let at = (64 * SECTOR + root) as u64;
    check(disk(&ext), at..at + 1, "bad sector");
    let mut no_directory = ext.clone();
    no_directory[root + 1] = 0x81; // a regular file
    check(disk(&no_directory), 0..0, "the root is not a directory");
    let mut no_superblock = ext;
    no_superblock[1024 + 0x18] = 77; // blocks of 2^87 bytes
    check(disk(&no_superblock), 0..0, "damaged: ");
}

#[test]
fn a_bad_sector_at_the_end_makes_no_second_volume() {
    let Some(fat) = fat() else { return };
    let disk = partitioned(&[(64, &fat)]);
    let end = (64 * SECTOR + fat.len()) as u64;
    let found = survey(&[Arc::new(Failing(disk, end - 512..end)) as Arc<dyn ByteSource>], false);
    assert_eq!(read(&found), ["mbr:1"]);
    let layers: Vec<&str> =
        found.layers.iter().filter(|layer| layer.place == "mbr:1").map(|layer| layer.what.as_str()).collect();
    assert_eq!(layers, ["a FAT volume"], "once");
}
