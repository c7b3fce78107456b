//! What is refused by name, second copies, tables that lead astray, and logs.

use super::*;
use crate::crc32c::crc32c;

/// A disk of `length` bytes with `data` (offset, length, value) in it, made by QEMU, as bytes.
pub(super) fn disk(folder: &Path, options: &str, length: &str, data: &[&str]) -> (PathBuf, Vec<u8>) {
    let disk = folder.join("disk");
    line(&format!("qemu-img create -q {options} {{}} {length}"), &[&disk]);
    let format = options.split(' ').nth(1).unwrap();
    for command in data {
        line(&format!("qemu-io -f {format} -c {command} {{}}"), &[&disk]);
    }
    let bytes = fs::read(&disk).unwrap();
    (disk, bytes)
}

fn refused(path: &Path, words: &str) {
    let error = open(path).err().unwrap_or_else(|| panic!("opened, not refused: {words}"));
    assert!(error.to_string().contains(words), "{error} is not about {words}");
}

/// The first piece of the disk at `at` is an error about `words`.
fn faulty(path: &Path, at: u64, words: &str) {
    let error = open(path).unwrap().bytes.read_at(at, &mut [0; 512]).unwrap_err();
    assert!(error.reason.contains(words), "{error} is not about {words}");
}

fn limited(path: &Path, truth: &[u8], words: &str) {
    let image = check(path, truth);
    assert!(image.limits.iter().any(|limit| limit.contains(words)), "{:?} not about {words}", image.limits);
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (base, disk) = (folder.path().join("base"), folder.path().join("disk"));
    for (create, words) in [
        ("qemu-img create -q -f qcow2 -F qcow2 -b {} {}", "backing file"),
        ("qemu-img create -q -f qcow2 -o data_file=data {} 1M", "another file"),
        (
            "qemu-img create -q --object secret,id=s,data=abc -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10 {} 1M",
            "LUKS",
        ),
        ("qemu-img create -q -f vmdk -F vmdk -b {} {}", "parent"),
        ("qemu-img create -q -f vpc -o subformat=dynamic {} 1M", ""),
    ] {
        let _ = fs::remove_file(&disk);
        let format = create.split(" -f ").nth(1).unwrap().split(' ').next().unwrap();
        line(&format!("qemu-img create -q -f {format} {{}} 1M"), &[&base]);
        let create = create.replace("data_file=data", &format!("data_file={}/data", folder.path().display()));
        let paths: &[&Path] = if create.contains("-b") { &[&base, &disk] } else { &[&disk] };
        line(&create, paths);
        if !words.is_empty() {
            refused(&disk, words);
        }
    }
    // A differencing VHD is told by its footer's type.
    let mut bytes = fs::read(&disk).unwrap();
    for footer in [0, bytes.len() - 512] {
        bytes[footer + 63] = 4;
        bytes[footer + 67] = bytes[footer + 67].wrapping_sub(1);
    }
    fs::write(&disk, &bytes).unwrap();
    refused(&disk, "differencing");
}

#[test]
fn names_of_extents_lead_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk.vmdk");
    fs::write(folder.path().join("disk-flat"), vec![7; 1024]).unwrap();
    let descriptor =
        |name| format!("# Disk DescriptorFile\nparentCID=ffffffff\nRW 2 FLAT \"{name}\" 0\nRW 1 ZERO\n");
    fs::write(folder.path().join("other"), vec![7; 1024]).unwrap();
    for name in ["../x.vmdk", "/etc/x.vmdk", "a/b.vmdk", "disk-absent", "x.vmdk"] {
        fs::write(&disk, descriptor(name)).unwrap();
        refused(&disk, "part 1 of the image");
    }
    for name in ["other", "/etc/hostname", ".", "..", ""] {
        fs::write(&disk, descriptor(name)).unwrap();
        refused(&disk, "neither ends in .vmdk nor begins with the name of the descriptor");
    }
    fs::write(&disk, descriptor("disk-flat")).unwrap();
    let mut truth = vec![7; 1024];
    truth.resize(1536, 0);
    check(&disk, &truth);
    // What none of its extents reaches is told.
    fs::write(folder.path().join("disk-flat"), vec![7; 5000]).unwrap();
    let twice = descriptor("disk-flat") + "RW 1 FLAT \"disk-flat\" 2\n";
    fs::write(&disk, &twice).unwrap();
    truth.resize(2048, 7);
    limited(&disk, &truth, "3464 bytes of the file of extent 1 of the VMDK, behind");
    truth.truncate(1536);
    fs::write(&disk, descriptor("disk-flat")).unwrap();
    limited(&disk, &truth, "3976 bytes of the file of extent 1 of the VMDK, behind");
    // Before and between two extents.
    let holes =
        "# Disk DescriptorFile\nparentCID=ffffffff\nRW 1 FLAT \"disk-flat\" 2\nRW 1 FLAT \"disk-flat\" 5\n";
    fs::write(&disk, holes).unwrap();
    fs::write(folder.path().join("disk-flat"), vec![7; 3072]).unwrap();
    let said = check(&disk, &[7; 1024]).limits;
    assert_eq!(
        said,
        [
            "2048 bytes of the file of extent 1 of the VMDK, before or between what the descriptor tells, are not read"
        ]
    );
    fs::write(&disk, descriptor("disk-flat")).unwrap();
    fs::write(folder.path().join("disk-flat"), vec![7; 1024]).unwrap();
    assert!(check(&disk, &truth).limits.is_empty());
    // A file that is too short is told, and its missing part is no zeros.
    fs::write(folder.path().join("disk-flat"), vec![7; 1000]).unwrap();
    let image = open(&disk).unwrap();
    assert!(
        image.limits.iter().any(|limit| limit.contains("holds 1000 of the 1024 bytes")),
        "{:?}",
        image.limits
    );
    assert!(image.bytes.read_at(0, &mut [0; 1024]).is_err());
    assert!(image.bytes.read_at(0, &mut [0; 1000]).is_ok());
}

