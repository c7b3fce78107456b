//! What stands inside a volume, and in none of its structures; and what stands where a volume seems to be blank.

use super::*;

/// A file system made by a program in a file of `size` bytes, the program's last argument; `None` without it.
fn made(program: &str, arguments: &[&str], size: usize) -> Option<Vec<u8>> {
    let tool = crate::stack::tests::tool(program)?;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.img");
    std::fs::write(&path, vec![0; size]).unwrap();
    let arguments = [arguments, &[path.to_str().unwrap()]].concat();
    crate::stack::tests::run(&tool, &arguments).unwrap();
    Some(std::fs::read(&path).unwrap())
}

fn le32(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Nothing is hidden in `volume`; a byte at each of `hiding` is: it lies in the stretch that begins there.
fn check(volume: &[u8], hiding: &[(usize, usize)]) {
    let before = look(&[volume.to_vec()]);
    assert_eq!(read(&before), [""]);
    assert!(unread(&before).is_empty(), "{:?} {:#?}", unread(&before), before.limits);
    for (at, start) in hiding {
        let mut volume = volume.to_vec();
        assert_eq!(volume[*at], 0, "byte {at}");
        volume[*at] = b'H';
        // The first also in a partition.
        let mut disks = vec![(volume.clone(), String::new())];
        if *at == hiding[0].0 {
            disks.push((partitioned(&[(64, &volume)]), "mbr:1/".into()));
        }
        for (disk, place) in disks {
            let found = look(&[disk]);
            let stretch = format!("{place}between:{start}");
            assert_eq!(unread(&found), std::slice::from_ref(&stretch), "byte {at}: {:#?}", found.limits);
            says(&found, &format!("{stretch}, "));
            says(&found, &format!("the first that is not zero is byte {}", at - start));
            let mut held = [0];
            found.unread[0].bytes.read_exact_at((at - start) as u64, &mut held).unwrap();
            assert_eq!(held, *b"H", "it can be preserved");
            assert_eq!(read(&found), [place.trim_end_matches('/')], "and the volume is read");
        }
    }
}

#[test]
fn what_is_hidden_around_the_tables_of_fat_is_named() {
    for (width, sectors, size) in [("12", "8", 8 << 20), ("32", "1", 36 << 20)] {
        let arguments = ["-F", width, "-R", "64", "-s", sectors, "-i", "0a0b0c0d"];
        let Some(volume) = made("mkfs.fat", &arguments, size) else { return };
        let short = u16::from_le_bytes([volume[22], volume[23]]) as usize;
        let table = SECTOR * if width == "12" { short } else { le32(&volume, 36) };
        let reserved = 64 * SECTOR;
        let root = u16::from_le_bytes([volume[17], volume[18]]) as usize * 32;
        let cluster = volume[13] as usize * SECTOR;
        let heap = reserved + 2 * table + root;
        let count = (volume.len() - heap) / cluster;
        let used = ((count + 2) * if width == "12" { 12 } else { 32 }).div_ceil(8);
        let mut hiding = vec![(20 * SECTOR + 7, 0), (reserved - 1, 0), (SECTOR * 3, 0)];
        for copy in [reserved, reserved + table] {
            assert!(used < table, "{used} of {table}");
            hiding.push((copy + table - 1, copy + used));
        }
        if heap + count * cluster < volume.len() {
            hiding.push((volume.len() - 1, heap + count * cluster));
        }
        check(&volume, &hiding);
    }
}

#[test]
fn what_is_hidden_around_the_tables_of_exfat_is_named() {
    let Some(volume) = made("mkfs.exfat", &["-c", "4096"], 16 << 20) else { return };
    let (fat, length) = (le32(&volume, 80) * SECTOR, le32(&volume, 84) * SECTOR);
    let (heap, count) = (le32(&volume, 88) * SECTOR, le32(&volume, 92));
    let used = fat + (count + 2) * 4;
    let mut hiding = vec![(24 * SECTOR + 3, 0), (fat - 1, 0)];
    for (at, start) in [(fat + length - 1, used), (heap - 1, fat + length)] {
        if at >= start {
            hiding.push((at, start));
        }
    }
    check(&volume, &hiding);
}

#[test]
fn what_is_hidden_before_the_first_structure_is_named() {
    if let Some(volume) = made("mke2fs", &["-q", "-t", "ext4", "-b", "1024"], 4 << 20) {
        check(&volume, &[(0, 0), (1023, 0)]);
    }
    if let Some(volume) = made("mke2fs", &["-q", "-t", "ext4", "-b", "4096"], 4 << 20) {
        check(&volume, &[(1023, 0), (2048, 2048), (4095, 2048)]);
    }
    if let Some(volume) = made("mkfs.btrfs", &["-q"], 128 << 20) {
        check(&volume, &[(65535, 0)]);
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, image) = (folder.path().join("tree"), folder.path().join("made.iso"));
    std::fs::create_dir(&tree).unwrap();
    std::fs::write(tree.join("file"), "content").unwrap();
    let Some(tool) = crate::stack::tests::tool("genisoimage") else { return };
    let arguments = ["-quiet", "-R", "-o", image.to_str().unwrap(), tree.to_str().unwrap()];
    crate::stack::tests::run(&tool, &arguments).unwrap();
    check(&std::fs::read(image).unwrap(), &[(7, 0), (32767, 0)]);
}

#[test]
fn of_two_file_systems_at_one_place_nothing_between_is_preserved() {
    let Some(ext) = made("mke2fs", &["-q", "-t", "ext4", "-b", "1024"], 4 << 20) else { return };
    let Some(iso) = made("mkfs.fat", &["-F", "12", "-R", "8192"], 8 << 20) else { return };
    let mut both = iso;
    both[1024..ext.len()].copy_from_slice(&ext[1024..]);
    let found = look(&[both]);
    assert_eq!(read(&found).len(), 2);
    assert!(unread(&found).is_empty(), "files of one are bytes of the other: {:?}", unread(&found));
    says(&found, "with several file systems at one place, what none of them uses is not looked at");
}

#[test]
fn a_table_over_a_file_system_hides_nothing_in_it() {
    // A partition that begins where the file system does is read as that alone: no gap, and no volume.
    let Some(mut volume) = made("mkfs.fat", &["-F", "12", "-R", "64"], 8 << 20) else { return };
    let sectors = volume.len() / SECTOR;
    let table = gpt(&[(0, sectors - 2)], sectors);
    volume[SECTOR..3 * SECTOR].copy_from_slice(&table[SECTOR..3 * SECTOR]);
    volume[446..510].copy_from_slice(&table[446..510]);
    volume[40 * SECTOR] = b'H';
    let found = look(&[volume]);
    assert_eq!(read(&found), [""]);
    says(&found, "gpt:1 begins where the file system does");
    assert!(unread(&found).contains(&"between:0".to_owned()), "{:?} {:#?}", unread(&found), found.limits);
}

#[test]
fn a_volume_whose_marks_were_wiped_is_not_blank() {
    let state = |disk: Vec<u8>| {
        let found = look(&[disk]);
        let layer = found.layers.iter().find(|layer| layer.place == "mbr:1").unwrap().clone();
        (found, layer)
    };
    let mut volume = vec![0; 3 << 20];
    let (found, layer) = state(partitioned(&[(64, &volume)]));
    assert_eq!((layer.state, layer.what.as_str()), (LayerState::Blank, "blank: every byte is zero"));
    assert_eq!(unread(&found), ["mbr:1"]);

    volume[2_000_000] = 1;
    let (found, layer) = state(partitioned(&[(64, &volume)]));
    assert!(matches!(&layer.state, LayerState::Unread(why) if why.contains("byte 2000000;")), "{layer:?}");
    says(
        &found,
        "mbr:1, 3145728 bytes: zeros where signatures stand, and other bytes behind; no file of it is read",
    );
    assert_eq!(unread(&found), ["mbr:1"], "it can be preserved");

    volume[1 << 20..][..6].copy_from_slice(b"LUKS\xBA\xBE");
    let (found, layer) = state(partitioned(&[(64, &volume)]));
    assert!(matches!(&layer.state, LayerState::Unread(why) if why.contains("cryptsetup")), "{layer:?}");
    says(&found, "the mark of a LUKS-encrypted volume at byte 1048576");
}

/// Zeros that cost no memory.
struct Zeros(u64);

impl ByteSource for Zeros {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, _: u64, buf: &mut [u8]) -> Result<usize, crate::bytes::ReadFault> {
        buf.fill(0);
        Ok(buf.len())
    }
}

