//! Partition tables made by sfdisk and sgdisk, compared with what sfdisk and mmls say of them; and damaged ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{noise, run};
use source::{ByteSource, Partition, ReadFault, VolumeMap, volumes};

const MIB: u64 = 1 << 20;

/// Whether the tools are there. Without them a comparison is not made, and that is said; in CI it is a failure.
fn tools(names: &[&str]) -> bool {
    for name in names {
        let found =
            ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|path| Path::new(path).join(name).exists());
        if !found {
            assert!(std::env::var_os("CI").is_none(), "{name} is not installed");
            eprintln!("{name} is not installed: its comparison was NOT made");
            return false;
        }
    }
    true
}

/// Speaks to fdisk, which alone takes a sector size for a file.
fn fdisk(path: &Path, sector: u32, commands: &str) {
    let mut child = Command::new("/usr/sbin/fdisk")
        .args(["-b", &sector.to_string()])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(commands.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// An empty disk of `size` bytes, divided as the sfdisk script says.
fn disk(folder: &Path, name: &str, size: u64, sector: u32, script: &str) -> PathBuf {
    let (path, commands) = (folder.join(name), folder.join("script"));
    fs::File::create(&path).unwrap().set_len(size).unwrap();
    fs::write(&commands, script).unwrap();
    fdisk(&path, sector, &format!("I\n{}\nw\n", commands.to_str().unwrap()));
    path
}

/// What is compared of a partition: number, start and length in sectors, and its GUID.
type Row = (u32, u64, u64, Option<String>);

fn rows(map: &VolumeMap, sector: u64) -> Vec<Row> {
    let row = |part: &Partition| (part.number, part.start / sector, part.length / sector, part.guid.clone());
    map.partitions.iter().map(row).collect()
}

/// What sfdisk says, and the disk's GUID. Extended partitions are left out.
fn sfdisk(path: &Path, sector: u32) -> (Vec<Row>, Option<String>) {
    let text = if sector == 512 {
        run("sfdisk", &["--dump", path.to_str().unwrap()])
    } else {
        let dump = path.with_extension("dump");
        fdisk(path, sector, &format!("O\n{}\nq\n", dump.to_str().unwrap()));
        fs::read(dump).unwrap()
    };
    let text = String::from_utf8(text).unwrap();
    let guid = text.lines().find_map(|line| line.strip_prefix("label-id: ")).map(str::to_lowercase);
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| line.starts_with(path.to_str().unwrap())) {
        let (name, fields) = line.split_once(" : ").unwrap();
        let pairs = fields.split(',').filter_map(|field| field.split_once('='));
        let fields: BTreeMap<&str, &str> = pairs.map(|(name, value)| (name.trim(), value.trim())).collect();
        if !["5", "f", "85"].contains(&fields["type"]) {
            let number = name.trim().rsplit("img").next().unwrap().parse().unwrap();
            let number_of = |name| fields[name].parse::<u64>().unwrap();
            rows.push((
                number,
                number_of("start"),
                number_of("size"),
                fields.get("uuid").map(|id| id.to_lowercase()),
            ));
        }
    }
    rows.sort_by_key(|row| row.1);
    (rows, guid.filter(|guid| guid.len() == 36))
}

/// Starts and lengths of what mmls says is allocated.
fn mmls(path: &Path, sector: u32) -> Vec<(u64, u64)> {
    let text = String::from_utf8(run("mmls", &["-b", &sector.to_string(), path.to_str().unwrap()])).unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let slot = fields.get(1).is_some_and(|slot| slot.starts_with(|first: char| first.is_ascii_digit()));
        if let (true, Some(start), Some(length)) = (slot, fields.get(2), fields.get(4)) {
            found.push((start.parse().unwrap(), length.parse().unwrap()));
        }
    }
    found
}