#[test]
fn what_a_table_or_descriptor_has_more_than_it_needs_is_told() {
    if !has_qemu() {
        return;
    }
    let hidden = b"HIDDEN-IN-STRUCT".repeat(8192);
    let be = |bytes: &[u8], at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    for (options, at_least) in [
        ("-f qcow2", 3),
        ("-f qcow2 -o compat=0.10", 3),
        ("-f qcow2 -o refcount_bits=1,cluster_size=4096", 3),
        ("-f vpc -o subformat=dynamic", 1),
        ("-f vmdk", 1),
        ("-f vmdk -o subformat=streamOptimized", 1),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut truth = vec![0; 3 << 20];
        truth[1 << 20..(1 << 20) + 500 * 1024].fill(7);
        let (path, sound) = if options.contains("streamOptimized") {
            let (raw, packed) = (folder.path().join("raw"), folder.path().join("packed"));
            let mut state = 7_u32;
            for byte in &mut truth[1 << 20..(1 << 20) + 500 * 1024] {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = state.to_be_bytes()[0];
            }
            fs::write(&raw, &truth).unwrap();
            line("qemu-img convert -q -f raw -O vmdk -o subformat=streamOptimized {} {}", &[&raw, &packed]);
            let bytes = fs::read(&packed).unwrap();
            (packed, bytes)
        } else {
            disk(folder.path(), options, "3M", &["write~-P~7~1M~500k"])
        };
        truth.resize(usize::try_from(open(&path).unwrap().bytes.len()).unwrap(), 0);
        let said = check(&path, &truth).limits;
        assert!(said.is_empty(), "{options}: {said:?}");
        let mut forged: Vec<Vec<u8>> = Vec::new();
        let end = sound.len().next_multiple_of(65_536);
        if options.contains("qcow2") {
            // In the first cluster; behind the counts of the file's clusters; in a further block of counts.
            let counts = be(&sound, be(&sound, 48));
            for at in [0x400, counts + 1000] {
                let mut bytes = sound.clone();
                bytes[at..at + 2000].copy_from_slice(&hidden[..2000]);
                forged.push(bytes);
            }
            let mut bytes = sound.clone();
            let slot = be(&sound, 48) + 8 * 3;
            bytes[slot..slot + 8].copy_from_slice(&(end as u64).to_be_bytes());
            bytes.resize(end, 0);
            bytes.extend(&hidden);
            forged.push(bytes);
        } else if options.contains("vpc") {
            let header = be(&sound, sound.len() - 512 + 16);
            let table = be(&sound, header + 16);
            let mut bytes = sound[..sound.len() - 512].to_vec();
            let (new, entries) = (bytes.len(), 512 + hidden.len());
            bytes.extend(&sound[table..table + 512]);
            bytes.extend(&hidden);
            bytes.extend(&sound[sound.len() - 512..]);
            bytes[header + 16..header + 24].copy_from_slice(&(new as u64).to_be_bytes());
            bytes[header + 28..header + 32]
                .copy_from_slice(&u32::try_from(entries / 4).unwrap().to_be_bytes());
            bytes[header + 36..header + 40].fill(0);
            let sum = !bytes[header..header + 1024]
                .iter()
                .fold(0_u32, |sum, byte| sum.wrapping_add((*byte).into()));
            bytes[header + 36..header + 40].copy_from_slice(&sum.to_be_bytes());
            forged.push(bytes);
        } else {
            let eight = |at: usize| u64::from_le_bytes(sound[at..at + 8].try_into().unwrap()) as usize * 512;
            let (at, size) = (eight(28), eight(36));
            let mut bytes = sound.clone();
            bytes.resize(end, 0);
            bytes.extend(&sound[at..at + size]);
            bytes.extend(&hidden);
            bytes[28..36].copy_from_slice(&(end as u64 / 512).to_le_bytes());
            bytes[36..44].copy_from_slice(&((size + hidden.len()) as u64 / 512).to_le_bytes());
            bytes[at..at + size].fill(0);
            forged.push(bytes);
        }
        assert!(forged.len() >= at_least);
        for (number, bytes) in forged.iter().enumerate() {
            fs::write(&path, bytes).unwrap();
            let said = open(&path).unwrap().limits.join("; ");
            assert!(
                said.contains(
                    "are in none of its structures and blocks, and are not read; they are not blank"
                ),
                "{options}, {number}: {said}"
            );
        }
        if options.contains("streamOptimized") {
            // Inside the last grain, behind its first bytes, too.
            let end = sound.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            for less in [1024, 10_000, end / 2] {
                fs::write(&path, &sound[..end - less]).unwrap();
                let said =
                    open(&path).map_or_else(|error| error.to_string(), |image| image.limits.join("; "));
                assert!(said.contains("cut") || said.contains("bytes, and has"), "{less}: {said}");
            }
        }
    }
}

