//! Whether Windows sleeps on a volume, by the file in which it keeps its memory meanwhile: what it had not written yet is there.

use crate::ntfs::nodes::Nodes;
use crate::ntfs::record::kind;
use crate::walker::Volume as _;

/// Whether the root directory has a `hiberfil.sys` that holds a memory to go on with.
pub(super) fn is_asleep(nodes: &Nodes) -> bool {
    let links = nodes.list(nodes.root(), MAX_NAMES).links;
    let named = links.iter().filter(|link| link.name.eq_ignore_ascii_case(b"hiberfil.sys"));
    let marked = |number: u64| {
        let volume = &nodes.volume;
        let mut mark = [0; 4];
        let content = volume.file(number).and_then(|file| file.value(&volume.disk, kind::DATA, b"")).ok()?;
        content.fill(&volume.disk, 0, &mut mark).ok()?;
        Some(mark.eq_ignore_ascii_case(b"hibr"))
    };
    named.filter_map(|link| marked(link.node.number())).any(|marked| marked)
}

/// Names of the root directory that are looked at: Windows has some dozens there.
const MAX_NAMES: usize = 1 << 16;
