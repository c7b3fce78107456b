//! Damaged and forged btrfs volumes: an error or an issue, never content that does not fit its checksum.

use super::*;

/// An image with some bytes changed, or its end missing.
pub(crate) struct Damaged {
    image: RawFile,
    length: u64,
    /// Places, and what is changed in the byte there.
    changes: Vec<(u64, u8)>,
}

impl Damaged {
    pub(crate) fn new(image: &Path, changes: &[(u64, u8)]) -> Self {
        let length = fs::metadata(image).unwrap().len();
        Self { image: RawFile::new(File::open(image).unwrap(), length), length, changes: changes.to_vec() }
    }

    pub(crate) fn open(self) -> Result<Box<dyn Source>, SourceError> {
        source::file_system(Arc::new(self))
    }
}

impl ByteSource for Damaged {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadFault> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap().min(buf.len());
        let count = self.image.read_at(offset, &mut buf[..left])?;
        for (at, change) in &self.changes {
            if let Some(byte) = at.checked_sub(offset).and_then(|at| buf[..count].get_mut(at as usize)) {
                *byte ^= change;
            }
        }
        Ok(count)
    }
}

/// The content of a file, or what is said instead.
pub(crate) fn try_content(source: &dyn Source, entry: &Entry) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut stream = source.open(entry).map_err(|error| error.to_string())?;
    stream.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Where the image's blocks of 4 KiB are not zero, and where those begin that begin like `content`.
pub(crate) fn blocks(image: &Path, content: &[u8]) -> (Vec<u64>, Vec<u64>) {
    let (file, mut block) = (File::open(image).unwrap(), vec![0; 4096]);
    let (mut used, mut found) = (Vec::new(), Vec::new());
    for at in (0..file.metadata().unwrap().len()).step_by(4096) {
        file.read_exact_at(&mut block, at).unwrap();
        if block.iter().any(|byte| *byte != 0) {
            used.push(at);
        }
        if block.starts_with(content) {
            found.push(at);
        }
    }
    (used, found)
}

/// A small tree, and each file's content by name.
pub(crate) fn small(folder: &Path) -> (PathBuf, BTreeMap<Vec<u8>, Vec<u8>>) {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("inner/deep")).unwrap();
    let mut contents = BTreeMap::new();
    let files = [
        ("file", 5),
        ("empty", 0),
        ("inner/block", 4096),
        ("inner/deep/long", 400_000),
        ("inner/odd", 70_001),
    ];
    for (index, (name, length)) in files.into_iter().enumerate() {
        let content = noise(length, index as u64);
        fs::write(tree.join(name), &content).unwrap();
        contents.insert(format!("/{name}").into_bytes(), content);
    }
    for index in 0..150 {
        let name = format!("inner/a-rather-long-name-{index:03}");
        fs::write(tree.join(&name), &name).unwrap();
        contents.insert(format!("/{name}").into_bytes(), name.into_bytes());
    }
    (tree, contents)
}