#[test]
fn how_far_a_large_volume_was_looked_at_is_told() {
    let found = survey(&[Arc::new(Zeros(1 << 30)) as Arc<dyn ByteSource>], false);
    assert_eq!(found.layers[0].what, "blank in every place that was looked at");
    says(&found, "the medium: of its 1073741824 bytes, the first 67108864, the last 1048576 and 1024 blocks");
}

#[test]
fn a_volume_that_many_partitions_have_is_read_once() {
    let Some(fat) = fat() else { return };
    let (first, sectors) = (64, fat.len() / SECTOR);
    let last = first + sectors - 1;
    let all = first + sectors + 40;
    // The first partition is the whole disk, with this very table in it; two others are one volume.
    let mut disk = gpt(&[(0, all - 1), (first, last), (first, last), (first, last)], all);
    disk[first * SECTOR..][..fat.len()].copy_from_slice(&fat);
    let found = look(&[disk]);
    assert_eq!(read(&found), ["gpt:2"]);
    says(&found, "gpt:1: the same bytes as the medium, read as that alone");
    says(&found, "gpt:3: the same bytes as gpt:2, read as that alone");
    says(&found, "gpt:4: the same bytes as gpt:2, read as that alone");
    assert!(!unread(&found).iter().any(|place| place.contains("gpt:3") || place.contains("gpt:4")));
}

#[test]
fn a_member_that_is_the_whole_medium_has_a_place_in_the_sentence() {
    let mut member = Array { size: 30, ..Array::default() }.member(0, &[7; 30 * SECTOR]);
    member.truncate(84 * SECTOR);
    says(&look(&[member]), "the member at the medium itself ends at byte 43008");
}
