//! The descriptor: a text that says of which extents a disk consists.
//!
//! ```text
//! RW 4194304 SPARSE "disk-s001.vmdk"        access, sectors, kind, file
//! RW 36864 FLAT "disk-f002.vmdk" 0          and, of flat ones, the first sector in the file
//! RW 2048 ZERO
//! ```

use super::{SECTOR, SIGNATURE, corrupt};
use crate::image::ImageError;

/// What a descriptor says, once everything that is not read was refused.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// The `createType`, if it is one that is known.
    pub(super) form: &'static str,
    /// The extents, in the disk's order.
    pub(super) extents: Vec<Extent>,
}

/// One line of a descriptor.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Extent {
    /// Length on the disk, in bytes.
    pub(super) length: u64,
    pub(super) kind: Kind,
}

/// How an extent is stored.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Zeros,
    /// As it is, in this file, from this byte.
    Flat(Vec<u8>, u64),
    /// In grains, in this file.
    Sparse(Vec<u8>),
}

impl Descriptor {
    /// Reads the descriptor at the beginning of `text`, up to the first zero byte.
    pub(super) fn parse(text: &[u8]) -> Result<Self, ImageError> {
        if !text.starts_with(SIGNATURE) {
            return Err(corrupt("no descriptor where a VMDK's descriptor should be"));
        }
        let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
        let (mut form, mut extents, mut parent) = (None, Vec::new(), None);
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
            if let Some(value) = value(line, b"createType") {
                form = Some(
                    FORMS
                        .iter()
                        .find(|form| form.as_bytes() == value)
                        .copied()
                        .unwrap_or("of an unknown kind"),
                );
            } else if let Some(value) = value(line, b"parentCID") {
                parent = Some(value);
            } else if [&b"RW "[..], b"RDONLY ", b"NOACCESS "].iter().any(|access| line.starts_with(access)) {
                extents.push(extent(line, extents.len().saturating_add(1))?);
            }
            if extents.len() > MAX_EXTENTS {
                return Err(ImageError::Unsupported(format!("a VMDK of more than {MAX_EXTENTS} extents")));
            }
        }
        if parent.is_some_and(|parent| !parent.eq_ignore_ascii_case(b"ffffffff")) {
            return Err(ImageError::Unsupported(
                "a VMDK with a parent, which holds only what differs from it".into(),
            ));
        }
        if extents.is_empty() {
            return Err(corrupt("a VMDK descriptor without extents"));
        }
        Ok(Self { form: form.unwrap_or("of an unstated kind"), extents })
    }
}

/// The value of the line `key = value`, without its quotes.
fn value<'a>(line: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(key)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    Some(rest.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(rest))
}

/// The extent of a line, the `number`th of its kind.
fn extent(line: &[u8], number: usize) -> Result<Extent, ImageError> {
    let damaged = || {
        corrupt(format!(
            "extent {number} of the VMDK's descriptor is not a line of access, sectors, kind and file"
        ))
    };
    let (head, name, tail) = match line.iter().position(|byte| *byte == b'"') {
        None => (line, None, &[][..]),
        Some(open) => {
            let close = line
                .iter()
                .rposition(|byte| *byte == b'"')
                .filter(|close| *close > open)
                .ok_or_else(damaged)?;
            let part = |range: (usize, usize)| line.get(range.0..range.1).unwrap_or_default();
            let after = close.saturating_add(1);
            (part((0, open)), Some(part((open.saturating_add(1), close)).to_vec()), part((after, line.len())))
        }
    };
    let mut words = head.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (Some(access), Some(sectors), Some(kind), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(damaged());
    };
    if access == b"NOACCESS" {
        return Err(ImageError::Unsupported(format!(
            "a VMDK whose extent {number} is out of bounds to every reader"
        )));
    }
    let length = bytes(sectors).ok_or_else(damaged)?;
    let kind = match (kind, name) {
        (b"ZERO", None) => Kind::Zeros,
        (b"FLAT", Some(name)) => Kind::Flat(name, bytes(tail.trim_ascii()).ok_or_else(damaged)?),
        // On a server's own volume a flat file holds one extent alone, and the descriptor need not say where.
        (b"VMFS", Some(name)) => {
            Kind::Flat(name, if tail.is_empty() { 0 } else { bytes(tail.trim_ascii()).ok_or_else(damaged)? })
        }
        (b"SPARSE", Some(name)) => Kind::Sparse(name),
        (kind, _) => {
            let known =
                OTHERS.iter().find(|other| other.as_bytes() == kind).copied().unwrap_or("an unknown kind");
            return Err(ImageError::Unsupported(format!(
                "a VMDK whose extent {number} is of the kind {known}"
            )));
        }
    };
    Ok(Extent { length, kind })
}

/// A decimal number of sectors, in bytes.
fn bytes(digits: &[u8]) -> Option<u64> {
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse::<u64>().ok()?.checked_mul(SECTOR)
}

/// The kinds of disks that are read, as a descriptor spells them.
const FORMS: &[&str] = &[
    "monolithicSparse",
    "monolithicFlat",
    "twoGbMaxExtentSparse",
    "twoGbMaxExtentFlat",
    "streamOptimized",
    "custom",
    "vmfs",
    "vmfsThin",
    "vmfsPreallocated",
    "vmfsEagerZeroedThick",
];
/// The kinds of extents that are not read.
const OTHERS: &[&str] = &["VMFSSPARSE", "VMFSRDM", "VMFSRAW", "SESPARSE", "FLAT", "VMFS", "SPARSE", "ZERO"];
/// Most extents: 2 TiB in pieces of 2 GiB, and about as many files as a process may hold open.
const MAX_EXTENTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<Extent>) {
        assert_eq!(extent(line.as_bytes(), 1).ok(), expect, "{line}");
    }

    #[test]
    fn lines_of_extents() {
        let flat = |at| Kind::Flat(b"a b.vmdk".to_vec(), at);
        check("RW 2 FLAT \"a b.vmdk\" 3", Some(Extent { length: 1024, kind: flat(1536) }));
        check("RDONLY 2 VMFS \"a b.vmdk\"", Some(Extent { length: 1024, kind: flat(0) }));
        check("RW 2  SPARSE \"a\"b\"", Some(Extent { length: 1024, kind: Kind::Sparse(b"a\"b".to_vec()) }));
        check("RW 2 ZERO", Some(Extent { length: 1024, kind: Kind::Zeros }));
        for line in [
            "RW 2 FLAT \"a\"",
            "RW 2 FLAT \"a\" x",
            "RW +2 SPARSE \"a\"",
            "RW 2 SPARSE \"a",
            "RW 2 SPARSE",
            "RW 99999999999999999999 ZERO",
            "RW 36028797018963968 ZERO",
            "RW 2 SESPARSE \"a\"",
            "NOACCESS 2 ZERO",
        ] {
            check(line, None);
        }
    }

    #[test]
    fn a_parent_is_refused_by_name() {
        let text = |parent| format!("# Disk DescriptorFile\nparentCID = {parent}\nRW 1 ZERO\n");
        assert!(Descriptor::parse(text("FFFFFFFF").as_bytes()).is_ok());
        let error = Descriptor::parse(text("12345678").as_bytes()).unwrap_err();
        assert!(error.to_string().contains("parent"), "{error}");
    }
}
