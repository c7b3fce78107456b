//! Arrays laid out as md(4) describes them, with superblocks that `mdadm --examine` accepts.

use std::collections::BTreeSet;

use super::*;

/// An array to be written. Sizes are in sectors.
#[derive(Clone)]
pub(crate) struct Array {
    pub(crate) minor: u32,
    pub(crate) level: i32,
    pub(crate) layout: u32,
    pub(crate) chunk: u32,
    pub(crate) disks: u32,
    pub(crate) size: u64,
    pub(crate) features: u32,
    pub(crate) events: u64,
    pub(crate) in_sync_to: u64,
    /// The array's identity.
    pub(crate) set: [u8; 16],
    pub(crate) created: u64,
    /// Roles by number, where they are not simply 0, 1, 2.
    pub(crate) roles: Vec<u16>,
}

impl Default for Array {
    fn default() -> Self {
        Self {
            minor: 2,
            level: 1,
            layout: 0,
            chunk: 0,
            disks: 2,
            size: 0,
            features: 0,
            events: 20,
            in_sync_to: u64::MAX,
            set: *b"0123456789abcdef",
            created: 1_700_000_000,
            roles: Vec::new(),
        }
    }
}

/// Sectors before the data, for 1.1 and 1.2.
const DATA: u64 = 64;

impl Array {
    /// The member of a number, with its data.
    pub(crate) fn member(&self, number: u32, data: &[u8]) -> Vec<u8> {
        let sectors = data.len() as u64 / 512;
        let before = if self.minor == 0 { 0 } else { DATA };
        // 1.0: behind the data, in the last aligned place that leaves 8 KiB.
        let length = if self.minor == 0 { ((sectors + 7) & !7) + 64 } else { before + sectors + 3 };
        let at = [(length - 16) & !7, 0, 8][self.minor as usize];
        let mut piece = vec![0; length as usize * 512];
        piece[before as usize * 512..][..data.len()].copy_from_slice(data);
        let roles: Vec<u16> =
            if self.roles.is_empty() { (0..self.disks as u16).collect() } else { self.roles.clone() };
        let mut block = vec![0; 256 + 2 * roles.len()];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &0xA92B_4EFC_u32.to_le_bytes());
        put(4, &1_u32.to_le_bytes());
        put(8, &self.features.to_le_bytes());
        put(16, &self.set);
        put(32, b"secret:7");
        put(64, &self.created.to_le_bytes());
        put(72, &self.level.to_le_bytes());
        put(76, &self.layout.to_le_bytes());
        put(80, &self.size.to_le_bytes());
        put(88, &self.chunk.to_le_bytes());
        put(92, &self.disks.to_le_bytes());
        put(128, &before.to_le_bytes());
        put(136, &sectors.to_le_bytes());
        put(144, &at.to_le_bytes());
        put(160, &number.to_le_bytes());
        put(168, &[number as u8; 16]);
        put(192, &1_700_000_000_u64.to_le_bytes());
        put(200, &self.events.to_le_bytes());
        put(208, &self.in_sync_to.to_le_bytes());
        put(220, &(roles.len() as u32).to_le_bytes());
        for (index, role) in roles.iter().enumerate() {
            put(256 + 2 * index, &role.to_le_bytes());
        }
        seal(&mut block);
        piece[at as usize * 512..][..block.len()].copy_from_slice(&block);
        piece
    }

    /// All members, each with its data.
    fn members(&self, data: &[Vec<u8>]) -> Vec<Vec<u8>> {
        (0..).zip(data).map(|(number, data)| self.member(number, data)).collect()
    }
}

/// Writes a superblock's checksum.
pub(crate) fn seal(block: &mut [u8]) {
    block[216..220].fill(0);
    let words =
        block.chunks(4).map(|word| word.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)));
    let sum: u64 = words.sum();
    let sum = (sum as u32).wrapping_add((sum >> 32) as u32);
    block[216..220].copy_from_slice(&sum.to_le_bytes());
}

const CHUNK: usize = 8 * 512;

/// An array of `disks` members of `rows` chunks, each chunk put where `places` says: member and row.
fn spread(
    content: &[u8],
    disks: usize,
    rows: usize,
    places: &dyn Fn(usize) -> Vec<(usize, usize)>,
) -> Vec<Vec<u8>> {
    let mut data = vec![noise(rows * CHUNK, 99); disks];
    for (index, chunk) in content.chunks(CHUNK).enumerate() {
        for (disk, row) in places(index) {
            data[disk][row * CHUNK..][..chunk.len()].copy_from_slice(chunk);
        }
    }
    data
}

