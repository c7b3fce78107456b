//! Makes checksums fit again after a change, where it is simple: else no change would get past the first look.

use source::ByteSource as _;

use crate::change::Changed;
use crate::seed::PAGE;

/// Inodes, blocks of directories, trees and links, superblocks and group headers of XFS, version 5: blocks of 4 KiB, sectors and inodes of 512 bytes.
pub fn xfs(image: &mut Changed) {
    for at in touched(image) {
        let at_block = match (&image.get::<4>(at), image.get::<2>(at + 8)) {
            (b"XDB3" | b"XDD3", _) => Some(4),
            (b"XSLM" | b"XARM", _) => Some(12),
            (b"IAB3" | b"AB3B" | b"FIB3" | b"AB3C", _) => Some(52),
            (b"BMA3", _) => Some(64),
            (_, [0x3B, 0xEE] | [0x3D, 0xF1] | [0x3D, 0xFF] | [0x3E, 0xBE]) => Some(12),
            _ => None,
        };
        if let Some(place) = at_block {
            crc32c_within(image, at, PAGE, place);
            continue;
        }
        for sector in (at..at + PAGE as u64).step_by(512) {
            let place = match &image.get::<4>(sector) {
                b"XFSB" => 224,
                b"XAGF" => 216,
                b"XAGI" => 312,
                [b'I', b'N', ..] => 100,
                _ => continue,
            };
            crc32c_within(image, sector, 512, place);
        }
    }
}

/// Superblock and nodes of btrfs, nodes of 4 KiB, CRC-32C.
pub fn btrfs(image: &mut Changed) {
    let id: [u8; 16] = image.get(65_536 + 32);
    for at in touched(image) {
        if image.get::<16>(at + 32) == id {
            let sum = !crc32c(!0, &image.range(at + 32, PAGE - 32));
            image.write(at, &sum.to_le_bytes());
        }
    }
}

/// Boot region and sets of directory entries of exFAT.
pub fn exfat(image: &mut Changed) {
    for at in touched(image) {
        for entry in (at..at + PAGE as u64).step_by(32) {
            let [kind, others] = image.get(entry);
            if kind == 0x85 {
                let set = image.range(entry, 32 * (usize::from(others) + 1));
                let sum = set.iter().enumerate().filter(|(index, _)| !(2..4).contains(index));
                let sum =
                    sum.fold(0_u16, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u16::from(*byte)));
                image.write(entry + 2, &sum.to_le_bytes());
            }
        }
    }
    let [shift] = image.get(108);
    let sector = 1_usize << shift.clamp(9, 12);
    let region = image.range(0, 11 * sector);
    let sum = region.iter().enumerate().filter(|(index, _)| ![106, 107, 112].contains(index));
    let sum = sum.fold(0_u32, |sum, (_, byte)| sum.rotate_right(1).wrapping_add(u32::from(*byte)));
    image.write(11 * sector as u64, &sum.to_le_bytes().repeat(sector / 4));
}

/// Both headers and tables of a GPT.
pub fn gpt(disk: &mut Changed) {
    for at in [512, disk.len().saturating_sub(512)] {
        if disk.get::<8>(at) != *b"EFI PART" {
            continue;
        }
        let table = u64::from_le_bytes(disk.get(at + 72)).saturating_mul(512);
        let [count, each] = [80, 84].map(|place| u32::from_le_bytes(disk.get(at + place)) as usize);
        let entries = disk.range(table, count.saturating_mul(each).min(1 << 16));
        disk.write(at + 88, &(!crc32(!0, &entries)).to_le_bytes());
        let length = u32::from_le_bytes(disk.get(at + 12)) as usize;
        disk.write(at + 16, &[0; 4]);
        let sum = !crc32(!0, &disk.range(at, length.min(512)));
        disk.write(at + 16, &sum.to_le_bytes());
    }
}

/// Label, metadata area and text of an LVM member.
pub fn lvm(disk: &mut Changed) {
    const START: u32 = 0xF597_A6CF;
    let sum = crc32(START, &disk.range(512 + 20, 492));
    disk.write(512 + 16, &sum.to_le_bytes());
    let [offset, length] = [4096 + 40, 4096 + 48].map(|at| u64::from_le_bytes(disk.get(at)));
    let sum = crc32(START, &disk.range(4096_u64.saturating_add(offset), length.min(1 << 16) as usize));
    disk.write(4096 + 56, &sum.to_le_bytes());
    let sum = crc32(START, &disk.range(4096 + 4, 508));
    disk.write(4096, &sum.to_le_bytes());
}