/// Partitions and gaps cover the disk once where there are no warnings.
fn covers(map: &VolumeMap, len: u64) {
    let mut ranges: Vec<(u64, u64)> = map.partitions.iter().map(|part| (part.start, part.length)).collect();
    ranges.extend(&map.gaps);
    ranges.sort_unstable();
    let end = ranges.iter().fold(0, |end, (start, length)| {
        assert_eq!(end, *start);
        start + length
    });
    assert_eq!(end, len);
}

fn compare(path: &Path, sector: u32, scheme: &str, with_mmls: bool) -> VolumeMap {
    let image = fs::read(path).unwrap();
    let map = if scheme == "mbr" { volumes(&Sectors(image, sector)) } else { volumes(&image) }.unwrap();
    let (expect, guid) = sfdisk(path, sector);
    assert_eq!(rows(&map, sector.into()), expect);
    assert_eq!((map.scheme.as_str(), map.sector_size, &map.guid), (scheme, sector, &guid));
    assert_eq!(map.warnings, Vec::<String>::new());
    covers(&map, fs::metadata(path).unwrap().len());
    if with_mmls {
        let ours: Vec<(u64, u64)> = expect.iter().map(|row| (row.1, row.2)).collect();
        assert_eq!(mmls(path, sector), ours);
    }
    map
}

/// An image that is read in sectors of a size.
struct Sectors(Vec<u8>, u32);

impl ByteSource for Sectors {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        self.0.read_at(offset, buf)
    }

    fn sector_size(&self) -> u32 {
        self.1
    }
}

const GPT: &str = "label: gpt\nsize=1MiB,type=uefi\nstart=5MiB,size=2MiB,type=linux\nstart=3MiB,size=1MiB,type=raid\ntype=lvm\n";
const MBR: &str = "label: dos\nsize=1MiB,type=c,bootable\nsize=2MiB,type=83\nstart=5MiB,type=f\n\
                   start=6MiB,size=1MiB,type=83\nstart=8MiB,size=1MiB,type=8e\nstart=11MiB,type=7\n";

#[test]
fn tables_are_read_as_sfdisk_and_mmls_read_them() {
    if !tools(&["fdisk", "sfdisk", "mmls"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let map = compare(&disk(folder.path(), "gpt.img", 16 * MIB, 512, GPT), 512, "gpt", true);
    let kinds: Vec<&str> = map.partitions.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["EFI system", "Linux RAID", "Linux", "Linux LVM"]);
    assert_eq!(map.partitions.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3, 2, 4]);
    assert_eq!(map.gaps[0], (0, MIB));
    compare(&disk(folder.path(), "gpt4k.img", 16 * MIB, 4096, GPT), 4096, "gpt", false);
    let map = compare(&disk(folder.path(), "mbr.img", 16 * MIB, 512, MBR), 512, "mbr", true);
    let numbers: Vec<u32> = map.partitions.iter().map(|part| part.number).collect();
    assert_eq!(numbers, [1, 2, 5, 6, 7]);
    let kinds: Vec<&str> = map.partitions.iter().map(|part| part.kind.as_str()).collect();
    assert_eq!(kinds, ["FAT32", "Linux", "Linux", "Linux LVM", "NTFS or exFAT"]);
    compare(&disk(folder.path(), "mbr4k.img", 16 * MIB, 4096, MBR), 4096, "mbr", false);
    let one =
        compare(&disk(folder.path(), "one.img", 4 * MIB, 512, "label: dos\ntype=83\n"), 512, "mbr", true);
    assert_eq!(one.partitions.len(), 1);
    compare(&disk(folder.path(), "empty.img", 4 * MIB, 512, "label: gpt\n"), 512, "gpt", false);
}

/// What is said of a GPT disk after `damage`: how many partitions, and the beginnings of the warnings.
fn check(image: &[u8], damage: &dyn Fn(&mut Vec<u8>), partitions: usize, expect: &[&str]) {
    let mut image = image.to_vec();
    damage(&mut image);
    let map = volumes(&image).unwrap();
    assert_eq!(map.partitions.len(), partitions, "{:?}", map.warnings);
    assert_eq!(map.warnings.len(), expect.len(), "{:?}", map.warnings);
    for (warning, expect) in map.warnings.iter().zip(expect) {
        assert!(warning.starts_with(expect), "{warning}");
    }
}

