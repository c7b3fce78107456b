//! Documents that are packed as zips: decided whole, so what is in one is to be of a document, and nothing else.
//!
//! Implements `docs/spec/containers.md`, "Documents".
//!
//! ```text
//! [Content_Types].xml   xml       word/document.xml   xml       word/media/image1.png   png
//! word/notes.txt        no entry of such a document             word/media/image2.png   a zip: none either
//! ```

use std::sync::Arc;

use scope::facts::Facts;
use source::archive::{Form, Member, Other, Place};
use source::{ByteSource, Entry, SourceError};
use zeroize::Zeroizing;

use crate::container::{Amiss, Budget, Members, member};
use crate::examine::cannot_open;
use crate::reopened::Reopened;
use crate::{Examiner, ending, magic};

/// The entries that are not such as a document of this form has: by their names, or by what they begin and end with.
pub(crate) fn foreign(
    examiner: &Examiner<'_>,
    entry: &Entry,
    facts: &Facts,
    form: &str,
    members: &Members<'_>,
    budget: &Budget,
) -> Result<Vec<Other>, Amiss> {
    let archive = &members.unpacked.archive;
    budget.take_document(archive).map_err(Amiss::Archive)?;
    // Where it is not read to its end, files that are known by name alone are among these.
    let folders = archive.others.iter().filter(|own| {
        let name = [own.name.as_slice(), b"/"].concat();
        own.kind == scope::facts::Kind::Member
            || !own.also.is_empty()
            || own.doubtful
            || !is_place(form, &name)
    });
    let mut found: Vec<Other> = folders.cloned().collect();
    for (number, own) in archive.members.iter().enumerate() {
        let content = || -> Result<bool, Amiss> {
            let item = member(entry, facts, form, number, own);
            let bytes = Reopened::new(members, &item, examiner.options().buffer).map_err(amiss)?;
            let length = usize::try_from(bytes.len()).unwrap_or(usize::MAX).min(magic::HEAD);
            let mut head = Zeroizing::new(vec![0; length]);
            let read = bytes.read_exact_at(0, &mut head).map_err(|fault| amiss(SourceError::Read(fault)));
            read?;
            let (sort, found) = (sort_of(form, &own.name), magic::detect(&head).name);
            if !has(sort, &found) {
                return Ok(false);
            }
            if sort == Sort::Document {
                return is_ordinary(examiner, &item, &found, members, budget);
            }
            ending::of(&bytes).map(|end| !end.zip).map_err(|why| {
                let of_archive = why.starts_with(scope::facts::Failure::OF_ARCHIVE);
                if of_archive { Amiss::Archive(why) } else { Amiss::Medium(why) }
            })
        };
        let is_named = own.also.is_empty() && !own.doubtful && is_place(form, &own.name);
        let readable = !matches!(own.place, Place::Unreadable(_));
        let belongs = is_named
            && readable
            && match content() {
                Ok(belongs) => belongs,
                // It is not packed as the archive says.
                Err(Amiss::Archive(_)) => false,
                Err(medium) => return Err(medium),
            };
        if !belongs {
            found.push(Other::named(Member::clone(own)));
        }
    }
    Ok(found)
}

/// Whether the entry `item`, a document in a document, is one in which nothing is foreign.
fn is_ordinary(
    examiner: &Examiner<'_>,
    item: &Entry,
    form: &str,
    members: &Members<'_>,
    budget: &Budget,
) -> Result<bool, Amiss> {
    if members.depth() >= MAX_DEPTH {
        return Ok(false);
    }
    let bytes: Arc<dyn ByteSource + '_> =
        Arc::new(Reopened::new(members, item, examiner.options().buffer).map_err(amiss)?);
    let unpacked = examiner.unpacker().open(Form::Zip, bytes, &budget.limits()).map_err(amiss)?;
    let archive = &unpacked.archive;
    let is_plain = archive.loose == 0 && archive.aside == 0 && archive.unsound == 0;
    if !is_plain || archive.broken.is_some() {
        return Ok(false);
    }
    let within = members.within(item, unpacked);
    Ok(foreign(examiner, item, &item.facts, form, &within, budget)?.is_empty())
}

