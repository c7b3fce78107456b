//! The text of a document in OOXML: that of all its parts, in the order of its archive.
//!
//! Implements `docs/spec/keywords.md`, "The text of OOXML".

use std::io::Read as _;
use std::sync::Arc;

use super::{Texts, xml};
use crate::archive::{self, Limits};
use crate::bytes::ByteSource;

/// The text of `document`; `None` where not all of it can be told.
pub(super) fn text(document: Vec<u8>) -> Option<Texts> {
    let document: Arc<dyn ByteSource> = Arc::new(document);
    let archive = archive::zip::read(document.as_ref(), &LIMITS).ok()?;
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
            let mut head = Vec::new();
            content.take(8).read_to_end(&mut head).ok()?;
            // What is no picture, or is not read as one, may have text.
            let named = NAMED.iter().any(|end| name.ends_with(end));
            if !named || !PICTURES.iter().any(|begin| head.starts_with(begin)) {
                return None;
            }
        }
    }
    Some(texts)
}

/// How pictures without text begin: PNG, JPEG, GIF.
const PICTURES: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"];
/// What the names of their parts end with.
const NAMED: [&[u8]; 5] = [b".png", b".jpeg", b".jpg", b".jpe", b".gif"];
/// A document has some dozens of parts; XML packs well, to a hundredth in a table of one value.
const LIMITS: Limits =
    Limits { entries: 10_000, total: 256 << 20, ratio: 250, free: 32 << 20, names: 16 << 20 };