fn striped(level: i32, layout: u32, disks: u32, rows: u64) -> Array {
    let features = if level == 0 { 4096 } else { 0 };
    Array { level, layout, disks, chunk: 8, size: rows * 8, features, ..Array::default() }
}

/// Every level that is read: the array, its content, and its members' data.
fn levels() -> Vec<(Array, Vec<u8>, Vec<Vec<u8>>)> {
    let mut all = Vec::new();
    let mirror = noise(30 * 512, 1);
    all.push((Array { size: 30, disks: 3, ..Array::default() }, mirror.clone(), vec![mirror; 3]));
    let content = noise(24 * CHUNK, 2);
    let data = spread(&content, 3, 8, &|chunk| vec![(chunk % 3, chunk / 3)]);
    all.push((striped(0, 1, 3, 0), content, data));
    // RAID 10: near 2 of 4, near 2 of 3 (a row ends between copies), near 3 of 3, far 2 of 3, far 3 of 4, offset 2 of 3.
    for (near, disks, rows) in [(2, 4, 6), (2, 3, 6), (2, 3, 7), (3, 3, 5)] {
        let content = noise(rows * disks / near * CHUNK, 3);
        let places = |chunk: usize| {
            (0..near).map(|copy| chunk * near + copy).map(|at| (at % disks, at / disks)).collect()
        };
        let data = spread(&content, disks, rows, &places);
        all.push((striped(10, 0x100 | near as u32, disks as u32, rows as u64), content, data));
    }
    for (far, disks, rows) in [(2, 3, 8), (3, 4, 9), (2, 2, 6)] {
        let deep = rows / far;
        let content = noise(deep * disks * CHUNK, 4);
        let places = |chunk: usize| {
            (0..far).map(|copy| ((chunk + copy) % disks, chunk / disks + copy * deep)).collect()
        };
        let data = spread(&content, disks, rows, &places);
        all.push((striped(10, (far as u32) << 8 | 1, disks as u32, rows as u64), content, data));
        let places = |chunk: usize| {
            (0..far).map(|copy| ((chunk + copy) % disks, chunk / disks * far + copy)).collect()
        };
        let content = noise(deep * disks * CHUNK, 5);
        let data = spread(&content, disks, rows, &places);
        all.push((striped(10, 0x1_0001 | (far as u32) << 8, disks as u32, rows as u64), content, data));
    }
    let parts = [noise(5 * CHUNK, 6), noise(3 * CHUNK, 7)];
    all.push((Array { level: -1, size: 0, ..Array::default() }, parts.concat(), parts.to_vec()));
    all
}

/// RAID 0 over members of 6, 4, 8 and 6 chunks: zones over four, three, and one.
fn zoned(layout: u32) -> (Array, Vec<u8>, Vec<Vec<u8>>) {
    let content = noise(24 * CHUNK, 8);
    let mut data: Vec<Vec<u8>> = [6, 4, 8, 6].map(|rows| vec![0; rows * CHUNK]).to_vec();
    for (index, chunk) in content.chunks(CHUNK).enumerate() {
        let (zone, first, members): (usize, usize, &[usize]) = match index {
            0..16 => (0, 0, &[0, 1, 2, 3]),
            16..22 => (4, 16, &[0, 2, 3]),
            _ => (6, 22, &[2]),
        };
        let turn = if layout == 1 { index } else { index - first };
        let row = zone + (index - first) / members.len();
        data[members[turn % members.len()]][row * CHUNK..][..CHUNK].copy_from_slice(chunk);
    }
    (striped(0, layout, 4, 0), content, data)
}

