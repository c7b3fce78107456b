//! Whose the clusters are that `$Bitmap` calls used: all that records in use say of theirs, whatever the type of the attribute.

use crate::ntfs::nodes::Nodes;
use crate::ntfs::record::{Record, Value};
use crate::ntfs::runs;
use crate::walker::owned::{MAX_CLUSTERS, MAX_TIMES, Owned, Unowned, told};

impl Nodes {
    /// Clusters in use that are nobody's, in sentences with numbers.
    pub(super) fn clusters_unowned(&self) -> Vec<String> {
        let not_counted =
            |why: &str| vec![format!("whether the clusters in use belong to records was not counted: {why}")];
        let bits = match self.clusters() {
            Ok(bits) => bits,
            Err(why) => return not_counted(&format!("$Bitmap cannot be read: {why}")),
        };
        let Some(mut owned) = Owned::new(0, bits.count(), 1) else {
            return not_counted(&format!("there are more than {MAX_CLUSTERS}"));
        };
        // Records that share clusters would have the same bits set again and again.
        let mut left = bits.count().saturating_mul(MAX_TIMES);
        let (mut unread, mut damaged) = (0_u64, 0_u64);
        for number in 0..self.volume.mft.count() {
            if !self.volume.header(number).is_some_and(|header| header.is_in_use()) {
                continue;
            }
            let Ok(record) = self.volume.mft.record(&self.volume.disk, number) else {
                unread = unread.saturating_add(1);
                continue;
            };
            let mut is_whole = record.damage.is_none();
            for (start, clusters) in self.places(&record, &mut is_whole) {
                let Some(fewer) = left.checked_sub(clusters) else {
                    return not_counted("its records claim more clusters than the volume has");
                };
                left = fewer;
                owned.add(start, clusters);
            }
            damaged = damaged.saturating_add(u64::from(!is_whole));
        }
        let mut found = Unowned::default();
        for cluster in (0..bits.count()).filter(|cluster| bits.has(*cluster) && !owned.has(*cluster)) {
            found.add(self.span(cluster, 1));
        }
        let mut limits: Vec<String> = told(&found, "clusters").into_iter().collect();
        if unread.saturating_add(damaged) > 0 && !limits.is_empty() {
            limits.push(format!(
                "{unread} MFT records in use cannot be read and {damaged} are damaged: what they do not tell any more counts as nobody's"
            ));
        }
        limits
    }

    /// Where a record's attributes have their values: first cluster and number of each run.
    fn places(&self, record: &Record, is_whole: &mut bool) -> Vec<(u64, u64)> {
        let mut places = Vec::new();
        for found in &record.attributes {
            let Value::Mapped(mapped) = &found.value else { continue };
            let mut runs = Vec::new();
            let list = record.runs(mapped);
            *is_whole &= runs::decode(list, mapped.first, self.volume.disk.boot.clusters, &mut runs).is_ok();
            places.extend(runs.iter().filter_map(|run| Some((run.start?, run.clusters))));
        }
        places
    }
}