#[test]
fn a_damaged_gpt_falls_back_on_its_copy_and_says_so() {
    if !tools(&["fdisk", "sgdisk"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (sector, name) in [(512_usize, "gpt.img"), (4096, "gpt4k.img")] {
        let path = disk(folder.path(), name, 16 * MIB, sector.try_into().unwrap(), GPT);
        let image = fs::read(path).unwrap();
        let end = image.len();
        check(&image, &|_| {}, 4, &[]);
        check(
            &image,
            &|image| image[sector + 60] ^= 1,
            4,
            &["the primary GPT is not used (the header's checksum"],
        );
        check(
            &image,
            &|image| image[2 * sector + 40] ^= 1,
            4,
            &["the primary GPT is not used (its table's checksum"],
        );
        check(&image, &|image| image[sector] = 0, 4, &["the primary GPT is not used (it is not there)"]);
        check(&image, &|image| image[end - sector + 60] ^= 1, 4, &["the secondary GPT at sector"]);
        check(&image, &|image| image[end - sector] = 0, 4, &["there is no secondary GPT at sector"]);
        check(&image, &|image| image[510] = 0, 4, &["the disk has a GPT, but no protective MBR"]);
        let wipe: &dyn Fn(&mut Vec<u8>) = &|image| image[..MIB as usize].fill(0);
        let said =
            ["the disk has a GPT, but no protective MBR", "the primary GPT is not used (it is not there)"];
        check(&image, wipe, 4, &said);
        let both: &dyn Fn(&mut Vec<u8>) = &|image| {
            image[sector + 60] ^= 1;
            image[end - sector + 60] ^= 1;
        };
        let said =
            ["the secondary GPT at sector", "the primary GPT is not used", "the MBR is a protective one"];
        check(&image, both, 0, &said);
        check(
            &image,
            &|image| image.truncate(end / 2),
            4,
            &["there is no secondary", "cut short: by its GPT the disk has", "partition 4 ends at byte"],
        );
        check(&image, &|image| image.extend([0; 8192]), 4, &["the secondary GPT belongs at sector"]);
        // Something else was written to the beginning: what is left at the end says nothing of now.
        let other: &dyn Fn(&mut Vec<u8>) = &|image| image[..MIB as usize].fill(0xA5);
        check(&image, other, 0, &["what may be left of a GPT"]);
    }
    let hybrid = disk(folder.path(), "hybrid.img", 16 * MIB, 512, GPT);
    run("sgdisk", &["--hybrid", "1:2", hybrid.to_str().unwrap()]);
    check(&fs::read(hybrid).unwrap(), &|_| {}, 4, &["the MBR is a hybrid one: it lists 2 partitions"]);
}

/// A disk of which some bytes cannot be read.
struct Bad(Vec<u8>, std::ops::Range<u64>);

impl ByteSource for Bad {
    fn len(&self) -> u64 {
        ByteSource::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        if offset < self.1.end && offset + buf.len() as u64 > self.1.start {
            return Err(ReadFault { offset, length: buf.len() as u64, reason: "bad sector".into() });
        }
        self.0.read_at(offset, buf)
    }
}

#[test]
fn unreadable_sectors_end_nothing_that_can_be_told() {
    if !tools(&["fdisk"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let gpt = fs::read(disk(folder.path(), "gpt.img", 16 * MIB, 512, GPT)).unwrap();
    let mbr = fs::read(disk(folder.path(), "mbr.img", 16 * MIB, 512, MBR)).unwrap();
    let map = volumes(&Bad(gpt.clone(), 0..512)).unwrap();
    assert_eq!((map.partitions.len(), map.warnings.len()), (4, 1));
    for bad in [512..513, 0..MIB, 1024..1025] {
        let map = volumes(&Bad(gpt.clone(), bad)).unwrap();
        assert_eq!((map.scheme.as_str(), map.partitions.len()), ("gpt", 4));
        assert!(map.warnings.iter().any(|warning| warning.contains("bad sector")));
    }
    assert!(
        volumes(&Bad(mbr.clone(), 0..1)).is_err(),
        "nothing is known of a disk whose table cannot be read"
    );
    let map = volumes(&Bad(mbr, 5 * MIB..5 * MIB + 1)).unwrap();
    assert_eq!((map.partitions.len(), map.warnings.len()), (2, 1));
}

#[test]
fn a_file_system_alone_is_no_partition_table() {
    let folder = tempfile::tempdir().unwrap();
    let makers: [(&str, &[&str]); 6] = [
        ("mkfs.fat", &["-F", "12"]),
        ("mkfs.fat", &["-F", "16"]),
        ("mkfs.fat", &["-F", "32"]),
        ("mkntfs", &["-F", "-q", "-Q"]),
        ("mkfs.exfat", &[]),
        ("mke2fs", &["-q", "-F", "-t", "ext4"]),
    ];
    for (index, (maker, arguments)) in makers.into_iter().enumerate() {
        if !tools(&[maker]) {
            continue;
        }
        let path = folder.path().join(format!("{index}.img"));
        fs::File::create(&path).unwrap().set_len(40 * MIB).unwrap();
        run(maker, &[arguments, &[path.to_str().unwrap()]].concat());
        let map = volumes(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(
            (map.scheme.as_str(), &map.partitions, &map.gaps),
            ("none", &Vec::new(), &vec![(0, 40 * MIB)])
        );
    }
    for nothing in [Vec::new(), vec![0; 100], vec![0; 70_000], noise(70_000, 3)] {
        let map = volumes(&nothing).unwrap();
        assert_eq!((map.scheme.as_str(), map.partitions.len(), map.warnings.len()), ("none", 0, 0));
    }
}

#[test]
fn mutants_of_tables_are_read_to_an_end() {
    if !tools(&["fdisk"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [("gpt.img", GPT), ("mbr.img", MBR)] {
        let image = fs::read(disk(folder.path(), name, 16 * MIB, 512, script)).unwrap();
        let mut places = vec![0..512, 512..1024, 1024..1536, image.len() - 512..image.len()];
        places.extend((5..16_usize).map(|at| at << 20..(at << 20) + 512));
        for seed in 0..200 {
            let mut mutant = image.clone();
            let noise = noise(12, seed);
            for bytes in noise.chunks(3) {
                let place = &places[usize::from(bytes[0]) % places.len()];
                let at = place.start + (usize::from(bytes[1]) * 2 + usize::from(bytes[0] & 1)) % place.len();
                mutant[at] = bytes[2];
            }
            // Half of them with checksums that fit, as an enemy would write them.
            if seed % 2 == 0 && name == "gpt.img" {
                let crc = crc32(&mutant[1024..1024 + 128 * 128]);
                mutant[512 + 88..512 + 92].copy_from_slice(&crc.to_le_bytes());
                mutant[512 + 16..512 + 20].fill(0);
                let crc = crc32(&mutant[512..512 + 92]);
                mutant[512 + 16..512 + 20].copy_from_slice(&crc.to_le_bytes());
            }
            let map = volumes(&mutant).unwrap();
            assert!(map.partitions.len() <= 300 && map.warnings.len() <= 65);
            for (start, length) in map.gaps {
                assert!(length > 0 && start + length <= 16 * MIB);
            }
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |register, byte| {
        (0..8).fold(register ^ u32::from(*byte), |value, _| {
            value >> 1 ^ if value & 1 == 1 { 0xEDB8_8320 } else { 0 }
        })
    })
}
