//! Bytes in attributes that nobody reads. Any type can hold content, and its clusters are in use.
//!
//! An attribute is read where it is the one of its type and name that says something, up to the length that Windows
//! allows it, and as far as its own fields reach. All else is counted by its type.

use std::collections::{BTreeMap, BTreeSet};

use crate::bytes::length;
use crate::field::byte;
use crate::ntfs::ea::Extended;
use crate::ntfs::file::File;
use crate::ntfs::index::I30;
use crate::ntfs::name::FileName;
use crate::ntfs::record::{Attribute, Record, Value, kind as of};
use crate::ntfs::volume::{MFT, SECURE, VOLUME, Volume};
use crate::ntfs::{reparse, runs, security};

/// Bytes of a file's attributes that are not read, by their type.
pub(crate) fn unread(volume: &Volume, file: &File) -> BTreeMap<u32, u64> {
    let mut values: BTreeMap<(u32, &[u8]), Parts> = BTreeMap::new();
    for (record, found) in file.attributes() {
        let parts = values.entry((found.kind, record.name(found))).or_default();
        let bytes = bytes(volume, record, found);
        if found.first() == 0 {
            parts.beginnings.push((record, found, bytes));
        } else {
            parts.further = parts.further.saturating_add(bytes);
        }
    }
    let reader = Reader { volume, file, views: views(file) };
    let mut unread: BTreeMap<u32, u64> = BTreeMap::new();
    for ((kind, name), mut parts) in values {
        // Further parts belong to the first beginning; without one they belong to nothing.
        let mut sum = parts.further;
        if let Some((_, _, bytes)) = parts.beginnings.first_mut() {
            *bytes = bytes.saturating_add(std::mem::take(&mut sum));
        }
        for (index, (record, found, bytes)) in parts.beginnings.iter().enumerate() {
            let one = if index == 0 || is_many(kind, name) {
                reader.unread(record, found, name, *bytes)
            } else {
                *bytes
            };
            sum = sum.saturating_add(one);
        }
        if sum > 0 {
            let all = unread.entry(kind).or_default();
            *all = all.saturating_add(sum);
        }
    }
    unread
}

/// The attributes of one type and name: where their values begin, with their bytes, and the bytes of further parts.
#[derive(Default)]
struct Parts<'a> {
    beginnings: Vec<(&'a Record, &'a Attribute, u64)>,
    further: u64,
}

/// Whether a file can have several attributes of this type and name: its names, and streams, each of which is an item.
fn is_many(kind: u32, name: &[u8]) -> bool {
    kind == of::FILE_NAME || kind == of::DATA && !name.is_empty()
}

/// Bytes that an attribute has: what it states, or what its clusters hold where that is more.
fn bytes(volume: &Volume, record: &Record, found: &Attribute) -> u64 {
    match &found.value {
        Value::Resident(range) => length(range.len()),
        Value::Mapped(mapped) => {
            let mut held = Vec::new();
            let boot = &volume.disk.boot;
            // A list that contradicts itself is read up to there.
            let _ = runs::decode(record.runs(mapped), mapped.first, boot.clusters, &mut held);
            let clusters = held
                .iter()
                .filter(|run| run.start.is_some())
                .fold(0_u64, |sum, run| sum.saturating_add(run.clusters));
            let stated = if mapped.first == 0 { mapped.size.max(mapped.spanned) } else { 0 };
            stated.max(clusters.saturating_mul(boot.cluster))
        }
    }
}

/// The names of the indexes that a record has by what it is, and that are not of names.
fn views(file: &File) -> BTreeSet<&'static [u8]> {
    let mut names = file.all(of::FILE_NAME).filter_map(|(record, found)| record.resident(found));
    let mut is_below_extend =
        || names.any(|name| FileName::parse(name).is_some_and(|name| name.parent.record == EXTEND));
    match file.number() {
        _ if !file.header().is_view_index() => BTreeSet::new(),
        SECURE => [SDH, SII].into(),
        _ if is_below_extend() => [O, Q, R].into(),
        _ => BTreeSet::new(),
    }
}

struct Reader<'a> {
    volume: &'a Volume,
    file: &'a File,
    views: BTreeSet<&'static [u8]>,
}

