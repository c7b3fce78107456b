//! A beginning that looks random may be that of an encrypted volume: both are told, with numbers.

use scope::identity::FSUUID_OF_COPY;

use super::copies::{made, volumes};
use super::*;

/// Bytes as chance would have them.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31).to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).take(length).collect()
}

/// The limit that tells of a copy, and the identities, of a volume with other bytes at its beginning.
fn with(volume: &[u8], first: &[u8]) -> (String, Vec<(String, String)>, String) {
    let mut volume = volume.to_vec();
    volume[..first.len()].copy_from_slice(first);
    let (mut found, mut medium) = (look(&[volume]), Medium::default());
    assert_eq!(read(&found), [""], "{:#?}", found.limits);
    found.describe(&mut medium);
    let limit = medium.cut_short().find(|limit| limit.contains("it is read by the copy")).unwrap().to_owned();
    (limit, medium.ids, medium.layers.remove(0).what)
}

fn is_of_copy(ids: &[(String, String)]) -> bool {
    let of = |wanted| ids.iter().find(|(kind, _)| kind == wanted).map(|(_, value)| value);
    of(FSUUID_OF_COPY).is_some_and(|value| of("fsuuid") == Some(value))
}

#[test]
fn of_a_beginning_that_looks_random_both_possibilities_are_told() {
    let count = volumes().len();
    let mut sampled = 0;
    for (what, volume, _) in volumes() {
        // Of ext as far as the descriptors, of the others the first sector.
        let length = if what == "its superblock" { 2048 } else { 512 };
        let (limit, ids, what) = with(&volume, &noise(length));
        let told = format!(
            "; bytes 0 to {} look random: this may be an encrypted volume that was made over that file system",
            length - 1
        );
        assert!(limit.contains(&told), "{limit}");
        assert!(is_of_copy(&ids), "{ids:?}");
        assert!(what.ends_with(", by a copy: its beginning looks random"), "{what}");
        sampled +=
            usize::from(limit.contains("places where by the copy its structures stand, 0 look random"));
        // Other bytes are no more than that: blank, of one value, of all values in turn, text, and code with much of both.
        let text: Vec<u8> =
            b"What stands here is a sentence, and no sentence is spread as chance would spread it. "
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect();
        let counted: Vec<u8> = (0..=255).cycle().take(length).collect();
        let base64: Vec<u8> = noise(length).iter().map(|byte| b'0' + byte % 64).collect();
        for first in [vec![0; length], vec![0xA5; length], counted, text, base64] {
            let (limit, ids, what) = with(&volume, &first);
            assert!(!limit.contains("random") && !what.contains("random"), "{limit}");
            assert!(!is_of_copy(&ids), "{ids:?}");
        }
    }
    assert!(sampled == count, "{sampled} of {count}");
}

#[test]
fn how_many_structures_look_random_is_told_beside_the_beginning() {
    let Some(mut volume) = made("mke2fs", &["-q", "-F", "-t", "ext2", "-b", "1024"], 40 << 20) else {
        return;
    };
    let places = look(std::slice::from_ref(&volume)).sources[0].structures();
    assert!(places.len() >= 6, "{places:?}");
    let count = places.len();
    let far: Vec<u64> = places.into_iter().filter(|at| *at > 8 << 20).collect();
    for at in &far {
        volume[*at as usize..][..512].copy_from_slice(&noise(512));
    }
    let (limit, ..) = with(&volume, &noise(2048));
    let told =
        format!("; of {count} places where by the copy its structures stand, {} look random", far.len());
    assert!(!far.is_empty() && limit.ends_with(&told), "{limit}");
}

#[test]
fn no_structure_of_a_sound_volume_looks_random() {
    let more = [
        made("mkfs.xfs", &["-q", "--unsupported"], 64 << 20),
        made("mke2fs", &["-q", "-F", "-t", "ext2", "-b", "1024"], 60 << 20),
        made("mkntfs", &["-F", "-q", "-Q"], 60 << 20),
        made("mkfs.btrfs", &["-q"], 128 << 20),
    ];
    for volume in volumes().into_iter().map(|(_, volume, _)| volume).chain(more.into_iter().flatten()) {
        let found = look(std::slice::from_ref(&volume));
        let places = found.sources[0].structures();
        assert!(!places.is_empty(), "{:?}", found.sources[0].info());
        let (mut at, random) = (places.clone(), noise(512));
        at.dedup();
        assert_eq!(at, places, "none twice");
        for at in places {
            let sector = &volume[at as usize..][..512];
            assert!(sector.iter().collect::<BTreeSet<_>>().len() < 100, "{at}");
        }
        assert!(random.iter().collect::<BTreeSet<_>>().len() > 190);
    }
}

#[test]
fn of_btrfs_tree_blocks_are_looked_at() {
    let Some(mut volume) = made("mkfs.btrfs", &["-q"], 160 << 20) else { return };
    let places = look(std::slice::from_ref(&volume)).sources[0].structures();
    assert!((8..=64).contains(&places.len()), "{places:?}");
    // Copies of tree blocks: what is read comes from the others.
    let half = 16 << 10;
    let second: Vec<u64> = places.iter().copied().filter(|at| *at > 68 << 20).collect();
    assert!(!second.is_empty(), "{places:?}");
    for at in &second {
        volume[*at as usize..][..half].copy_from_slice(&noise(half));
    }
    let (limit, ..) = with(&volume, &noise(128 << 10));
    assert!(
        limit.contains(&format!(
            "places where by the copy its structures stand, {} look random",
            second.len()
        )),
        "{limit}"
    );
}
