//! A volume: the MFT, the owners, and what is to be said of the whole.

use std::sync::Arc;

use sha2::Digest as _;

use crate::bytes::{ByteSource, length};
use crate::field::{byte, le16};
use crate::ntfs::bits::Bits;
use crate::ntfs::boot::Boot;
use crate::ntfs::data::{Data, Disk, Form};
use crate::ntfs::file::File;
use crate::ntfs::logfile;
use crate::ntfs::mft::Mft;
use crate::ntfs::nodes::{BAD, BAD_CLUSTERS};
use crate::ntfs::record::{Header, Value, kind};
use crate::ntfs::security::Owners;
use crate::ntfs::unread::unread;
use crate::patient::failed_reads;
use crate::walk::SourceError;

/// An NTFS volume over some bytes.
pub(crate) struct Volume {
    pub(crate) disk: Arc<Disk>,
    pub(crate) mft: Mft,
    pub(crate) owners: Owners,
    /// Whether the medium did not give all of them.
    pub(crate) owners_wanting: bool,
    pub(crate) limits: Vec<String>,
}

impl Volume {
    /// Reads the boot sector, the MFT's own record, and the system files that say something of the volume.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where the boot sector or the MFT's own record, with their copies, cannot be read.
    pub(crate) fn open(bytes: Arc<dyn ByteSource>) -> Result<Self, SourceError> {
        let (boot, is_copy) = Boot::read(bytes.as_ref())?;
        let mut limits = Vec::new();
        if is_copy {
            limits.push("the boot sector is damaged; its copy at the end of the volume is used".into());
        }
        if boot.length() > bytes.len() {
            limits.push(crate::medium::cut_short("its file system claims", boot.length(), bytes.len()));
        }
        let disk = Arc::new(Disk { bytes, boot });
        let mft = Mft::open(&disk, &mut limits)?;
        let mut volume = Self { disk, mft, owners: Owners::default(), owners_wanting: false, limits };
        let failed = failed_reads();
        match volume.system(SECURE, kind::DATA, SDS).and_then(|sds| Owners::read(&volume.disk, &sds)) {
            Ok(owners) => volume.owners = owners,
            // Before NTFS 3.0 there was none, and each record has its own descriptor.
            Err(_) if volume.version().is_some_and(|(major, _)| major < 3) => {}
            Err(error) => {
                volume.owners_wanting = failed_reads() > failed;
                volume.limits.push(format!("owners by number could not be read from $Secure: {error}"));
            }
        }
        let further = volume.further_limits();
        volume.limits.extend(further);
        Ok(volume)
    }

    /// The file of record `number`.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where its base record cannot be read.
    pub(crate) fn file(&self, number: u64) -> Result<File, SourceError> {
        File::read(&self.disk, &self.mft, number)
    }

    /// The header of record `number`; `None` where there is none that can be read.
    pub(crate) fn header(&self, number: u64) -> Option<Header> {
        self.mft.header(&self.disk, number).ok().flatten()
    }

    /// The MFT's bitmap: which records are in use.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where it cannot be read.
    pub(crate) fn records_in_use(&self) -> Result<Bits, SourceError> {
        Bits::read(&self.disk, &self.system(0, kind::BITMAP, b"")?, self.mft.count())
    }

    /// A value of a system file.
    fn system(&self, number: u64, kind: u32, name: &[u8]) -> Result<Data, SourceError> {
        self.file(number)?.value(&self.disk, kind, name)
    }

    fn information(&self) -> Option<Vec<u8>> {
        self.file(VOLUME).ok()?.resident(kind::VOLUME_INFORMATION).map(<[u8]>::to_vec)
    }

    fn version(&self) -> Option<(u8, u8)> {
        let information = self.information()?;
        Some((byte(&information, 8)?, byte(&information, 9)?))
    }