fn amiss(error: SourceError) -> Amiss {
    let why = cannot_open(&error);
    match error {
        SourceError::Corrupt(_) | SourceError::NoContent(_) => Amiss::Archive(why),
        _ if why.starts_with(scope::facts::Failure::OF_ARCHIVE) => Amiss::Archive(why),
        _ => Amiss::Medium(format!("not opened: {why}")),
    }
}

/// Whether entries with such names are in documents of this form.
fn is_place(form: &str, name: &[u8]) -> bool {
    let (files, folders): (&[&[u8]], &[&[u8]]) = match form {
        "ooxml" => (
            &[b"[Content_Types].xml"],
            &[
                b"_rels/",
                b"docProps/",
                b"docMetadata/",
                b"customXml/",
                b"_xmlsignatures/",
                b"word/",
                b"xl/",
                b"ppt/",
                b"visio/",
            ],
        ),
        "odf" => (
            &[
                b"mimetype",
                b"content.xml",
                b"styles.xml",
                b"meta.xml",
                b"settings.xml",
                b"manifest.rdf",
                b"layout-cache",
            ],
            &[
                b"META-INF/",
                b"Pictures/",
                b"Thumbnails/",
                b"Configurations2/",
                b"ObjectReplacements/",
                b"Object ",
                b"Formula-",
                b"media/",
                b"Fonts/",
                b"Basic/",
                b"Dialogs/",
            ],
        ),
        _ => (&[b"mimetype"], &[b""]),
    };
    files.contains(&name) || folders.iter().any(|folder| name.starts_with(folder))
}

/// What an entry of this name has in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    Text,
    /// Pictures, sound and films.
    Media,
    /// Forms that the first bytes do not tell: fonts, metafiles, settings of printers.
    Opaque,
    /// Tables of charts, and what somebody put into a text.
    Document,
    None,
}

fn sort_of(form: &str, name: &[u8]) -> Sort {
    let starts = |folder: &str| name.starts_with(folder.as_bytes());
    match form {
        _ if name == b"mimetype" => return Sort::Text,
        "odf" if name == b"layout-cache" || starts("ObjectReplacements/") => return Sort::Opaque,
        "ooxml" if starts("xl/printerSettings/") || starts("ppt/printerSettings/") => return Sort::Opaque,
        _ => {}
    }
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let ending = last.rsplit(|byte| *byte == b'.').next().filter(|ending| ending.len() < last.len());
    let ending = String::from_utf8_lossy(ending.unwrap_or_default()).to_ascii_lowercase();
    match ending.as_str() {
        "xml" | "rels" | "vml" | "rdf" | "opf" | "ncx" | "xhtml" | "html" | "htm" | "css" | "svg"
        | "smil" => Sort::Text,
        "png" | "jpg" | "jpeg" | "jpe" | "jfif" | "gif" | "bmp" | "dib" | "tif" | "tiff" | "webp" | "mp3"
        | "mp4" | "m4a" | "m4v" | "mov" | "wav" | "avi" | "ogg" => Sort::Media,
        "sigs" if starts("_xmlsignatures/") => Sort::Text,
        "js" | "plist" | "pls" | "vtt" | "xpgt" if form == "epub" => Sort::Text,
        "tmp" if starts("word/media/") => Sort::Media,
        "docx" | "pptx" | "xlsx"
            if form == "ooxml"
                && ["word/embeddings/", "ppt/embeddings/", "xl/embeddings/"].into_iter().any(starts) =>
        {
            Sort::Document
        }
        "emf" | "wmf" | "wdp" | "svm" | "ttf" | "otf" | "odttf" | "fntdata" | "woff" | "woff2" => {
            Sort::Opaque
        }
        _ => Sort::None,
    }
}

/// Whether content of this type is of that sort.
fn has(sort: Sort, name: &str) -> bool {
    const TEXT: [&str; 5] = ["empty", "text", "text-utf-16", "xml", "html"];
    const MEDIA: [&str; 13] =
        ["empty", "png", "jpeg", "gif", "bmp", "tiff", "webp", "mp3", "mp4", "mov", "wav", "avi", "ogg"];
    match sort {
        Sort::Text => TEXT.contains(&name),
        Sort::Media => MEDIA.contains(&name),
        Sort::Opaque => name == "unknown" || name == "xml" || MEDIA.contains(&name),
        Sort::Document => name == "ooxml",
        Sort::None => false,
    }
}

/// Documents in each other that are looked into.
const MAX_DEPTH: usize = 3;
