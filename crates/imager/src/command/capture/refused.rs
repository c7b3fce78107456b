//! What a capture refuses before anybody signs, and what it says where there is nothing to take.

use std::io::IsTerminal as _;

use evidence::acquisition::Extent;
use scope::Policy;
use scope::policy::UnreadVolumes;

use crate::console::Failure;

/// Fails where nobody could be asked before the seal, and nobody said beforehand that they need not be.
pub(super) fn can_be_asked(agreed: bool) -> Result<(), Failure> {
    if agreed || std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new("examiner and witness are asked before the seal, and standard input is no terminal")
        .hint("run this at a terminal; or give --yes, with which both agree beforehand to seal whatever the counts are; nothing was signed or read"))
}

pub(super) fn refuse_what_this_version_lacks(policy: &Policy) -> Result<(), Failure> {
    match policy.lists().iter().find(|list| list.restricted) {
        None => Ok(()),
        Some(list) => Err(Failure::new(format!(
            "the list `{}` is restricted, and this version cannot keep a list out of the package",
            list.id
        ))
        .hint("have the policy approved without `restricted`, or wait for a version that can")),
    }
}

pub(super) fn nothing_to_take(extent: Extent, medium: &source::Medium) -> Failure {
    match extent {
        Extent::Files => {
            let found: Vec<String> = medium.layers.iter().map(|layer| {
                let place = if layer.place.is_empty() { "the medium" } else { &layer.place };
                format!("{place}, {} bytes, is {}", layer.length, layer.what)
            }).take(TOLD_LAYERS).collect();
            Failure::no(format!("no file system on this medium can be read: {}; the custody log says that it was examined", found.join("; ")))
                .hint("`ambit medium info` says all that is on it; `ambit image --to court` preserves it whole, where the policy has `unread_volumes = \"preserve\"`")
        }
        Extent::Volumes => Failure::new("this medium has no volume that the order covers and of which no file can be read: there is none to preserve whole")
            .hint("`ambit medium info` says what is on it; `ambit capture` takes the files that the policy allows"),
    }
}

/// Layers that are named where nothing can be read.
const TOLD_LAYERS: usize = 10;

/// Fails unless the order lets volumes of which no file can be read be preserved.
pub(super) fn may_preserve_volumes(policy: &Policy) -> Result<(), Failure> {
    match policy.target().unread_volumes {
        UnreadVolumes::Preserve => Ok(()),
        UnreadVolumes::Name => {
            Err(Failure::no("the policy lets a volume that cannot be read be named, and not taken")
                .hint("it takes `unread_volumes = \"preserve\"` in [target], approved by the authority; nothing was read"))
        }
    }
}