#[test]
fn what_a_smaller_size_leaves_behind_is_told() {
    if !has_qemu() {
        return;
    }
    for options in ["-f qcow2 -o cluster_size=512", "-f qcow2", "-f qcow2 -o extended_l2=on"] {
        let folder = tempfile::tempdir().unwrap();
        let data = ["write~-P~7~0~64k", "write~-P~7~1M~64k", "write~-P~7~3M~64k"];
        let (path, mut bytes) = disk(folder.path(), options, "4M", &data);
        let truth = [vec![7; 1 << 16], vec![0; (1 << 20) - (1 << 16)]].concat();
        assert!(open(&path).unwrap().limits.is_empty());
        bytes[24..32].copy_from_slice(&(1_u64 << 20).to_be_bytes());
        fs::write(&path, &bytes).unwrap();
        let cluster = if options.contains("512") { 512 } else { 65_536 };
        limited(
            &path,
            &truth,
            &format!("holds {} clusters of {cluster} bytes behind its size", 131_072 / cluster),
        );
    }
}

#[test]
fn a_second_copy_stands_in_for_a_damaged_one() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut truth = vec![0; 4 << 20];
    truth[..65536].fill(9);
    let check = |options: &str, damages: &[(usize, usize)], words: &str| {
        let (path, bytes) = disk(folder.path(), options, "4M", &["write~-P~9~0~64k"]);
        for (offset, from_end) in damages {
            let mut damaged = bytes.clone();
            let at = if *from_end > 0 { damaged.len() - from_end } else { *offset };
            damaged[at] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            limited(&path, &truth, words);
        }
        // Both together are too much.
        let mut damaged = bytes;
        for (offset, from_end) in damages {
            let at = if *from_end > 0 { damaged.len() - from_end } else { *offset };
            damaged[at] ^= 0x10;
        }
        fs::write(&path, &damaged).unwrap();
        open(&path).is_err()
    };
    assert!(check("-f vhdx", &[(65536 + 70, 0), (131_072 + 70, 0)], "two headers"));
    assert!(check("-f vhdx", &[(196_608 + 40, 0), (262_144 + 40, 0)], "region tables"));
    assert!(!check("-f vpc -o force_size=on", &[(0, 300)], "footer is damaged"));
    assert!(!check("-f vpc -o force_size=on", &[(300, 0)], "footers differ"));
    let (path, mut bytes) = disk(folder.path(), "-f vpc -o force_size=on", "4M", &[]);
    let end = bytes.len() - 300;
    (bytes[300], bytes[end]) = (1, 1);
    fs::write(&path, bytes).unwrap();
    refused(&path, "no footer");
}