#[test]
fn every_level_gives_its_content() {
    for (array, content, data) in levels().into_iter().chain([zoned(1), zoned(2)]) {
        for minor in 0..3 {
            let members = Array { minor, ..array.clone() }.members(&data);
            let mut all = pieces(&members);
            all.reverse();
            let found = assemble(&all).unwrap();
            let id = |piece: &Piece| {
                ("md_uuid", "30313233:34353637:38396162:63646566".to_owned(), piece.place.clone())
            };
            assert_eq!(found.ids, all.iter().map(id).collect::<BTreeSet<_>>());
            let found = one(found);
            let about = format!("level {} layout {:#x} of {}", array.level, array.layout, array.disks);
            assert!(super::content(&found) == content, "{about}");
            assert_eq!(found.place, "md:30313233-3435-3637-3839-616263646566");
            assert_eq!((limits(&found).len(), found.members.len()), (0, members.len()));
            let compared = found.limits.iter().any(|limit| limit.starts_with("the copies are not compared"));
            assert_eq!(compared, array.level >= 1, "{about}");
            assert!(found.what.ends_with(&format!("of {} members", array.disks)));
            for lost in 0..members.len() {
                let mut fewer = pieces(&members);
                fewer.remove(lost);
                let found = assemble(&fewer).unwrap();
                if array.level < 1 {
                    let unread = unread(found);
                    assert!(unread.why.contains(&format!("members {lost} are missing")), "{}", unread.why);
                    continue;
                }
                let found = one(found);
                assert!(super::content(&found) == content, "{about} without {lost}");
                assert!(found.what.ends_with(" members, 1 missing"));
            }
        }
    }
}

#[test]
fn mdadm_reads_the_superblocks_written_here() {
    let Some(mdadm) = tool("mdadm") else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = [(-1, "linear"), (0, "raid0"), (1, "raid1"), (10, "raid10")];
    for (array, _, data) in levels() {
        for minor in 0..3 {
            let path = folder.path().join("member.img");
            std::fs::write(&path, Array { minor, ..array.clone() }.member(1, &data[1])).unwrap();
            let text = run(&mdadm, &["--examine", path.to_str().unwrap()]).unwrap();
            let field = |name: &str| {
                let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(" : "));
                line.unwrap_or_else(|| panic!("no {name} in {text}")).to_owned()
            };
            let level = names.iter().find(|(level, _)| *level == array.level).unwrap().1;
            assert!(field("Checksum").ends_with("- correct"));
            assert_eq!(field("Version"), ["1.0", "1.1", "1.2"][minor as usize]);
            assert_eq!(
                (field("Raid Level").as_str(), field("Raid Devices")),
                (level, array.disks.to_string())
            );
            assert_eq!((field("Events").as_str(), field("Device Role").as_str()), ("20", "Active device 1"));
            assert_eq!(field("State"), "clean");
            assert_eq!(field("Array UUID"), "30313233:34353637:38396162:63646566".to_owned());
            if array.level == 10 {
                let (near, far) = (array.layout & 255, array.layout >> 8 & 255);
                let shown = match (near, far, array.layout >> 16) {
                    (1, far, 0) => format!("far={far}"),
                    (1, far, _) => format!("offset={far}"),
                    (near, ..) => format!("near={near}"),
                };
                assert!(field("Layout").contains(&shown), "{}", field("Layout"));
            }
        }
    }
}

/// A mirror whose second member was written with `other`, and holds other bytes.
fn pair(array: &Array, other: &Array) -> Assembly {
    let (new, old) = (noise(30 * 512, 1), noise(30 * 512, 2));
    assemble(&pieces(&[other.member(1, &old), array.member(0, &new)])).unwrap()
}

/// What becomes of a member that an array has no use for.
#[derive(Debug, Eq, PartialEq)]
enum Becomes {
    /// It is used after all.
    Used,
    /// An array of its own.
    Copy,
    /// It is named, and its bytes can be preserved.
    Idle,
}

