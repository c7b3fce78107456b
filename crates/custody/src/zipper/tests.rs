use std::io::Read as _;
use std::process::Command;

use super::*;

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(step).collect()
}

fn contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("objects/EMPTY", Vec::new()),
        ("objects/TEXT", b"hello hello hello hello".to_vec()),
        ("objects/ONE", b"x".to_vec()),
        ("objects/NOISE", noise(300_000)),
        ("objects/SMALL-NOISE", noise(5_000)),
        ("objects/LONG", b"0123456789abcdef".repeat(100_000)),
        ("objects/MIXED", [&b"0123456789abcdef".repeat(40_000), &noise(600_000)[..], &[7; 700_000]].concat()),
        ("manifest.jsonl", b"{}\n".to_vec()),
    ]
}

fn archive(step: usize, finish: impl FnOnce(ZipWriter<Vec<u8>>) -> Vec<u8>) -> Vec<u8> {
    let mut zip = ZipWriter::new(Vec::new(), Compression::Fast);
    for (name, content) in contents() {
        zip.start(name).unwrap();
        content.chunks(step).for_each(|chunk| zip.write(chunk).unwrap());
        assert_eq!(zip.end().unwrap(), content.len() as u64);
    }
    finish(zip)
}

#[test]
fn the_zip_crate_reads_every_entry() {
    for step in [1 << 20, 65_536, 777] {
        let bytes = archive(step, |zip| zip.finish().unwrap());
        let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        assert_eq!(read.len(), contents().len());
        for (name, content) in contents() {
            let mut entry = read.by_name(name).unwrap();
            let mut found = Vec::new();
            entry.read_to_end(&mut found).unwrap();
            assert!(found == content, "{name} in steps of {step}");
        }
        let mixed = read.by_name("objects/MIXED").unwrap();
        assert!(mixed.compressed_size() < 640_000, "both kinds: {}", mixed.compressed_size());
        drop(mixed);
        let noise = read.by_name("objects/NOISE").unwrap();
        assert!(noise.compressed_size() < 303_000, "stored: {}", noise.compressed_size());
    }
}

#[test]
fn bytes_are_those_of_the_zip_crate_where_both_can_write_them() {
    let options = zip::write::SimpleFileOptions::default()
        .compression_level(Some(1))
        .large_file(true)
        .last_modified_time(zip::DateTime::default());
    let mut theirs = zip::ZipWriter::new_stream(Vec::new());
    let mut ours = ZipWriter::new(Vec::new(), Compression::Fast);
    for (name, content) in contents().into_iter().filter(|(name, _)| !name.contains("NOISE")) {
        if content.len() > HEAD {
            continue; // we look at the head first, which cuts the stream differently
        }
        theirs.start_file(name, options).unwrap();
        theirs.write_all(&content).unwrap();
        ours.start(name).unwrap();
        ours.write(&content).unwrap();
        ours.end().unwrap();
    }
    assert_eq!(ours.finish().unwrap(), theirs.finish().unwrap().into_inner());
}

#[test]
fn a_padded_archive_is_exactly_as_long_as_its_class() {
    for extra in [0, 1, 7, 100_000] {
        let class = |len: u64| len.next_multiple_of(100_000) + extra;
        let bytes = archive(1 << 16, |zip| zip.finish_padded(class).unwrap());
        assert_eq!(bytes.len() as u64 % 100_000, extra % 100_000);
        let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        assert_eq!(read.by_index(contents().len()).unwrap().name().unwrap(), PADDING);
        let mut padding = Vec::new();
        read.by_name(PADDING).unwrap().read_to_end(&mut padding).unwrap();
        assert!(padding.iter().all(|byte| *byte == 0));
    }
}

/// The padding's blocks must add up for every length of the stream.
#[test]
fn padding_streams_of_every_length() {
    let around =
        ZipWriter::new(Vec::new(), Compression::Fast).finish_padded(|least| least).unwrap().len() as u64;
    for more in (0..20).chain(65_520..65_560).chain([131_070, 131_075, 131_080, 200_000]) {
        let bytes = ZipWriter::new(Vec::new(), Compression::Fast).finish_padded(|_| around + more).unwrap();
        assert_eq!(bytes.len() as u64, around + more);
        let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        io::copy(&mut read.by_name(PADDING).unwrap(), &mut io::sink()).unwrap();
    }
}

#[test]
fn what_is_random_is_told_from_what_is_not() {
    let text = include_bytes!("../zipper.rs");
    let even: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (name, bytes, random) in [
        ("noise", noise(300_000), true),
        ("a little noise", noise(600), true),
        ("too little to tell", noise(500), false),
        ("text", text.to_vec(), false),
        ("a little text", text[..600].to_vec(), false),
        ("zeros", vec![0; 300_000], false),
        // A sample does not see that it repeats: it is stored, and is whole all the same.
        ("every value as often as the others", even, true),
        (
            "noise in hexadecimal",
            noise(10_000).iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect(),
            false,
        ),
    ] {
        assert_eq!(seems_random(&bytes), random, "{name}");
    }
}

#[test]
fn nothing_is_compressed_where_nothing_is_asked_for() {
    for (compression, most, least) in
        [(Compression::None, 101_000, 100_000), (Compression::Fast, 2_000, 0), (Compression::Best, 2_000, 0)]
    {
        let mut zip = ZipWriter::new(Vec::new(), compression);
        zip.start("objects/ZEROS").unwrap();
        zip.write(&[0; 100_000]).unwrap();
        zip.end().unwrap();
        let bytes = zip.finish().unwrap();
        assert!((least..most).contains(&bytes.len()), "{compression:?}: {}", bytes.len());
        let mut read = zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap();
        assert_eq!(io::copy(&mut read.by_index(0).unwrap(), &mut io::sink()).unwrap(), 100_000);
    }
}

#[test]
fn more_entries_than_the_old_format_counts() {
    let mut zip = ZipWriter::new(Vec::new(), Compression::Fast);
    for number in 0..70_000 {
        zip.start(&format!("objects/KC07-C-{number:07}")).unwrap();
        zip.end().unwrap();
    }
    let bytes = zip.finish().unwrap();
    assert_eq!(zip::ZipArchive::new(io::Cursor::new(&bytes)).unwrap().len(), 70_000);
}

#[test]
fn unzip_and_python_accept_it() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("plain.zip", archive(4096, |zip| zip.finish().unwrap())),
        ("padded.zip", archive(4096, |zip| zip.finish_padded(crate::size_class::padme).unwrap())),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        for (program, args) in [("unzip", ["-tqq"].as_slice()), ("python3", &["-m", "zipfile", "-t"])] {
            match Command::new(program).args(args).arg(&path).output() {
                Err(_) => eprintln!("skipped: no {program} here"),
                Ok(output) => assert!(output.status.success(), "{program} {name}: {output:?}"),
            }
        }
    }
}

#[test]
fn names_are_ours() {
    for name in ["", "../x", "a b", "/etc/passwd\n", "caf\u{e9}", "C:\\x"] {
        let sound = name == "../x"; // dots are of the grammar; control numbers never hold them
        assert_eq!(ZipWriter::new(Vec::new(), Compression::Fast).start(name).is_ok(), sound, "{name:?}");
    }
}