#[test]
fn tables_that_lead_astray_are_errors() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let writes = ["write~-P~1~0~4M", "write~-P~2~4M~4M"];

    let (path, bytes) = disk(folder.path(), "-f vpc -o force_size=on", "8M", &writes);
    let put = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        fs::write(&path, bytes).unwrap();
    };
    let table = 1536;
    put(table, &[0, 0, 0, 1]);
    faulty(&path, 0, "own structures");
    put(table, &bytes[table + 4..table + 8]);
    faulty(&path, 0, "another block");
    faulty(&path, 2 << 20, "another block");
    put(table, &[0, 1, 0, 0]);
    faulty(&path, 0, "the medium ends");
    let block = u32::from_be_bytes(bytes[table..table + 4].try_into().unwrap()) as usize * 512;
    put(block, &[0x7F]);
    faulty(&path, 0, "never written");
    assert!(open(&path).unwrap().bytes.read_at(512, &mut [0; 4096]).is_ok());
    let mut zeroed = [0; 1024];
    zeroed[0] = 0x7F;
    zeroed[1..512].fill(0xFF);
    put(block, &zeroed);
    assert!(
        open(&path).unwrap().bytes.read_at(0, &mut [0; 512]).is_ok(),
        "zeros that are marked as never written"
    );

    let (path, bytes) = disk(folder.path(), "-f vhdx -o block_size=1M", "8M", &writes);
    let put = |at: usize, new: u64| {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
        fs::write(&path, bytes).unwrap();
    };
    let entry = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let table =
        (1 << 20..4 << 20).step_by(1 << 20).find(|at| entry(*at) & 7 == 6 && entry(*at) >> 20 < 99).unwrap();
    put(table, 6);
    faulty(&path, 0, "own structures");
    put(table, (table as u64) | 6);
    faulty(&path, 0, "own structures");
    put(table, entry(table + 8));
    faulty(&path, 0, "another block");
    put(table, (1 << 40) | 6);
    faulty(&path, 0, "the medium ends");
    put(table, entry(table) | 7);
    faulty(&path, 0, "state 7");

    let (path, bytes) = disk(folder.path(), "-f qcow2", "8M", &writes);
    let put = |at: usize, new: u64| {
        let mut bytes = bytes.clone();
        bytes[at..at + 8].copy_from_slice(&new.to_be_bytes());
        fs::write(&path, bytes).unwrap();
    };
    let entry = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    let first = entry(40) as usize;
    let second = (entry(first) & 0x00FF_FFFF_FFFF_FE00) as usize;
    for (at, new, words) in [
        (first, 1 << 63 | 512, "no entry has"),
        (first, 1 << 40, "the medium ends"),
        (second, first as u64, "own structures"),
        (second, second as u64, "own structures"),
        (second, entry(48), "own structures"),
        (second, entry(second) | 0x100, "no entry has"),
        (second, 1 << 40, "the medium ends"),
        (second, entry(second + 8), "another one"),
        (second, 1 << 62 | second as u64, "where none can be"),
        (second, 1 << 62 | entry(second + 8) & !(1 << 63), "compressed data"),
    ] {
        put(at, new);
        faulty(&path, 0, words);
    }

    let (path, bytes) = disk(folder.path(), "-f vmdk", "8M", &writes);
    let le32 = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let tables = [48, 56].map(|at| le32(le32(at) as usize * 512) as usize * 512);
    let other = le32(tables[0] + 4);
    for (new, both, words) in [
        (other, true, "another one"),
        (300, false, "two tables"),
        (1, true, "own structures"),
        (1 << 30, true, "the medium ends"),
    ] {
        let mut bytes = bytes.clone();
        for table in tables.iter().take(if both { 2 } else { 1 }) {
            bytes[*table..table + 4].copy_from_slice(&u32::to_le_bytes(new));
        }
        fs::write(&path, bytes).unwrap();
        faulty(&path, 0, words);
    }
}

/// A log entry that puts `changes` where they belong: sectors of data, or zeros.
fn entry(log: [u8; 16], sequence: u64, tail: u32, size: u64, changes: &[(u64, Option<&[u8]>)]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"loge");
    put(12, &tail.to_le_bytes());
    put(16, &sequence.to_le_bytes());
    put(24, &u32::try_from(changes.len()).unwrap().to_le_bytes());
    put(32, &log);
    put(48, &size.to_le_bytes());
    put(56, &size.to_le_bytes());
    for (index, (to, data)) in changes.iter().enumerate() {
        let at = 64 + 32 * index;
        put(at + 16, &to.to_le_bytes());
        put(at + 24, &sequence.to_le_bytes());
        match data {
            None => {
                put(at, b"zero");
                put(at + 8, &4096_u64.to_le_bytes());
            }
            Some(data) => {
                put(at, b"desc");
                put(at + 4, &data[4092..]);
                put(at + 8, &data[..8]);
            }
        }
    }
    for data in changes.iter().filter_map(|(_, data)| *data) {
        bytes.extend(b"data");
        bytes.extend(u32::try_from(sequence >> 32).unwrap().to_le_bytes());
        bytes.extend(&data[8..4092]);
        bytes.extend((sequence as u32).to_le_bytes());
    }
    let length = bytes.len() as u32;
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    seal(&mut bytes);
    bytes
}