#[test]
fn members_that_do_not_belong_are_not_used() {
    let array = Array { size: 30, ..Array::default() };
    let (new, old) = (noise(30 * 512, 1), noise(30 * 512, 2));
    let check = |array: Array, other: Array, expect: &str, becomes: Becomes| {
        let mut assembly = pair(&array, &other);
        let rest = assembly.volumes.split_off(1);
        let left = std::mem::take(&mut assembly.unread);
        let found = one(assembly);
        assert!(content(&found) == new, "{expect}");
        assert_eq!(limits(&found), [format!("the member at gpt:1 {expect}")]);
        // What is not used does not vanish.
        let found = match (rest.as_slice(), left.as_slice()) {
            ([], []) => Becomes::Used,
            ([copy], []) => {
                assert_eq!(
                    (copy.members.as_slice(), &copy.place),
                    (&["gpt:1".to_owned()][..], &format!("{}:2", found.place))
                );
                assert!(old.starts_with(&content(copy)), "{expect}");
                Becomes::Copy
            }
            ([], [idle]) => {
                assert_eq!(
                    (idle.place.as_str(), idle.why.as_str()),
                    ("gpt:1", format!("it {expect}").as_str())
                );
                Becomes::Idle
            }
            (copies, idle) => panic!("{} and {idle:?}", copies.len()),
        };
        assert_eq!(found, becomes, "{expect}");
    };
    let with = |change: &dyn Fn(&mut Array)| {
        let mut other = array.clone();
        change(&mut other);
        other
    };
    let stale = "is stale (it counts 7 events, the array 20), and is not used";
    check(array.clone(), with(&|other| other.events = 7), stale, Becomes::Copy);
    check(array.clone(), with(&|other| other.events = 19), "is one event behind, and is used", Becomes::Used);
    let kicked = with(&|array| (array.roles, array.events) = (vec![0, 0xFFFE], 21));
    let forgotten = "is stale (the array no longer counts it as a member), and is not used";
    check(kicked, array.clone(), forgotten, Becomes::Copy);
    let idle = |other: Array, expect| check(array.clone(), other, expect, Becomes::Idle);
    idle(with(&|other| other.features = 2), "was being rebuilt, and is not used");
    idle(with(&|other| other.features = 16), "is a replacement for another, and is not used");
    idle(with(&|other| other.roles = vec![0, 0xFFFF]), "is a spare, and is not used");
    idle(with(&|other| other.roles = vec![0, 0xFFFE]), "is marked as faulty, and is not used");
    let contradicts = "contradicts the others on what the array is, and is not used";
    check(with(&|array| array.events = 21), with(&|other| other.size = 29), contradicts, Becomes::Copy);
    let twice = [array.member(0, &new), array.member(0, &old)];
    let assembly = assemble(&pieces(&twice)).unwrap();
    assert!(assembly.unread.is_empty());
    let [found, copy] = assembly.volumes.as_slice() else { panic!("{}", assembly.volumes.len()) };
    assert!(content(found) == new && content(copy) == old);
    assert_eq!(limits(found), ["the member at gpt:2 claims a place that another has, and is not used"]);
    let many: Vec<Vec<u8>> = (0..12).map(|seed| array.member(0, &noise(30 * 512, seed))).collect();
    let assembly = assemble_all(&pieces(&many)).unwrap();
    assert_eq!((assembly.volumes.len(), assembly.unread.len()), (8, 4), "none of twelve vanishes");
    let dirty = with(&|array| array.in_sync_to = 8);
    assert!(
        one(pair(&dirty, &dirty)).limits[0].starts_with("the members were in agreement up to sector 8 alone")
    );
    let short = array.member(0, &new);
    let found = one(assemble(&pieces(&[short[..short.len() - 8 * 512].to_vec()])).unwrap());
    assert!(found.limits[0].starts_with("the member at gpt:1 ends at byte"));
    assert_eq!(found.bytes.len(), 25 * 512, "what is cut off is not zeros");
    assert_eq!(
        limits(&found)[1],
        "it states 15360 bytes, of which its members hold none from byte 12800 on: it ends there"
    );
}

