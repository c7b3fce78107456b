//! One gzip member and nothing else.

use std::io::{Read, Write};

use evidence::gzip::GzipReader;
use flate2::{Compression, GzBuilder};

fn member(content: &[u8], level: u32) -> Vec<u8> {
    let mut writer = GzBuilder::new().operating_system(255).write(Vec::new(), Compression::new(level));
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn inflate(bytes: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    GzipReader::new(bytes, limit).read_to_end(&mut out).map_err(|e| e.to_string())?;
    Ok(out)
}

#[test]
fn what_flate2_writes_is_read() {
    let long = (0..200_000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect::<Vec<_>>();
    for content in [&b""[..], b"x", b"hello hello hello\n", &long] {
        for level in [0, 1, 6, 9] {
            let limit = content.len() as u64;
            assert_eq!(inflate(&member(content, level), limit).unwrap(), content, "level {level}");
        }
    }
}

#[test]
fn freedoms_of_the_format_are_refused() {
    let good = member(b"hello hello hello\n", 6);
    let refused = |bytes: &[u8], expected: &str| crate::says(inflate(bytes, 1 << 20), expected);
    let build = |builder: GzBuilder| {
        let mut writer = builder.write(Vec::new(), Compression::fast());
        writer.write_all(b"x").unwrap();
        writer.finish().unwrap()
    };
    refused(&build(GzBuilder::new().operating_system(255).filename("a")), "gzip header");
    refused(&build(GzBuilder::new().operating_system(255).comment("a")), "gzip header");
    refused(&build(GzBuilder::new().operating_system(255).extra(&b"a"[..])), "gzip header");
    refused(&build(GzBuilder::new().operating_system(255).mtime(1)), "gzip header");
    refused(&build(GzBuilder::new().operating_system(3)), "gzip header");
    refused(&[&good[..], &good].concat(), "bytes follow");
    refused(&[&good[..], b"\0"].concat(), "bytes follow");
    crate::says(inflate(&good, 17), "more than 17 bytes");
    crate::says(inflate(&member(&vec![0; 100 << 20], 9), 1 << 20), "more than 1048576 bytes");
    for end in 0..good.len() {
        refused(&good[..end], "ends early");
    }
}

#[test]
fn a_flipped_bit_never_gives_other_content() {
    let content = b"hello hello hello\n".repeat(3);
    let good = member(&content, 6);
    let mut survived = 0;
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        if let Ok(out) = inflate(&bad, 1 << 20) {
            assert_eq!(out, content, "bit {bit}");
            survived += 1;
        }
    }
    // Unused bits after the last block, and the byte that tells the compressor's effort.
    assert!(survived < 12, "{survived}");
}

#[test]
fn an_error_stays_an_error() {
    let mut bad = member(b"hello", 6);
    *bad.last_mut().unwrap() ^= 1;
    let mut reader = GzipReader::new(&bad[..], 100);
    let mut out = Vec::new();
    assert!(reader.read_to_end(&mut out).is_err());
    crate::says(reader.read(&mut [0; 8]), "refused before");
}