pub(super) fn seal(bytes: &mut [u8]) {
    bytes[4..8].fill(0);
    let crc = !crc32c(u32::MAX, bytes);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// A VHDX whose table was not yet written when the machine stopped: the log holds it, around the end of its ring.
#[test]
fn a_vhdx_log_is_applied_in_memory() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let writes = ["write~-P~1~0~1M", "write~-P~2~5M~1M"];
    let (path, whole) = disk(folder.path(), "-f vhdx -o block_size=1M", "8M", &writes);
    let mut truth = vec![0; 8 << 20];
    truth[..1 << 20].fill(1);
    truth[5 << 20..6 << 20].fill(2);
    check(&path, &truth);

    let field = |at: usize| u64::from_le_bytes(whole[at..at + 8].try_into().unwrap()) as usize;
    let (log, ring) = (field(65536 + 72), 1 << 20);
    let table =
        (1 << 20..4 << 20).step_by(1 << 20).find(|at| field(*at) & 7 == 6 && field(*at) >> 20 < 99).unwrap();
    let id = *b"a log's own GUID";
    let mut dirty = whole.clone();
    for header in [65536, 131_072] {
        dirty[header + 48..header + 64].copy_from_slice(&id);
        seal(&mut dirty[header..header + 4096]);
    }
    // Two sectors: the table's beginning, and a block's, which a log may hold too.
    let block = (field(table) & !0xF_FFFF) + 8192;
    let size = whole.len() as u64;
    let [good, also] = [table, block].map(|at| whole[at..at + 4096].to_vec());
    let [table, block] = [table, block].map(|at| {
        dirty[at..at + 4096].fill(0xEE);
        at as u64
    });
    let last = ring - 8192;
    let sequence = (1 << 40) + 7;
    let entries = [
        // Of an older sequence, which must not be applied.
        (40960, entry(id, 3, 40960, size, &[(table, Some(&[7; 4096]))])),
        // Its tail leads to the entry before it, near the ring's end.
        (last, entry(id, sequence, last as u32, size, &[(table, None)])),
        (
            last + 4096,
            entry(id, sequence + 1, last as u32, size, &[(block, Some(&also)), (table, Some(&good))]),
        ),
        // Of another log.
        (81920, entry([9; 16], sequence + 2, 81920, size, &[(table, Some(&[8; 4096]))])),
    ];
    for (at, bytes) in &entries {
        for (index, byte) in bytes.iter().enumerate() {
            dirty[log + (at + index) % ring] = *byte;
        }
    }
    fs::write(&path, &dirty).unwrap();
    limited(&path, &truth, "2 entries of its log were applied in memory, 2 sectors");
    assert_eq!(fs::read(&path).unwrap(), dirty, "the file itself is as it was");

    // QEMU applies it to a copy, and comes to the same.
    let (copy, by_qemu) = (folder.path().join("copy"), folder.path().join("raw"));
    fs::write(&copy, &dirty).unwrap();
    line("qemu-img check -q -r all {}", &[&copy]);
    line("qemu-img convert -f vhdx -O raw {} {}", &[&copy, &by_qemu]);
    assert!(fs::read(&by_qemu).unwrap() == truth);

    // Without its last entry the sequence ends before; without any there is nothing to go by.
    let mut broken = dirty.clone();
    broken[log + last + 4096 + 100] ^= 1;
    fs::write(&path, &broken).unwrap();
    assert_ne!(content(&open(&path).unwrap(), 1 << 20).ok(), Some(truth.clone()));
    broken[log + last + 100] ^= 1;
    broken[log + 40960 + 100] ^= 1;
    fs::write(&path, &broken).unwrap();
    refused(&path, "no complete sequence");
    let mut empty = whole.clone();
    empty[65536..200_000].copy_from_slice(&dirty[65536..200_000]);
    fs::write(&path, &empty).unwrap();
    limited(&path, &truth, "log holds no entry");
    // A file that has lost its end since.
    fs::write(&path, &dirty[..dirty.len() - 4096]).unwrap();
    refused(&path, "whose log was written when it had");
}
