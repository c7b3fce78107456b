//! What the records of one item say of it.

use scope::RawName;
use scope::facts::{Attribute as NamedValue, Facts, Kind};

use crate::bytes::length;
use crate::field::le32;
use crate::ntfs::data::sound_size;
use crate::ntfs::ea::Extended;
use crate::ntfs::file::File;
use crate::ntfs::name::FileName;
use crate::ntfs::record::{Attribute, Value, kind as of};
use crate::ntfs::reparse::{Reparse, tag};
use crate::ntfs::security;
use crate::ntfs::times;
use crate::ntfs::unread::{MAX_DESCRIPTOR, MAX_EA, MAX_REPARSE, unread};
use crate::ntfs::volume::Volume;
use crate::walk::stated;

/// An item's facts, and what is wrong with it.
pub(crate) struct Item {
    pub(crate) facts: Facts,
    pub(crate) issues: Vec<String>,
}

impl Item {
    /// Adds what an item's records say, without its names.
    pub(crate) fn describe(&mut self, volume: &Volume, file: &File) {
        let (kind, reparse) = kind(volume, file);
        self.facts.kind = kind;
        self.names(file);
        self.standard_information(volume, file);
        self.content(volume, file, reparse.as_ref());
        self.extended(volume, file);
        for (kind, bytes) in unread(volume, file) {
            self.issues
                .push(format!("attributes of the type {kind:#x} have {bytes} bytes, which are not read"));
        }
        // Of one that cannot be read the tag is not known.
        if let Some(value) = reparse_value(volume, file).filter(|value| value.len() >= 4) {
            self.attribute("ntfs.reparse-tag", format!("0x{:08x}", tag(&value)).into_bytes());
        }
        match reparse {
            Some(Reparse::Link(Some(target))) => self.facts.link_target = Some(RawName(target)),
            Some(Reparse::Link(None)) => self.issue("the link's target could not be read"),
            _ => {}
        }
        self.facts.attributes.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Times and the 8.3 name, of the attributes `$FILE_NAME`; and how many names there are.
    fn names(&mut self, file: &File) {
        let (mut short, mut stamps) = (0_u64, Vec::new());
        let values = file.all(of::FILE_NAME).filter_map(|(record, found)| record.resident(found));
        for (index, name) in values.filter_map(FileName::parse).enumerate() {
            if index < MAX_NAMES {
                times::add(&mut stamps, "$FN", name.times);
            }
            if name.is_short {
                short = short.saturating_add(1);
                if short == 1 {
                    self.attribute("ntfs.short-name", name.name());
                }
            }
        }
        self.facts.times = stamps;
        self.facts.links = Some(u64::from(file.header().links).saturating_sub(short));
    }

    fn standard_information(&mut self, volume: &Volume, file: &File) {
        let Some(value) = file.resident(of::STANDARD_INFORMATION) else {
            return self.issue("$STANDARD_INFORMATION is missing: its times and owner are not known");
        };
        let mut stamps = Vec::new();
        times::add(&mut stamps, "$SI", value);
        stamps.append(&mut self.facts.times);
        self.facts.times = stamps;
        if let Some(flags) = le32(value, 0x20) {
            self.attribute("ntfs.attributes", format!("0x{flags:08x}").into_bytes());
        }
        match le32(value, 0x34).filter(|id| *id != 0) {
            Some(id) => {
                self.facts.sid = volume.owners.get(id).map(str::to_owned);
                if self.facts.sid.is_none() && volume.owners_wanting {
                    self.attribute(NamedValue::UNREAD, NamedValue::UNREAD_FACTS.into());
                } else if self.facts.sid.is_none() && !volume.owners.is_empty() {
                    self.issue("the item's security id is not in $Secure: its owner is not known");
                }
            }
            None => {
                let found = file.value(&volume.disk, of::SECURITY_DESCRIPTOR, b"");
                let descriptor = found.and_then(|value| value.whole(&volume.disk, MAX_DESCRIPTOR));
                self.facts.sid = descriptor.ok().and_then(|descriptor| security::owner(&descriptor));
            }
        }
    }

    /// Size and allocation, and why the content cannot be read where it cannot.
    fn content(&mut self, volume: &Volume, file: &File, reparse: Option<&Reparse>) {
        let Some((_, found)) = file.find(of::DATA, b"") else {
            if self.facts.kind == Kind::File {
                self.issue("the record has no $DATA attribute: there is no size, and no content");
            }
            return;
        };
        let size = sound_size(&volume.disk.boot, found);
        if self.facts.kind != Kind::File {
            let spanned = match &found.value {
                Value::Resident(_) => 0,
                Value::Mapped(mapped) => mapped.spanned,
            };
            if size != Some(0) || spanned > 0 {
                self.issue("an item that is not a file has content, which is not read");
            }
            return;
        }
        self.facts.size = size;
        self.facts.allocated = allocated(found);
        if let Value::Mapped(mapped) = &found.value
            && mapped.valid < mapped.size
        {
            self.attribute("ntfs.valid-length", mapped.valid.to_string().into_bytes());
        }
        if size.is_none() {
            self.issue(NO_SIZE);
        }
        if let Some(how) = away(file, reparse, found).or_else(|| hindrance(found)) {
            self.issues.push(format!("the content is {how} and cannot be read"));
        }
    }

    /// The extended attributes in `$EA`.
    fn extended(&mut self, volume: &Volume, file: &File) {
        if file.find(of::EA, b"").is_none() {
            return;
        }
        let value = file.value(&volume.disk, of::EA, b"");
        match value.and_then(|value| value.whole(&volume.disk, MAX_EA)) {
            Ok(value) => {
                for (name, value) in Extended::parse(&value).values {
                    let kept = value.get(..value.len().min(NamedValue::MAX_VALUE)).unwrap_or_default();
                    self.facts.attributes.push(NamedValue {
                        name: RawName([b"ntfs.ea.", name].concat()),
                        size: length(value.len()),
                        value: RawName(kept.into()),
                    });
                }
            }
            Err(error) => self.issues.push(format!("the extended attributes could not be read: {error}")),
        }
    }

    fn attribute(&mut self, name: &str, value: Vec<u8>) {
        let size = length(value.len());
        self.facts.attributes.push(NamedValue { name: RawName(name.into()), size, value: RawName(value) });
    }

    fn issue(&mut self, what: &str) {
        self.issues.push(what.to_owned());
    }
}

/// What a file is, and its reparse point.
pub(crate) fn kind(volume: &Volume, file: &File) -> (Kind, Option<Reparse>) {
    let reparse = reparse_value(volume, file).map(|value| Reparse::parse(&value));
    let kind = match &reparse {
        Some(Reparse::Link(_)) => Kind::Symlink,
        Some(Reparse::Special(kind)) => *kind,
        _ if file.header().is_directory() => Kind::Directory,
        _ if file.header().is_view_index() => Kind::Other,
        _ => Kind::File,
    };
    (kind, reparse)
}

fn reparse_value(volume: &Volume, file: &File) -> Option<Vec<u8>> {
    file.find(of::REPARSE_POINT, b"")?;
    // A reparse point that cannot be read is still one, of an unknown tag.
    let value = file.value(&volume.disk, of::REPARSE_POINT, b"");
    Some(value.and_then(|value| value.whole(&volume.disk, MAX_REPARSE)).unwrap_or_default())
}

/// Why a file's content is not in its attribute `$DATA`, in words; `None` where it is.
pub(crate) fn away(file: &File, reparse: Option<&Reparse>, data: &Attribute) -> Option<&'static str> {
    let information = file.resident(of::STANDARD_INFORMATION).unwrap_or_default();
    let is_recalled = le32(information, 0x20).is_none_or(|flags| flags & (IS_OFFLINE | IS_RECALLED) != 0);
    match reparse? {
        Reparse::Away(how) => Some(how),
        Reparse::Cloud if data.is_sparse() || is_recalled => {
            Some("kept in a cloud store, not or not wholly on this volume")
        }
        Reparse::Unknown if !is_empty(data) => {
            Some("kept in an unknown way (a reparse point of an unknown tag)")
        }
        _ => None,
    }
}

/// Why an attribute's value cannot be read, in words.
pub(crate) fn hindrance(found: &Attribute) -> Option<&'static str> {
    match &found.value {
        _ if found.is_encrypted() => Some("encrypted by the file system (EFS)"),
        Value::Mapped(_) if found.compression() > 1 => Some("compressed in a way that is not known"),
        _ => None,
    }
}

/// Bytes of the clusters that a value has: none where it stands in the record.
pub(crate) fn allocated(found: &Attribute) -> Option<u64> {
    match &found.value {
        Value::Resident(_) => Some(0),
        Value::Mapped(mapped) => stated(mapped.allocated),
    }
}

fn is_empty(found: &Attribute) -> bool {
    match &found.value {
        Value::Resident(range) => range.is_empty(),
        Value::Mapped(mapped) => mapped.size == 0,
    }
}

/// What is said of a size that cannot be.
pub(crate) const NO_SIZE: &str = "the attribute states a larger size than its clusters or a record can have; no size is \
                                  recorded, and the content cannot be read";
const IS_OFFLINE: u32 = 0x1000;
const IS_RECALLED: u32 = 0x0044_0000;
/// Most names of which times are kept: 1,024, by Windows.
const MAX_NAMES: usize = 1024;