#[test]
fn what_is_not_read_is_named() {
    let check = |array: Array, expect: &str| {
        let data = vec![noise(4 * CHUNK, 1); array.disks as usize];
        let unread = unread(assemble(&pieces(&array.members(&data))).unwrap());
        assert!(unread.why.starts_with(expect), "{}", unread.why);
        assert!(!format!("{}{}{}", unread.place, unread.what, unread.why).contains("secret"));
        assert_eq!((unread.members.len(), unread.name.as_deref()), (data.len(), Some("secret:7")));
    };
    check(striped(5, 2, 3, 4), "RAID 5 is not read");
    check(striped(6, 2, 4, 4), "RAID 6 is not read");
    check(striped(4, 0, 3, 4), "RAID 4 is not read");
    check(striped(77, 0, 3, 4), "RAID of the unknown level 77 is not read");
    check(Array { features: 4, ..striped(1, 0, 2, 4) }, "it was being reshaped");
    check(
        Array { features: 1 << 20, ..striped(1, 0, 2, 4) },
        "it uses features that are not known: 0x100000",
    );
    check(striped(10, 0x2_0201, 4, 4), "its RAID 10 layout is not read: 0x20201");
    check(striped(10, 0x202, 4, 4), "its RAID 10 layout is not read: 2 near and 2 far copies on 4 members");
    check(striped(10, 0, 4, 4), "its RAID 10 layout is not read: 0 near");
    check(Array { chunk: 0, ..striped(0, 1, 2, 4) }, "its chunks have no length");
    check(Array { size: 0, ..Array::default() }, "its length would be 0 sectors");
    let (array, _, data) = zoned(2);
    for array in [Array { features: 0, ..array.clone() }, Array { layout: 0, ..array }] {
        let unread = unread(assemble(&pieces(&array.members(&data))).unwrap());
        assert!(unread.why.starts_with("its members are of unequal size, and it does not record"));
    }
    let mut old = vec![0; 1 << 18];
    let words = [(0, 0xA92B_4EFC_u32), (8, 90), (20, 0x0102_0304), (28, 1)];
    for (at, word) in words {
        old[(3 << 16) + at..][..4].copy_from_slice(&word.to_le_bytes());
    }
    let unread = unread(assemble(&pieces(&[old.clone(), old])).unwrap());
    assert_eq!((unread.what.as_str(), unread.members.len()), ("RAID 1 with metadata 0.90", 2));
    assert_eq!(unread.place, "md:01020304-0000-0000-0000-000000000000");
    let mut damaged = Array { size: 8, ..Array::default() }.member(0, &noise(8 * 512, 1));
    damaged[4096 + 100] ^= 1;
    let found = assemble(&pieces(&[damaged])).unwrap();
    assert!(found.ids.is_empty(), "what may be damaged identifies nothing");
    assert!(super::unread(found).why.starts_with("the superblock's checksum is"));
    // The end of a disk is the end of its last partition: what stands there is the partition's.
    let member = Array { minor: 0, size: 8, ..Array::default() }.member(0, &noise(8 * 512, 1));
    assert_eq!(assemble(&pieces(std::slice::from_ref(&member))).unwrap().volumes.len(), 1);
    let found = assemble(&pieces(&[[vec![0; 1 << 20], member].concat()])).unwrap();
    assert!(found.volumes.is_empty() && found.unread.is_empty());
}

#[test]
fn what_one_member_cannot_give_comes_from_another() {
    let content = noise(300 * 512, 1);
    let array = Array { size: 300, ..Array::default() };
    let members = array.members(&[content.clone(), content.clone()]);
    let start = DATA * 512;
    let with = |bad: [Vec<Range<u64>>; 2]| {
        let shifted =
            bad.map(|bad| bad.iter().map(|bad| bad.start + start..bad.end + start).collect::<Vec<_>>());
        let all = members.iter().zip(shifted).enumerate();
        let all = all.map(|(number, (bytes, bad))| Piece {
            place: format!("gpt:{number}"),
            bytes: Arc::new(Bad(bytes.clone(), bad)),
        });
        one(assemble(&all.collect::<Vec<_>>()).unwrap())
    };
    let far = 176 * 512..177 * 512;
    assert!(super::content(&with([[0..40_000].into(), vec![]])) == content);
    assert!(
        super::content(&with([vec![0..1024, far.clone()], vec![1024..176 * 512, 177 * 512..150_016]]))
            == content
    );
    let found = with([vec![512..1024, far.clone()], [700..2048].into()]);
    let fault = found.bytes.read_at(0, &mut vec![0; 4096]).unwrap_err();
    assert_eq!((fault.offset, fault.length), (512, 512));
    assert!(found.bytes.bad_ranges().iter().eq([&(512..1024)]));
    let mut rest = vec![0; content.len() - 1024];
    found.bytes.read_exact_at(1024, &mut rest).unwrap();
    assert!(rest == content[1024..]);
    // A list of bad blocks: 3 sectors from the eighth on, counted from the beginning of the member.
    let mut listed = Array { features: 8, ..array.clone() }.member(0, &noise(300 * 512, 2));
    listed[start as usize..][..content.len()].copy_from_slice(&content);
    listed[start as usize + 8 * 512..][..3 * 512].fill(0xEE);
    let block = &mut listed[4096..4096 + 260];
    block[186..188].copy_from_slice(&1_u16.to_le_bytes());
    block[188..192].copy_from_slice(&8_u32.to_le_bytes());
    seal(block);
    listed[16 * 512..17 * 512].fill(0xFF);
    listed[16 * 512..][..8].copy_from_slice(&((DATA + 8) << 10 | 3).to_le_bytes());
    let found = one(assemble(&pieces(&[listed.clone(), members[1].clone()])).unwrap());
    assert!(super::content(&found) == content);
    assert_eq!(limits(&found), ["the member at gpt:1 lists 1 ranges that it does not hold"]);
    let alone = one(assemble(&pieces(&[listed])).unwrap());
    assert!(alone.bytes.read_at(0, &mut vec![0; 8 * 512]).is_ok());
    assert!(alone.bytes.read_at(0, &mut vec![0; 9 * 512]).is_err());
}