#[test]
fn content_that_does_not_fit_its_checksum_is_an_error_or_comes_from_the_other_copy() {
    if !can("mkfs.btrfs") {
        return;
    }
    for (options, copies) in [(["-d", "single"], 1), (["-d", "dup"], 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (tree, contents) = small(folder.path());
        let image = image(folder.path(), &tree, &options);
        let name = &b"/inner/deep/long"[..];
        let (_, places) = blocks(&image, &contents[name][40960..41000]);
        assert_eq!(places.len(), copies);
        // One copy has a wrong byte in this sector, and the other in the next one.
        let changes: Vec<_> =
            places.iter().enumerate().map(|(index, at)| (at + 4096 * index as u64, 4)).collect();
        let source = Damaged::new(&image, &changes).open().unwrap();
        let walked = whole(source.as_ref());
        for (known, content) in &contents {
            let entry = find(&walked, std::str::from_utf8(known).unwrap());
            let found = try_content(source.as_ref(), entry);
            if known == name && copies == 1 {
                let error = found.unwrap_err();
                assert!(
                    error.contains("content from byte 40960 on: damaged: 4096 bytes at logical address"),
                    "{error}"
                );
                assert!(error.contains("do not fit their checksum, in none of 1 copies"), "{error}");
            } else {
                assert!(found.unwrap() == *content);
            }
        }
        // Wrong in all copies: never data.
        let changes: Vec<_> = places.iter().map(|at| (at + 7, 1)).collect();
        let source = Damaged::new(&image, &changes).open().unwrap();
        let walked = whole(source.as_ref());
        let error = try_content(source.as_ref(), find(&walked, "/inner/deep/long")).unwrap_err();
        assert!(error.contains("do not fit their checksum"), "{error}");
    }
}

#[test]
fn the_superblock_is_read_from_its_copy() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, _) = small(folder.path());
    let image = image(folder.path(), &tree, &[]);
    let check = |changes: &[(u64, u8)], expect: &str| match Damaged::new(&image, changes).open() {
        Ok(source) => {
            assert_eq!(source.info().limits, [expect]);
            whole(source.as_ref());
        }
        Err(error) => assert_eq!(error.to_string(), expect),
    };
    let (first, second) = (64 << 10, 64 << 20);
    check(&[(first + 0x50, 1)], "the superblock is damaged; its copy at 67108864 was read");
    check(
        &[(first + 0x130, 1), (second + 0x130, 1)],
        "the superblock's checksum does not fit its content, and it has no good copy",
    );
    let raid_stripes = 1 << (14 - 8);
    check(
        &[(first + 0xBC + 1, raid_stripes), (second + 1, 1)],
        "no readable content: the file system uses a RAID stripe tree, which is not read",
    );
    let mut short = Damaged::new(&image, &[]);
    short.length = 40 << 20;
    let source = short.open().unwrap();
    assert_eq!(
        source.info().limits,
        ["cut short: its file system claims 209715200 bytes, of which 41943040 are there"]
    );
}

/// Whatever is wrong: no panic, no end of the walk, no wrong content, and nothing missing without a word.
pub(crate) fn survives(damaged: Damaged, contents: &BTreeMap<Vec<u8>, Vec<u8>>) -> bool {
    let Ok(source) = damaged.open() else { return false };
    let mut events = (Vec::new(), 0);
    let report = source.walk(&mut |event| {
        match event {
            source::WalkEvent::Item(entry) => events.0.push(entry),
            source::WalkEvent::Issue(_) => events.1 += 1,
        }
        std::ops::ControlFlow::Continue(())
    });
    let Ok(report) = report else { return false };
    let mut right = 0;
    for entry in events.0.iter().filter(|entry| entry.facts.kind == Kind::File) {
        let Ok(found) = try_content(source.as_ref(), entry) else { continue };
        for name in &entry.facts.names {
            assert!(contents.get(name.bytes()) == Some(&found), "wrong content of {name}");
            right += 1;
        }
    }
    let is_whole = report.coverage.iter().all(|(_, walked, expected)| walked == expected);
    let is_missing = events.0.iter().flat_map(|entry| &entry.facts.names).count() < contents.len();
    assert!(!is_missing || events.1 > 0 || !is_whole, "items are missing without a word");
    right < contents.len()
}

/// How many of `count` images with one byte changed were not read whole.
pub(crate) fn mutants(image: &Path, contents: &BTreeMap<Vec<u8>, Vec<u8>>, count: u64) -> usize {
    let (used, _) = blocks(image, b"no such content");
    let damaged = (0..count).filter(|seed| {
        let random = noise(12, *seed)
            .chunks(4)
            .map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
            .collect::<Vec<_>>();
        let at = used[random[0] as usize % used.len()] + u64::from(random[1] % 4096);
        let change = (random[2] % 255 + 1) as u8;
        survives(Damaged::new(image, &[(at, change)]), contents)
    });
    damaged.count()
}

