//! What unpacking costs, and what becomes of an archive that cannot be unpacked in all its members.

use super::*;

#[test]
fn an_archive_is_unknown_where_a_member_that_is_kept_cannot_be_read_to_its_end() {
    let archive = zip(&[("right", b"hay"), ("wrong", b"hay")]);
    // Whether or not a member fits the buffer, and whatever is looked for in it.
    for buffer in [1, 4096] {
        let found = examined_with(&policy("", ALL), archive.clone(), 0..0, one_name(), buffer);
        // Of the one that is wrong nobody knows whether it ends as a zip.
        let tiers: Vec<Tier> = found.1.iter().map(|(_, own)| own.decision.tier).collect();
        assert_eq!(tiers, [Tier::Included, Tier::Undetermined]);
        assert!(trouble(&found).contains("1 members that are kept or"), "{}", trouble(&found));
        assert_eq!(found.0.decision.tier, Tier::Undetermined);
        let found = examined_with(&policy("", ALL), zip(&[("right", b"hay")]), 0..0, one_name(), buffer);
        assert_eq!((trouble(&found), found.0.decision.tier), ("", Tier::Included));
    }
    // In each other, too.
    let found = examined(&policy("", ALL), tar(&[("inner.zip", &archive)]), 0..0, one_name());
    assert_eq!(found.1.last().unwrap().1.decision.tier, Tier::Undetermined);
}

#[test]
fn what_is_read_twice_in_an_archive_is_not_unpacked_from_the_beginning() {
    // Each file is longer than the buffer and than what is held, is looked at, and read twice.
    let members: Vec<(String, Vec<u8>)> = (0..48_u8).map(|at| (at.to_string(), vec![at; 3 << 19])).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, own)| (name.as_str(), &own[..])).collect();
    let policy = policy("", ALL);
    let examiner = Examiner::new(&policy, Options { buffer: 4096, ..Options::default() });
    let bytes = gzip(&tar(&members));
    let length = bytes.len();
    let (entry, source) = one(bytes, 0..0, one_name());
    let mut read = 0;
    let whole = examiner.examine_each(&entry, &source, &mut |source, member, own| {
        assert!(own.facts.failures.is_empty(), "{:?}", own.facts);
        if own.facts.container.is_none() {
            // As for its digest, and as it is kept.
            for _ in 0..2 {
                read += source.open(member).unwrap().read_to_end(&mut Vec::new()).unwrap();
            }
        }
        ControlFlow::Continue(())
    });
    assert_eq!(whole.unwrap().facts.container.unwrap().members, 1);
    assert_eq!(read, 2 * 48 * (3 << 19));
    let cost = source.read.into_inner() / length;
    assert!(cost < 10, "the archive was read {cost} times");
}

#[test]
fn members_are_taken_in_the_order_in_which_they_lie() {
    let forward = zip(&[("first", b"1"), ("other", b"2")]);
    let entry = 46 + 5;
    let at = forward.len() - 22 - 2 * entry;
    let mut backward = forward.clone();
    backward[at..at + 2 * entry].rotate_left(entry);
    for (bytes, names) in [(forward, ["first", "other"]), (backward, ["first", "other"])] {
        let found = examined(&policy("", ALL), bytes, 0..0, one_name());
        let own: Vec<String> =
            found.1.iter().map(|(_, own)| own.facts.member.as_ref().unwrap().name.to_string()).collect();
        assert_eq!((own, trouble(&found)), (names.map(str::to_owned).to_vec(), ""));
    }
}

#[test]
fn a_small_file_has_no_more_in_it_however_it_is_packed() {
    // 200 MiB of zeros in 200 kB, twice.
    let mut pack = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    io::copy(&mut io::repeat(0).take(200 << 20), &mut pack).unwrap();
    let zeros = pack.finish().unwrap();
    let found = examined(&policy("", ALL), tar(&[("a.gz", &zeros), ("b.gz", &zeros)]), 0..0, one_name());
    let troubles: Vec<Option<String>> =
        found.1.iter().filter_map(|(_, own)| Some(own.facts.container.as_ref()?.trouble.clone())).collect();
    let most = (256 << 20) - (200 << 20) - 2 * zeros.len();
    assert_eq!(troubles[0], None);
    assert_eq!(
        troubles[1].as_deref().unwrap(),
        format!("not opened to its end: more than {most} bytes unpacked")
    );
    assert_eq!(troubles.len(), 2);
}