#[test]
fn mutants_of_superblocks_are_read_to_an_end() {
    let all: Vec<_> = levels().into_iter().chain([zoned(1)]).collect();
    for seed in 0..200 {
        let (array, _, data) = &all[seed as usize % all.len()];
        let mut members = array.members(data);
        let noise = noise(16, seed);
        for bytes in noise.chunks(4) {
            let count = members.len();
            let block =
                &mut members[usize::from(bytes[0]) % count][4096..4096 + 256 + 2 * array.disks as usize];
            let at = 4 + usize::from(bytes[1]) % (block.len() - 4);
            block[at] = if bytes[3] & 1 == 0 { bytes[2] } else { 0xFF };
            if seed % 8 != 0 {
                seal(block);
            }
        }
        let found = assemble_all(&pieces(&members)).unwrap();
        for volume in found.volumes {
            let mut buf = vec![0; 1 << 16];
            for at in [0, 4096, volume.bytes.len() / 2, volume.bytes.len().saturating_sub(700), u64::MAX] {
                if let Ok(count) = volume.bytes.read_at(at, &mut buf) {
                    assert_eq!(count as u64, volume.bytes.len().saturating_sub(at).min(1 << 16));
                }
            }
        }
    }
}

#[test]
fn a_volume_is_no_longer_than_what_its_members_hold() {
    let data = noise(30 * CHUNK, 1);
    let stated = 1 << 51;
    for array in [
        Array { size: stated, ..Array::default() },
        Array { size: stated, chunk: 8, ..striped(10, 0x102, 2, 0) },
        Array { size: stated, chunk: 8, ..striped(10, 0x201, 2, 0) },
    ] {
        let mut members = array.members(&[data.clone(), data.clone()]);
        for member in &mut members {
            let block = &mut member[4096..4096 + 260];
            block[136..144].copy_from_slice(&(1_u64 << 51).to_le_bytes());
            seal(block);
        }
        let found = one(assemble(&pieces(&members)).unwrap());
        assert!(found.bytes.len() <= 4 * data.len() as u64, "{} at {}", found.bytes.len(), array.level);
        assert!(found.limits.iter().any(|limit| limit.contains("of which its members hold none from byte")));
    }
    let linear = Array { level: -1, size: 0, ..Array::default() };
    let mut members = linear.members(&[data.clone(), data]);
    let block = &mut members[0][4096..4096 + 260];
    block[136..144].copy_from_slice(&(1_u64 << 51).to_le_bytes());
    seal(block);
    let found = unread(assemble(&pieces(&members)).unwrap());
    assert!(found.why.contains("of which its members hold at most"), "{}", found.why);
}

#[test]
fn the_other_of_two_superblocks_is_named() {
    let data = noise(30 * 512, 1);
    let array = Array { size: 30, disks: 1, ..Array::default() };
    let older = Array { minor: 1, set: *b"an older one....", created: 1_600_000_000, ..array.clone() };
    let mut member = array.member(0, &data);
    member[..512].copy_from_slice(&older.member(0, &data)[..512]);
    let found = one(assemble(&pieces(&[member.clone()])).unwrap());
    let said = "the member at gpt:1 also bears a superblock at byte 0 of \
                md:616e206f-6c64-6572-206f-6e652e2e2e2e, created at second 1600000000, which is not used";
    assert_eq!(found.limits, [said]);
    member[100] ^= 1;
    let found = one(assemble(&pieces(&[member])).unwrap());
    assert!(found.limits[0].contains("also bears a damaged superblock at byte 0"), "{:?}", found.limits);
}