impl Reader<'_> {
    /// Of the attribute's `bytes`, how many are not read.
    fn unread(&self, record: &Record, found: &Attribute, name: &[u8], bytes: u64) -> u64 {
        let has_index = self.file.header().is_directory() && name == I30 || self.views.contains(name);
        let resident = record.resident(found);
        match found.kind {
            of::DATA => 0,
            of::FILE_NAME if name.is_empty() => bytes.saturating_sub(resident.map_or(0, name_length)),
            // Of blocks of an index those are told that hold something else: see `blocks`.
            of::INDEX_ALLOCATION if has_index => 0,
            of::BITMAP if has_index && self.file.find(of::INDEX_ALLOCATION, name).is_some() => 0,
            of::INDEX_ROOT if has_index && resident.is_some() => 0,
            of::BITMAP if self.file.number() == MFT && name.is_empty() => 0,
            of::LOGGED if resident.is_some() && (name == TXF_DATA || name == EFS) => 0,
            kind if name.is_empty() => match limit(kind, self.file.number()) {
                Some(limit) => self.beyond(found, bytes, limit),
                None => bytes,
            },
            _ => bytes,
        }
    }

    /// What of an attribute lies beyond its longest length, its written length, its clusters, or its own fields.
    fn beyond(&self, found: &Attribute, bytes: u64, limit: u64) -> u64 {
        let disk = &self.volume.disk;
        let value = self.file.value(disk, found.kind, b"").and_then(|value| value.whole(disk, limit));
        let Ok(value) = value else { return bytes };
        let inner = match found.kind {
            of::SECURITY_DESCRIPTOR => security::unread(&value),
            of::REPARSE_POINT => reparse::unread(&value),
            of::EA => Extended::parse(&value).unread,
            _ => 0,
        };
        let outer = match &found.value {
            Value::Resident(_) => 0,
            Value::Mapped(mapped) => {
                let cluster = disk.boot.cluster;
                let behind = bytes.saturating_sub(mapped.size.div_ceil(cluster).saturating_mul(cluster));
                behind.saturating_add(mapped.size.saturating_sub(mapped.valid))
            }
        };
        inner.saturating_add(outer)
    }
}

/// Bytes of a `$FILE_NAME` that are the name's.
fn name_length(value: &[u8]) -> u64 {
    let name = FileName::parse(value).and_then(|_| byte(value, 0x40));
    name.map_or(0, |units| u64::from(units).saturating_mul(2).saturating_add(0x42))
}

/// How long the unnamed attribute of a type can be; `None` where it is not read.
fn limit(kind: u32, number: u64) -> Option<u64> {
    match kind {
        of::STANDARD_INFORMATION => Some(0x48),
        of::ATTRIBUTE_LIST => Some(crate::ntfs::file::MAX_LIST),
        of::OBJECT_ID => Some(64),
        of::SECURITY_DESCRIPTOR => Some(MAX_DESCRIPTOR),
        of::VOLUME_NAME if number == VOLUME => Some(256),
        of::VOLUME_INFORMATION if number == VOLUME => Some(12),
        of::REPARSE_POINT => Some(MAX_REPARSE),
        of::EA_INFORMATION => Some(8),
        of::EA => Some(MAX_EA),
        _ => None,
    }
}

/// Longest reparse point: 16 KiB, by Windows.
pub(crate) const MAX_REPARSE: u64 = 16 << 10;
/// Longest security descriptor: 64 KiB, by Windows.
pub(crate) const MAX_DESCRIPTOR: u64 = 64 << 10;
/// Longest `$EA`: 64 KiB, by Windows.
pub(crate) const MAX_EA: u64 = 64 << 10;
/// The record of `$Extend`, the folder of views.
const EXTEND: u64 = 11;
/// Names of views and of what the system keeps of an item, in UTF-16.
const SDH: &[u8] = b"$\0S\0D\0H\0";
const SII: &[u8] = b"$\0S\0I\0I\0";
const O: &[u8] = b"$\0O\0";
const Q: &[u8] = b"$\0Q\0";
const R: &[u8] = b"$\0R\0";
const TXF_DATA: &[u8] = b"$\0T\0X\0F\0_\0D\0A\0T\0A\0";
const EFS: &[u8] = b"$\0E\0F\0S\0";
