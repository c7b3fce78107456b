//! Damaged disks: what is read is right or an error; nothing ends the program, runs on, or fills the memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::bytes::{ByteSource, ReadFault};

/// A file of which one byte is another one, and which may end early.
struct Mutant {
    file: Arc<Vec<u8>>,
    at: u64,
    flip: u8,
    len: u64,
}

impl ByteSource for Mutant {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.len.saturating_sub(offset)).unwrap().min(buf.len());
        let count = self.file.read_at(offset, &mut buf[..left])?;
        if let Some(byte) = self.at.checked_sub(offset).and_then(|at| buf[..count].get_mut(at as usize)) {
            *byte ^= self.flip;
        }
        Ok(count)
    }
}

/// The disk of 3 MiB that is damaged, and its formats: options of `qemu-img convert`.
const LENGTH: usize = (3 << 20) + 3 * 512;
const FORMATS: &[&str] = &[
    "-O vmdk -o subformat=monolithicSparse",
    "-O vmdk -o subformat=streamOptimized",
    "-O vpc -o subformat=fixed,force_size=on",
    "-O vpc -o subformat=dynamic,force_size=on",
    "-O vhdx -o block_size=1M",
    "-O qcow2",
    "-O qcow2 -c -o cluster_size=4k",
    "-O qcow2 -c -o compression_type=zstd",
    "-O qcow2 -o extended_l2=on,cluster_size=16k",
];

struct Sample {
    file: Arc<Vec<u8>>,
    truth: Vec<u8>,
    _folder: tempfile::TempDir,
}

fn sample(options: &str) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let raw = raw(folder.path(), LENGTH);
    convert(options, folder, &raw)
}

/// A disk whose content is [`PLAIN`] alone, so that its structures can be told from it.
fn plain(options: &str) -> Sample {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let file = File::create(&raw).unwrap();
    file.set_len(LENGTH as u64).unwrap();
    for at in [0, 5, 17, 40] {
        file.write_all_at(&[PLAIN; PIECE], at * PIECE as u64).unwrap();
    }
    convert(options, folder, &raw)
}

fn convert(options: &str, folder: tempfile::TempDir, raw: &Path) -> Sample {
    let disk = folder.path().join("disk");
    line(&format!("qemu-img convert -f raw {options} {{}} {{}}"), &[raw, &disk]);
    Sample { file: Arc::new(fs::read(&disk).unwrap()), truth: fs::read(raw).unwrap(), _folder: folder }
}

fn read(options: &str, file: Arc<dyn ByteSource>) -> Result<Image, ImageError> {
    match options.split(' ').nth(1) {
        Some("vmdk") => vmdk::read("disk".as_ref(), file, &Folder("/nowhere".into())),
        Some("vpc") => vhd::read(file),
        Some("vhdx") => vhdx::read(file),
        _ => qcow2::read(file),
    }
}

/// How many pieces of the disk are right, wrong, and errors. A disk whose length was damaged is read at its beginning and end.
fn pieces(image: &Image, truth: &[u8]) -> [usize; 3] {
    let mut counts = [0; 3];
    let length = image.bytes.len();
    let starts = (0..length.min(LENGTH as u64)).step_by(PIECE);
    for at in starts.chain([length.saturating_sub(PIECE as u64)]) {
        let mut bytes = vec![0xEE; PIECE];
        let expected = truth.get(at as usize..).unwrap_or_default();
        let expected = &expected[..expected.len().min(PIECE)];
        match image.bytes.read_at(at, &mut bytes) {
            Ok(count) if bytes[..count.min(expected.len())] == expected[..count.min(expected.len())] => {
                counts[0] += 1
            }
            Ok(_) => counts[1] += 1,
            Err(fault) => {
                assert!(fault.reason.len() > 5);
                counts[2] += 1;
            }
        }
    }
    counts
}

#[test]
fn a_disk_that_ends_early_is_never_wrong() {
    if !has_qemu() {
        return;
    }
    for options in FORMATS {
        let sample = sample(options);
        let whole = sample.file.len() as u64;
        let eighths = (1..8).map(|part| whole * part / 8);
        for len in
            [0, 1, 3, 511, 512, 4096, 70_000, whole - 1024, whole - 512, whole - 1].into_iter().chain(eighths)
        {
            let file = Mutant { file: Arc::clone(&sample.file), at: 0, flip: 0, len };
            if let Ok(image) = read(options, Arc::new(file)) {
                let [_, wrong, _] = pieces(&image, &sample.truth);
                assert_eq!(wrong, 0, "{options} cut to {len} of {whole} bytes");
            }
        }
    }
}

#[test]
fn a_disk_that_ends_early_or_late_says_so() {
    if !has_qemu() {
        return;
    }
    for options in FORMATS {
        let sample = sample(options);
        let limits = |bytes: Vec<u8>| match read(options, Arc::new(bytes)) {
            Ok(image) => image.limits.join("\n"),
            Err(error) => error.to_string(),
        };
        let whole = sample.file.to_vec();
        let is_cut = |said: &str| said.starts_with("cut short: ") || said.contains("\ncut short: ");
        let said = limits(whole.clone());
        assert!(!is_cut(&said) && !said.contains("in none of its structures"), "{options}: {said}");
        // A VHD ends in its footer: without, it is none, or is read by the copy; what follows it is another matter.
        let is_vhd = options.contains("vpc");
        if !is_vhd {
            let said = limits(whole[..whole.len() / 2].to_vec());
            assert!(is_cut(&said), "{options}, half of it: {said}");
        } else if options.contains("dynamic") {
            let said = limits([&whole[..whole.len() / 2], &whole[whole.len() - 512..]].concat());
            assert!(is_cut(&said), "{options}, half of it and its footer: {said}");
        }
        if !is_vhd && !options.contains("streamOptimized") {
            let more = [&whole[..], &vec![b'H'; 600_000]].concat();
            let said = limits(more);
            let told = said.contains(" bytes of the file of the ") && said.contains("they are not blank");
            assert!(told, "{options}, with more behind: {said}");
        }
    }
}

