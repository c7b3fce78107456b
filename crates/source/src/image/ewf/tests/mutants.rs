//! Images with a byte changed, or cut: what is delivered is right, or the read failed.

use super::*;

/// Every byte that is delivered is right, or the read failed; nothing panics.
pub(super) fn check_mutant(folder: &Folder, first: &str, bytes: &[u8], what: &str) -> bool {
    let Ok(image) = open_image(folder, first) else { return false };
    assert_eq!(image.bytes.len(), bytes.len() as u64, "{what}");
    let (steps, _) = read_all(&image, CHUNK);
    for (index, read) in steps.iter().enumerate() {
        let expect = &bytes[index * CHUNK..bytes.len().min((index + 1) * CHUNK)];
        assert!(read.as_deref().is_none_or(|read| read == expect), "{what}: chunk {index} is wrong");
    }
    true
}

#[test]
fn mutants_deliver_nothing_wrong() {
    if !has_ewfacquire() {
        return;
    }
    let mut random = Random(0x5DEE_CE66);
    for options in
        [["-f", "encase6", "-c", "best"], ["-f", "encase5", "-c", "none"], ["-f", "smart", "-c", "fast"]]
    {
        let (folder, first, bytes) = small(&options);
        let image = folder.read(&first);
        // Chunks take most of the file; what is around them is what a parser can fall over.
        let around: Vec<usize> = sections(&image).into_iter().map(|(_, at)| at).collect();
        let mut opened = 0;
        for index in 0..300 {
            let near = around[random.next(around.len())] + random.next(160);
            let at = if index % 2 == 0 { near.min(image.len() - 1) } else { random.next(image.len()) };
            let mut mutant = image.clone();
            mutant[at] ^= u8::try_from(1 + random.next(255)).unwrap();
            folder.write(&first, &mutant);
            opened += usize::from(check_mutant(&folder, &first, &bytes, &format!("{options:?} byte {at}")));
        }
        assert!((50..=290).contains(&opened), "{opened} of 300 mutants were opened");
    }
}

#[test]
fn cut_images_deliver_nothing_wrong() {
    if !has_ewfacquire() {
        return;
    }
    let (folder, first, bytes) = small(&["-c", "best"]);
    let image = folder.read(&first);
    let mut cuts: Vec<usize> =
        sections(&image).iter().flat_map(|(_, at)| [*at, at + 1, at + 75, at + 76, at + 77]).collect();
    cuts.extend((0..image.len()).step_by(997));
    for cut in cuts.into_iter().filter(|cut| *cut < image.len()) {
        folder.write(&first, &image[..cut]);
        let opened = check_mutant(&folder, &first, &bytes, &format!("cut at {cut}"));
        assert!(!opened, "cut at {cut}");
    }
}

/// Makes the checksums of a segment right again: of each section's descriptor, of the volume section and of the tables.
fn reseal(image: &mut [u8], at: usize, kind: &str) {
    let mut seal = |from: usize, to: usize| {
        if let Some(sum) = image.get(from..to).map(adler32)
            && let Some(place) = image.get_mut(to..to + 4)
        {
            place.copy_from_slice(&sum.to_le_bytes());
        }
    };
    seal(at, at + 72);
    match kind {
        "volume" | "data" => seal(at + 76, at + 76 + 1_048),
        "table" | "table2" => {
            seal(at + 76, at + 76 + 20);
            seal(at + 100, at + 100 + 28);
        }
        _ => {}
    }
}

#[test]
fn mutants_with_right_checksums_neither_crash_nor_hang() {
    if !has_ewfacquire() {
        return;
    }
    let mut random = Random(0xDEAD_BEEF);
    let (folder, first, _) = small(&["-f", "encase6", "-c", "fast"]);
    let image = folder.read(&first);
    let all = sections(&image);
    let mut opened = 0;
    for _ in 0..1_000 {
        let mut mutant = image.clone();
        for _ in 0..=random.next(2) {
            let (kind, at) = &all[random.next(all.len())];
            let place = *at + [16, 24, 76, 80, 84, 92, 100, 104][random.next(8)] + random.next(8);
            mutant[place.min(image.len() - 1)] = [0, 1, 0x7F, 0x80, 0xFF, 0x40][random.next(6)];
            reseal(&mut mutant, *at, kind);
        }
        folder.write(&first, &mutant);
        let Ok(image) = open_image(&folder, &first) else { continue };
        opened += 1;
        let len = usize::try_from(image.bytes.len()).unwrap();
        let mut buf = vec![0; 100_000];
        for at in [0, len.saturating_sub(10), random.next(len + 1), random.next(len + 1)] {
            let _ = image.bytes.read_at(at as u64, &mut buf);
        }
    }
    assert!((100..=900).contains(&opened), "{opened} of 1000 mutants were opened");
}