#[test]
fn one_byte_changed_or_the_end_missing() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, contents) = small(folder.path());
    let image = image(folder.path(), &tree, &["-m", "single", "-n", "4k"]);
    assert!(!survives(Damaged::new(&image, &[]), &contents));
    assert!(mutants(&image, &contents, 140) > 70);
    for length in [0, 66_000, 70_000, 1 << 20, 5 << 20, 6 << 20, 14 << 20, 20 << 20, 30 << 20, 50 << 20] {
        let mut short = Damaged::new(&image, &[]);
        short.length = length;
        survives(short, &contents);
    }
}

#[test]
fn one_byte_changed_of_what_the_kernel_packed() {
    if !kernel_can() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    File::create(&image).unwrap().set_len(120 << 20).unwrap();
    run("mkfs.btrfs", &["-q", "-m", "single", image.to_str().unwrap()]);
    let at = folder.path().join("mount");
    let mut contents = BTreeMap::new();
    for method in ["zlib", "lzo", "zstd"] {
        let mount = Mount::new(&image, &at, &format!("compress-force={method}"));
        mount.run("btrfs", &["-q", "subvolume", "create"], method);
        for length in [1900, 300_000] {
            let name = format!("{method}/{length}");
            fs::write(mount.path(&name), text(length)).unwrap();
            contents.insert(format!("/{name}").into_bytes(), text(length));
        }
    }
    assert!(!survives(Damaged::new(&image, &[]), &contents));
    assert!(mutants(&image, &contents, 60) > 10);
}

/// CRC-32C of a tree block, as it stands at its beginning.
fn checksum(block: &[u8]) -> [u8; 4] {
    let crc = block.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { 0x82F6_3B78 ^ crc >> 1 } else { crc >> 1 },
        )
    });
    (!crc).to_le_bytes()
}

/// Trees by an enemy: a byte of a tree block is changed, and its checksum fits all the same.
#[test]
fn forged_tree_blocks_end_in_issues_and_errors() {
    if !can("mkfs.btrfs") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tree, _) = small(folder.path());
    let image = image(folder.path(), &tree, &["-m", "single", "-n", "4k"]);
    let file = File::open(&image).unwrap();
    let (used, _) = blocks(&image, b"no such content");
    let mut uuid = [0; 16];
    file.read_exact_at(&mut uuid, (64 << 10) + 0x20).unwrap();
    let mut block = vec![0; 4096];
    let trees: Vec<_> = used
        .into_iter()
        .filter(|at| {
            file.read_exact_at(&mut block, *at).unwrap();
            block[0x20..0x30] == uuid && checksum(&block[32..]) == block[..4]
        })
        .collect();
    assert!(trees.len() > 20, "{} tree blocks", trees.len());
    let mut walks = 0;
    for seed in 0..400 {
        let random = noise(16, seed);
        let at = trees[usize::from(u16::from_le_bytes([random[0], random[1]])) % trees.len()];
        file.read_exact_at(&mut block, at).unwrap();
        let mut forged = block.clone();
        // Most of a block is free space: the head, the keys and the last items are what is believed.
        let place = usize::from(u16::from_le_bytes([random[4], random[5]])) % 4064 + 32;
        let used: Vec<_> = (32..4096).filter(|at| block[*at] != 0).collect();
        let place = if random[6].is_multiple_of(4) { place } else { used[place % used.len()] };
        forged[place] = random[8];
        let sum = checksum(&forged[32..]);
        forged[..4].copy_from_slice(&sum);
        let changes: Vec<_> = (at..)
            .zip(block.iter().zip(&forged).map(|(one, other)| one ^ other))
            .filter(|(_, change)| *change != 0)
            .collect();
        let Ok(source) = Damaged::new(&image, &changes).open() else { continue };
        let mut entries = Vec::new();
        let report = source.walk(&mut |event| {
            if let source::WalkEvent::Item(entry) = event {
                entries.push(entry);
            }
            std::ops::ControlFlow::Continue(())
        });
        walks += usize::from(report.is_ok());
        for entry in entries.iter().filter(|entry| entry.facts.kind == Kind::File) {
            if let Ok(stream) = source.open(entry) {
                let _ = std::io::copy(&mut stream.take(8 << 20), &mut std::io::sink());
            }
        }
    }
    assert!(walks > 250, "{walks} walks");
}