/// Superblocks of md arrays, versions 1.0 to 1.2.
pub fn md(disk: &mut Changed) {
    let last = (disk.len() / 512).saturating_sub(16) & !7;
    for at in [0, 4096, last * 512] {
        if disk.get::<4>(at) != 0xA92B_4EFC_u32.to_le_bytes() {
            continue;
        }
        disk.write(at + 216, &[0; 4]);
        let roles = u32::from_le_bytes(disk.get(at + 220)).min(1920) as usize;
        let block = disk.range(at, 256 + 2 * roles);
        let words = block
            .chunks(4)
            .map(|word| word.iter().rev().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte)));
        let sum: u64 = words.sum();
        disk.write(at + 216, &(sum as u32).wrapping_add((sum >> 32) as u32).to_le_bytes());
    }
}

/// Descriptors of the sections of an EWF segment, and the sections that have a checksum of their own.
pub fn ewf(segment: &mut Changed) {
    let mut at = 13;
    for _ in 0..64 {
        let kind: [u8; 16] = segment.get(at);
        let next = u64::from_le_bytes(segment.get(at + 16));
        adler(segment, at, 72);
        let body = at.saturating_add(76);
        if kind.starts_with(b"volume") || kind.starts_with(b"disk") {
            adler(segment, body, 1048);
        } else if kind.starts_with(b"table") {
            let count = u32::from_le_bytes(segment.get(body)).min(1 << 12) as usize;
            adler(segment, body, 20);
            adler(segment, body + 24, 4 * count);
        } else if kind.starts_with(b"digest") {
            adler(segment, body, 76);
        } else if kind.starts_with(b"hash") {
            adler(segment, body, 32);
        }
        if next <= at {
            break;
        }
        at = next.min(1 << 32);
    }
}

/// Footers and the dynamic header of a VHD.
pub fn vhd(file: &mut Changed) {
    let places = [(0, 512, 64, *b"conectix"), (512, 1024, 36, *b"cxsparse")];
    for (at, length, place, mark) in
        places.into_iter().chain([(file.len().saturating_sub(512), 512, 64, *b"conectix")])
    {
        if file.get::<8>(at) == mark {
            file.write(at + place, &[0; 4]);
            let sum =
                file.range(at, length).iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
            file.write(at + place, &(!sum).to_be_bytes());
        }
    }
}

/// Headers and region tables of a VHDX.
pub fn vhdx(file: &mut Changed) {
    for (at, length) in [(64, PAGE), (128, PAGE), (192, 65_536), (256, 65_536)] {
        crc32c_within(file, at << 10, length, 4);
    }
}

/// Where pages stand that are changed.
fn touched(image: &Changed) -> Vec<u64> {
    image.pages.keys().map(|number| number * PAGE as u64).collect()
}

/// Writes a CRC-32C over a block in which its own place counts as zeros.
fn crc32c_within(image: &mut Changed, at: u64, length: usize, place: u64) {
    image.write(at + place, &[0; 4]);
    let sum = !crc32c(!0, &image.range(at, length));
    image.write(at + place, &sum.to_le_bytes());
}

/// Writes an Adler-32 behind the bytes that it covers.
fn adler(file: &mut Changed, at: u64, length: usize) {
    let (a, b) = file.range(at, length).iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    file.write(at.saturating_add(length as u64), &(b << 16 | a).to_le_bytes());
}

fn crc32(start: u32, bytes: &[u8]) -> u32 {
    crc(&CRC32, start, bytes)
}

fn crc32c(start: u32, bytes: &[u8]) -> u32 {
    crc(&CRC32C, start, bytes)
}

fn crc(table: &[u32; 256], start: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(start, |crc, byte| table[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ crc >> 8)
}

static CRC32: [u32; 256] = table(0xEDB8_8320);
static CRC32C: [u32; 256] = table(0x82F6_3B78);

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}