/// Opens and reads a disk of which the bytes at `places` were changed, one at a time.
fn mutate(options: &str, sample: &Sample, places: impl Iterator<Item = (u64, u8)>) -> [usize; 4] {
    let mut outcomes = [0; 4];
    for (at, flip) in places {
        let began = Instant::now();
        let file = Mutant { file: Arc::clone(&sample.file), at, flip, len: sample.file.len() as u64 };
        let outcome = match read(options, Arc::new(file)).map(|image| pieces(&image, &sample.truth)) {
            Err(_) => 0,
            Ok([_, 0, errors]) if errors > 0 => 1,
            Ok([_, 0, _]) => 2,
            Ok(_) => 3,
        };
        outcomes[outcome] += 1;
        assert!(began.elapsed() < Duration::from_secs(10), "{options}: byte {at} ^ {flip}");
    }
    let [refused, errors, right, wrong] = outcomes;
    println!(
        "{options}: {refused} refused, {errors} with errors, {right} right, {wrong} wrong without an error"
    );
    outcomes
}

#[test]
fn one_changed_byte_is_survived() {
    if !has_qemu() {
        return;
    }
    for (seed, options) in FORMATS.iter().enumerate() {
        let mut random = Random(seed as u64);
        let mut flip = move || (random.next(), random.next().to_le_bytes()[0] | 1);
        let sample = sample(options);
        let anywhere = (0..100).map(|_| flip()).map(|(at, flip)| (at % sample.file.len() as u64, flip));
        let [.., wrong] = mutate(options, &sample, anywhere.collect::<Vec<_>>().into_iter());
        // Of these formats, one alone has checksums over content. In the others a changed byte of content is content.
        assert!(wrong == 0 || !options.contains("streamOptimized"), "{wrong} wrong");
        let sample = plain(options);
        let structures = sample.file.iter().enumerate().filter(|(_, byte)| ![0, PLAIN].contains(*byte));
        let structures: Vec<usize> = structures.map(|(at, _)| at).collect();
        let places = (0..200).map(|_| flip());
        let places = places.map(|(at, flip)| (structures[at as usize % structures.len()] as u64, flip));
        mutate(options, &sample, places.collect::<Vec<_>>().into_iter());
    }
}

/// Whoever forges a disk forges its checksums too: numbers at the ends of what they can hold, under checksums that fit.
#[test]
fn forged_numbers_are_survived() {
    if !has_qemu() {
        return;
    }
    for (seed, options) in FORMATS.iter().enumerate() {
        let mut random = Random(seed as u64 + 1000);
        let sample = plain(options);
        let structures = sample.file.iter().enumerate().filter(|(_, byte)| ![0, PLAIN].contains(*byte));
        let structures: Vec<usize> = structures.map(|(at, _)| at).collect();
        let [mut opened, mut refused] = [0, 0];
        for _ in 0..250 {
            let mut forged = Vec::clone(&sample.file);
            for _ in 0..=random.next() % 3 {
                // Every other one in the first header: bitmaps and texts are longer than what is of interest.
                let among = if random.next().is_multiple_of(2) {
                    structures.len().min(100)
                } else {
                    structures.len()
                };
                let at = structures[random.next() as usize % among] & !3;
                let noise = random.next();
                let value =
                    [0, u64::MAX, 1 << 63, 1, u64::MAX >> 1, 1 << 32, noise, noise >> 40][noise as usize % 8];
                let value = if noise & 64 == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                let width = if noise & 128 == 0 { 4 } else { 8 };
                let room = width.min(forged.len() - at);
                forged[at..at + room].copy_from_slice(&value[..room]);
            }
            reseal(&mut forged);
            let began = Instant::now();
            match read(options, Arc::new(forged)) {
                Ok(image) => {
                    opened += 1;
                    let _ = pieces(&image, &sample.truth);
                }
                Err(_) => refused += 1,
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{options}");
        }
        println!("{options}: {opened} opened, {refused} refused");
    }
}

/// Makes the checksums of a VHD's or VHDX's structures fit again.
fn reseal(file: &mut [u8]) {
    if file.starts_with(b"vhdxfile") {
        for (at, length) in
            [(64, 4), (128, 4), (192, 64), (256, 64)].map(|(at, length)| (at << 10, length << 10))
        {
            forged::seal(&mut file[at..at + length]);
        }
    }
    let end = file.len() - 512;
    for (at, magic, length, field) in
        [(0, b"conectix", 512, 64), (end, b"conectix", 512, 64), (512, b"cxsparse", 1024, 36)]
    {
        if file[at..].starts_with(magic) {
            file[at + field..at + field + 4].fill(0);
            let sum: u32 = file[at..at + length].iter().map(|byte| u32::from(*byte)).sum();
            file[at + field..at + field + 4].copy_from_slice(&(!sum).to_be_bytes());
        }
    }
}

const PLAIN: u8 = 0xC5;
const PIECE: usize = 64 << 10;
