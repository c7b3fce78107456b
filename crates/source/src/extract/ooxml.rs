//! The text of a document in OOXML: that of all its parts, in the order of its archive.
//!
//! Implements `docs/spec/keywords.md`, "The text of OOXML".

use std::io::Read;
use std::sync::Arc;

use super::{Texts, xml};
use crate::archive::{self, Limits};
use crate::bytes::ByteSource;

/// The text of `document`; `None` where not all of it can be told.
pub(super) fn text(document: Vec<u8>) -> Option<Texts> {
    let document: Arc<dyn ByteSource> = Arc::new(document);
    let archive = archive::zip::read(document.as_ref(), &limits(document.len())).ok()?;
    if archive.loose > 0 {
        return None;
    }
    let mut names = std::collections::BTreeSet::new();
    let mut texts = Texts::default();
    for (number, member) in archive.members.iter().enumerate() {
        let name = member.name.to_ascii_lowercase();
        // One name twice is two documents.
        if !names.insert(name.clone()) {
            return None;
        }
        let mut content = archive.open(number, Arc::clone(&document)).ok()?;
        let is_xml = [&b".xml"[..], b".rels", b".vml"].iter().any(|end| name.ends_with(end));
        if is_xml {
            let mut part = Vec::new();
            content.read_to_end(&mut part).ok()?;
            xml::text(&part, &mut texts)?;
            if !texts.fits() {
                return None;
            }
        } else {
            // What is no picture, or is not read as one, may have text.
            if !NAMED.iter().any(|end| name.ends_with(end)) || !is_picture(content)? {
                return None;
            }
        }
    }
    Some(texts)
}

/// Whether the content begins as a picture, and does not end as a zip.
fn is_picture(mut content: impl Read) -> Option<bool> {
    let mut last = Vec::new();
    content.by_ref().take(8).read_to_end(&mut last).ok()?;
    if !PICTURES.iter().any(|begin| last.starts_with(begin)) {
        return Some(false);
    }
    while content.by_ref().take(PIECE).read_to_end(&mut last).ok()? > 0 {
        let old = last.len().saturating_sub(ZIP_END);
        last.drain(..old);
    }
    Some(!last.windows(4).any(|four| four == b"PK\x05\x06"))
}

/// Bytes read at once.
const PIECE: u64 = 1 << 20;
/// How far from its end the end record of a zip may begin.
const ZIP_END: usize = 65_557;
/// How pictures without text begin: PNG, JPEG, GIF.
const PICTURES: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"];
/// What the names of their parts end with.
const NAMED: [&[u8]; 5] = [b".png", b".jpeg", b".jpg", b".jpe", b".gif"];
/// A document has some dozens of parts; XML packs well, to a hundredth in a table of one value.
fn limits(length: u64) -> Limits {
    Limits { entries: 10_000, total: length.saturating_mul(250).clamp(32 << 20, 256 << 20), names: 16 << 20 }
}
