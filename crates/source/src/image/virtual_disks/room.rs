//! What a VHDX has room for and nothing says the meaning of: it is counted, wherever it is.

use super::forged::{disk, seal};
use super::*;

const MIB: usize = 1 << 20;
const TOLD: &str =
    "are in none of its structures and blocks, and are not read; they are not blank, from byte";

/// Where the region tables say that a region lies; `kind` is its place in their list.
fn region(bytes: &[u8], kind: usize) -> (usize, u64) {
    let at = (192 << 10) + 16 + 32 * kind;
    (at, u64::from_le_bytes(bytes[at + 16..at + 24].try_into().unwrap()))
}

/// Both tables of regions, and both headers, with checksums that fit.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    for (at, length) in [(64, 4096), (128, 4096), (192, 64 << 10), (256, 64 << 10)] {
        seal(&mut bytes[at << 10..][..length]);
    }
    bytes
}

#[test]
fn what_is_in_the_room_of_a_vhdxs_structures_is_told() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = disk(folder.path(), "-f vhdx -o block_size=1M", "8M", &["write~-P~7~0~64k"]);
    let limits = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        open(&path).unwrap().limits
    };
    assert_eq!(limits(&sound), [""; 0]);
    let mut forged = Vec::new();
    // A region moved to the end, and longer than what is needed of it.
    for kind in 0..2 {
        let (entry, from) = region(&sound, kind);
        let mut bytes = sound.clone();
        let to = bytes.len().next_multiple_of(MIB);
        bytes.resize(to + 3 * MIB, 0);
        bytes.copy_within(from as usize..from as usize + MIB, to);
        bytes[from as usize..][..MIB].fill(0);
        bytes[to + MIB..].fill(b'H');
        for at in [entry, entry + (64 << 10)] {
            bytes[at + 16..at + 24].copy_from_slice(&(to as u64).to_le_bytes());
            bytes[at + 24..at + 28].copy_from_slice(&(3_u32 << 20).to_le_bytes());
        }
        forged.push(((to + MIB) as u64, sealed(bytes)));
    }
    let log = u64::from_le_bytes(sound[(64 << 10) + 72..][..8].try_into().unwrap());
    let (_, table) = region(&sound, 0);
    let metadata = region(&sound, 1).1;
    for at in [
        600,                          // behind the identifier
        (64 << 10) + 200,             // in a header
        (64 << 10) + 5000,            // behind it
        (192 << 10) + 3000,           // behind the regions that are listed
        512 << 10,                    // in what is reserved
        log + 3 * 4096 + (512 << 10), // in the log
        table + 9 * 8,                // behind the entries that the disk needs
        metadata + 32 + 5 * 32,       // behind the items that are listed
        metadata + (64 << 10) + 5000, // behind the items
    ] {
        let mut bytes = sound.clone();
        for at in [at, at + (64 << 10)].into_iter().take(if at >> 10 == 192 { 2 } else { 1 }) {
            bytes[at as usize..][..6].copy_from_slice(b"HIDDEN");
        }
        forged.push((at, sealed(bytes)));
    }
    for (at, bytes) in forged {
        let limits = limits(&bytes);
        let told = limits.iter().any(|limit| limit.contains(&format!("{TOLD} {at} of the file")));
        assert!(told, "{at}: {limits:?}");
    }
}

#[test]
fn a_fixed_vhdx_of_zeros_has_no_limit() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (raw, disk) = (folder.path().join("raw"), folder.path().join("disk"));
    File::create(&raw).unwrap().set_len(150 << 20).unwrap();
    line("qemu-img convert -f raw -O vhdx -o subformat=fixed {} {}", &[&raw, &disk]);
    assert_eq!(open(&disk).unwrap().limits, [""; 0]);
    // Far behind the bytes that are read at most.
    let file = File::options().write(true).open(&disk).unwrap();
    file.write_all_at(b"H", 140 << 20).unwrap();
    let limits = open(&disk).unwrap().limits.join("; ");
    assert!(limits.contains(&format!("{TOLD} {}", 140 << 20)), "{limits}");
}
