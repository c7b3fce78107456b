//! The boot sector: the shape of a FAT volume.

use crate::bytes::{ByteSource, length};
use crate::fat::heap::Heap;
use crate::fat::table::Width;
use crate::field::{byte, le16, le32};
use crate::walk::{SourceError, Unused, evenly};

/// What a boot sector says.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    pub(crate) width: Width,
    pub(crate) sector: u32,
    pub(crate) cluster: u32,
    /// Clusters that the volume has: numbers 2 and up.
    pub(crate) clusters: u32,
    reserved: u32,
    copies: u32,
    /// Bytes of one copy of the FAT.
    pub(crate) table: u64,
    /// The copy that is in use, where only one is.
    active: Option<u32>,
    /// Entries of the fixed root directory; 0 on FAT32.
    pub(crate) root_entries: u32,
    /// First cluster of the root directory; 0 where it is fixed.
    pub(crate) root_cluster: u32,
    total: u64,
    pub(crate) serial: Option<u32>,
    info_sector: Option<u32>,
    backup_sector: Option<u32>,
    limits: Vec<String>,
}

/// Whether `head` begins with the boot sector of a FAT volume.
pub(crate) fn is_fat(head: &[u8]) -> bool {
    let marked = le16(head, 510) == Some(0xAA55) || matches!(byte(head, 0), Some(0xE9 | 0xEB));
    marked && Shape::read(head).is_some()
}

/// The numbers that every FAT volume states.
struct Shape {
    sector: u32,
    cluster_sectors: u32,
    reserved: u32,
    copies: u32,
    root_entries: u32,
    total: u32,
    /// Sectors of one FAT; and whether the field that only FAT32 has was used.
    table: u32,
    long: bool,
}

impl Shape {
    fn read(head: &[u8]) -> Option<Self> {
        let sector = u32::from(le16(head, 11)?);
        let cluster_sectors = u32::from(byte(head, 13)?);
        let reserved = u32::from(le16(head, 14)?);
        let copies = u32::from(byte(head, 16)?);
        let root_entries = u32::from(le16(head, 17)?);
        let media = byte(head, 21)?;
        let total = match le16(head, 19)? {
            0 => le32(head, 32)?,
            small => small.into(),
        };
        let short = u32::from(le16(head, 22)?);
        let long = short == 0;
        let table = if long { le32(head, 36)? } else { short };
        let fits = matches!(sector, 512 | 1024 | 2048 | 4096)
            && cluster_sectors.is_power_of_two()
            && reserved != 0
            && (1..=MAX_COPIES).contains(&copies)
            && (media == 0xF0 || media >= 0xF8)
            && total != 0
            && table != 0
            && (root_entries == 0) == long;
        fits.then_some(Self { sector, cluster_sectors, reserved, copies, root_entries, total, table, long })
    }
}

impl Boot {
    /// Reads the boot sector `raw`, 512 bytes of a volume of `available` bytes.
    ///
    /// # Errors
    ///
    /// [`SourceError::Corrupt`] where it contradicts itself.
    pub(crate) fn parse(raw: &[u8], available: u64) -> Result<Self, SourceError> {
        let shape = Shape::read(raw).ok_or_else(|| corrupt("the boot sector is not that of a FAT volume"))?;
        let root_sectors = (shape.root_entries * 32).div_ceil(shape.sector);
        let tables = u64::from(shape.copies) * u64::from(shape.table);
        let system = u64::from(shape.reserved) + tables + u64::from(root_sectors);
        let data = u64::from(shape.total).checked_sub(system).ok_or_else(|| {
            corrupt(&format!("{} sectors do not hold {system} of the file system", shape.total))
        })?;
        let clusters =
            u32::try_from(data.checked_div(shape.cluster_sectors.into()).unwrap_or(0)).unwrap_or(u32::MAX);
        let mut limits = Vec::new();
        let width = Self::width(&shape, clusters, &mut limits)?;
        let table = u64::from(shape.table) * u64::from(shape.sector);
        let mut boot = Self {
            width,
            sector: shape.sector,
            cluster: shape.sector * shape.cluster_sectors,
            clusters,
            reserved: shape.reserved,
            copies: shape.copies,
            table,
            active: None,
            root_entries: shape.root_entries,
            root_cluster: 0,
            total: shape.total.into(),
            serial: None,
            info_sector: None,
            backup_sector: None,
            limits,
        };
        boot.clusters_in_table();
        let end = boot.total * u64::from(boot.sector);
        if end > available {
            boot.limits.push(crate::medium::cut_short("its file system claims", end, available));
        }
        boot.extended(raw)?;
        Ok(boot)
    }