    fn further_limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        match self.version() {
            Some((1, _) | (3, 0 | 1)) => {}
            Some((major, minor)) => {
                limits.push(format!("NTFS version {major}.{minor} is not known; it is read as 3.1"))
            }
            None => limits.push("the volume's version and flags could not be read".into()),
        }
        let flags = self.information().and_then(|information| le16(&information, 10)).unwrap_or_default();
        if flags & IS_DIRTY != 0 {
            limits.push("the volume is marked as dirty: it was in use, or a check was asked for".into());
        }
        match self.system(LOG, kind::DATA, b"").map(|log| logfile::is_finished(&self.disk, &log)) {
            Ok(None | Some(true)) => {}
            Ok(Some(false)) => limits.push(crate::medium::not_applied(
                "not unmounted cleanly: $LogFile may hold changes that are not on the volume; it is not applied",
            )),
            Err(error) => limits.push(format!("$LogFile could not be read: {error}")),
        }
        match self.system(UPCASE, kind::DATA, b"").and_then(|table| table.whole(&self.disk, UPCASE_LENGTH)) {
            Ok(table) if KNOWN_TABLES.contains(&sha2::Sha256::digest(&table).into()) => {}
            Ok(_) => limits.push(
                "the volume's table of upper case ($UpCase) is not one that was compared with fold/1: rare names may \
                 compare otherwise there"
                    .into(),
            ),
            Err(error) => limits.push(format!("the volume's table of upper case could not be read: {error}")),
        }
        limits.extend(self.kept_as_bad());
        limits.extend(RESERVED.filter_map(|number| self.kept_in_reserved(number)));
        limits
    }

    /// Clusters that are marked as bad: they are in use, and no file's.
    fn kept_as_bad(&self) -> Option<String> {
        let file = self.file(BAD_CLUSTERS).ok()?;
        let data = file.value(&self.disk, kind::DATA, BAD).ok()?;
        let Form::Clusters { runs, .. } = &data.form else { return None };
        let marked = runs.iter().filter(|run| run.start.is_some());
        let clusters = marked.fold(0_u64, |sum, run| sum.saturating_add(run.clusters));
        (clusters > 0).then(|| {
            let bytes = clusters.saturating_mul(self.disk.boot.cluster);
            format!("{clusters} clusters, {bytes} bytes, are marked as bad in $BadClus; they are no item's, and not among free space")
        })
    }

    /// What stands in a reserved record without a name, which is no item.
    fn kept_in_reserved(&self, number: u64) -> Option<String> {
        let file = self.file(number).ok()?;
        let header = file.header();
        if !header.is_in_use() || header.base.is_some() || file.all(kind::FILE_NAME).next().is_some() {
            return None;
        }
        let sizes = file.all(kind::DATA).map(|(_, found)| match &found.value {
            Value::Resident(range) => length(range.len()),
            Value::Mapped(mapped) => mapped.size.max(mapped.allocated),
        });
        let sizes = sizes.chain(
            unread(self, &file).into_iter().filter(|(of, _)| *of != kind::DATA).map(|(_, bytes)| bytes),
        );
        let bytes = sizes.fold(0_u64, u64::saturating_add);
        (bytes > 0).then(|| {
            format!(
                "MFT record {number}, which is reserved, has no name and is no item, has {bytes} bytes of content; they are not \
                 read, and are not among free space"
            )
        })
    }
}

/// Records kept for the system: in use after formatting, most of them without a name; some extend the MFT's own.
pub(crate) const RESERVED: std::ops::Range<u64> = 12..24;
/// Records of the system's own files.
pub(crate) const MFT: u64 = 0;
const LOG: u64 = 2;
pub(crate) const VOLUME: u64 = 3;
pub(crate) const SECURE: u64 = 9;
const UPCASE: u64 = 10;
const IS_DIRTY: u16 = 0x1;
/// `$SDS` in UTF-16.
const SDS: &[u8] = b"$\0S\0D\0S\0";
/// Two bytes for each of 65,536 units.
const UPCASE_LENGTH: u64 = 1 << 17;
/// SHA-256 of tables that were compared with fold/1.
const KNOWN_TABLES: [[u8; 32]; 1] = [
    // mkntfs 2022.10.3, after the table of Windows 7.
    [
        0x41, 0xC2, 0x6B, 0xC7, 0xA1, 0x2B, 0xDA, 0xEB, 0x26, 0x02, 0x5C, 0x93, 0x11, 0x86, 0x97, 0xC7, 0xE3,
        0xEF, 0x81, 0xEE, 0x04, 0x8B, 0x00, 0xFE, 0x5C, 0xCE, 0x2A, 0x47, 0x2E, 0x0E, 0x07, 0x42,
    ],
];