    /// Microsoft's rule: the number of clusters alone tells.
    fn width(shape: &Shape, clusters: u32, limits: &mut Vec<String>) -> Result<Width, SourceError> {
        match (clusters, shape.long) {
            (0..4085, false) => Ok(Width::Twelve),
            (4085..65525, false) => Ok(Width::Sixteen),
            (65525.., true) => Ok(Width::ThirtyTwo),
            (_, true) => {
                limits.push(format!(
                    "{clusters} clusters are too few for FAT32, but the boot sector has no other form; it is read as FAT32"
                ));
                Ok(Width::ThirtyTwo)
            }
            (_, false) => Err(corrupt(&format!(
                "{clusters} clusters are FAT32's, and the boot sector has the form of FAT12 and FAT16"
            ))),
        }
    }

    /// A table too small for the clusters ends them.
    fn clusters_in_table(&mut self) {
        let entries = self.table.saturating_mul(8) / self.width.bits();
        let most = u32::try_from(entries).unwrap_or(u32::MAX).saturating_sub(2).min(self.width.most());
        if self.clusters > most {
            self.limits.push(format!(
                "the file allocation table has room for {most} clusters, the volume for {}; the rest is not read",
                self.clusters
            ));
            self.clusters = most;
        }
    }

    /// The fields that stand elsewhere on FAT32.
    fn extended(&mut self, raw: &[u8]) -> Result<(), SourceError> {
        let long = self.width == Width::ThirtyTwo;
        let (mark, serial, state) = if long { (66, 67, 65) } else { (38, 39, 37) };
        if matches!(byte(raw, mark), Some(0x28 | 0x29)) {
            self.serial = le32(raw, serial);
        } else {
            self.limits.push("the volume has no serial number".into());
        }
        let state = byte(raw, state).unwrap_or(0);
        if state & 1 != 0 {
            self.limits.push("the boot sector marks the volume as not unmounted cleanly".into());
        }
        if raw.get(424..440) == Some(&BITLOCKER_TO_GO) {
            self.limits.push(
                "a BitLocker To Go volume: what is read is its discovery volume, the protected files are encrypted".into(),
            );
        }
        if !long {
            return Ok(());
        }
        let flags = le16(raw, 40).unwrap_or(0);
        let active = u32::from(flags & 0xF);
        if flags & 0x80 != 0 {
            if active >= self.copies {
                return Err(corrupt(&format!("copy {active} of the FAT is in use, of {}", self.copies)));
            }
            self.active = Some(active);
        }
        match le16(raw, 42) {
            Some(0) => {}
            version => {
                return Err(corrupt(&format!("version {} of FAT32 is not known", version.unwrap_or(0))));
            }
        }
        self.root_cluster = le32(raw, 44).unwrap_or(0) & 0x0FFF_FFFF;
        if !self.has_cluster(self.root_cluster) {
            return Err(corrupt(&format!("the root directory is to begin at cluster {}", self.root_cluster)));
        }
        let sector =
            |at| le16(raw, at).map(u32::from).filter(|sector| *sector != 0 && *sector < self.reserved);
        self.info_sector = sector(48);
        self.backup_sector = sector(50);
        Ok(())
    }

    fn has_cluster(&self, cluster: u32) -> bool {
        cluster.checked_sub(2).is_some_and(|index| index < self.clusters)
    }

    /// Where the copies of the FAT stand: first the one that is used, then those that mirror it.
    pub(crate) fn tables(&self) -> Vec<u64> {
        let first = u64::from(self.reserved) * u64::from(self.sector);
        let place = |copy: u32| first + u64::from(copy) * self.table;
        match self.active {
            Some(active) => vec![place(active)],
            None => (0..self.copies).map(place).collect(),
        }
    }

    /// Offset of the fixed root directory.
    pub(crate) fn root_offset(&self) -> u64 {
        u64::from(self.reserved) * u64::from(self.sector) + u64::from(self.copies) * self.table
    }

    /// Where clusters stand.
    pub(crate) fn heap(&self) -> Heap {
        let root = (self.root_entries * 32).div_ceil(self.sector) * self.sector;
        Heap {
            first: self.root_offset() + u64::from(root),
            cluster: self.cluster.into(),
            clusters: self.clusters,
        }
    }

    /// Places in the first copy of the FAT.
    pub(crate) fn structures(&self) -> Vec<u64> {
        let first = u64::from(self.reserved) * u64::from(self.sector);
        let entries = u64::from(self.clusters).saturating_mul(self.width.bits()) / 8;
        evenly(entries / length(SECTOR), 64).map(|sector| first + sector * length(SECTOR)).collect()
    }

    /// What lies around the boot sectors, behind the last entry of each copy of the FAT, and behind the last cluster.
    pub(crate) fn unused(&self, bytes: &dyn ByteSource) -> Unused {
        let mut unused = Unused::default();
        let place = |sector: u32| u64::from(sector) * u64::from(self.sector);
        unused.own.push((0, length(SECTOR)));
        for number in self.info_sector.iter().chain(&self.backup_sector) {
            unused.own.push((place(*number), length(SECTOR)));
        }
        // Behind each of them stand FAT32's other two, where a maker wrote them.
        for first in [0, self.backup_sector.unwrap_or(0)] {
            for number in (1..3).map(|next| first + next).filter(|_| self.width == Width::ThirtyTwo) {
                let mut raw = [0; SECTOR];
                let read = number < self.reserved && bytes.read_exact_at(place(number), &mut raw).is_ok();
                if read && le16(&raw, 510) == Some(0xAA55) {
                    unused.own.push((place(number), length(SECTOR)));
                }
            }
        }
        unused.area(0, place(self.reserved), "it lies before the file allocation table");
        let entries = u64::from(self.clusters).saturating_add(2);
        let used = entries.saturating_mul(self.width.bits()).div_ceil(8);
        for copy in (0..self.copies).map(|copy| place(self.reserved) + u64::from(copy) * self.table) {
            unused.area(
                copy.saturating_add(used),
                copy.saturating_add(self.table),
                "it lies behind the entries of a file allocation table",
            );
        }
        let heap = self.heap();
        let end = u64::from(heap.clusters).saturating_mul(heap.cluster).saturating_add(heap.first);
        let total = self.total.saturating_mul(self.sector.into());
        unused.area(end, total.min(bytes.len()), "it lies behind the last cluster");
        unused
    }

    /// The serial number as it stands in locators.
    pub(crate) fn serial_text(&self) -> String {
        self.serial.map_or_else(|| "-".to_owned(), |serial| format!("{serial:08X}"))
    }

    /// What this reading does not cover, also by the sectors beside the boot sector: `free` clusters are counted in the FAT.
    pub(crate) fn limits(&self, raw: &[u8], bytes: &dyn ByteSource, free: u64) -> Vec<String> {
        let mut limits = self.limits.clone();
        let sector = |number: u32| {
            let mut buf = vec![0; SECTOR];
            bytes.read_exact_at(u64::from(number) * u64::from(self.sector), &mut buf).ok().map(|()| buf)
        };
        if let Some(number) = self.backup_sector {
            // Byte 65 holds the volume's state, which is not kept in the copy.
            let same =
                |copy: &Vec<u8>| copy.get(11..64) == raw.get(11..64) && copy.get(66..71) == raw.get(66..71);
            if !sector(number).as_ref().is_some_and(same) {
                limits.push("the boot sector and its copy differ; the first is used".into());
            }
        }
        if let Some(info) = self.info_sector.and_then(sector) {
            let marked = le32(&info, 0) == Some(0x4161_5252) && le32(&info, 484) == Some(0x6141_7272);
            match le32(&info, 488) {
                _ if !marked => limits.push("the sector with the count of free clusters is damaged".into()),
                Some(count) if count != u32::MAX && u64::from(count) != free => limits.push(format!(
                    "the volume states {count} free clusters; its file allocation table has {free}"
                )),
                _ => {}
            }
        }
        limits
    }
}

/// Damage in words; never with names or content of the medium.
pub(crate) fn corrupt(what: &str) -> SourceError {
    SourceError::Corrupt(what.to_owned())
}

/// Reads the boot sector's bytes.
///
/// # Errors
///
/// [`SourceError`] where the medium is shorter or cannot be read.
pub(crate) fn read(bytes: &dyn ByteSource) -> Result<Vec<u8>, SourceError> {
    let mut raw = vec![0; SECTOR];
    if bytes.len() < length(SECTOR) {
        return Err(corrupt("shorter than a boot sector"));
    }
    bytes.read_exact_at(0, &mut raw)?;
    Ok(raw)
}

/// Bytes of a boot sector that matter, whatever the sector size.
const SECTOR: usize = 512;
/// Most copies of the FAT: every maker writes 1 or 2; more than 4 are noise.
const MAX_COPIES: u32 = 4;
/// Identifier of a BitLocker To Go discovery volume, 4967d63b-2e29-4ad8-8399-f6a339e3d001.
const BITLOCKER_TO_GO: [u8; 16] =
    [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];
