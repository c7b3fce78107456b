//! Where to look with another tool: the commands of the Sleuth Kit for a locator.

use crate::acquisition::{LayerState, LayerStatement};

/// How the Sleuth Kit looks at one item.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Elsewhere {
    /// The item's number there, and its file system's offset in sectors of 512 bytes; none where it fills the medium.
    Inode {
        /// The offset.
        sectors: Option<u64>,
        /// What `istat` takes.
        inode: String,
        /// What `icat` takes.
        content: String,
    },
    /// The file system is one that it reads, and numbers otherwise: its own listing leads to the item.
    Listing {
        /// The offset.
        sectors: Option<u64>,
    },
    /// It does not reach the item; why.
    Nowhere(&'static str),
}

impl Elsewhere {
    /// What leads to the item of this locator, on a medium with these layers.
    #[must_use]
    pub fn of(locator: &str, layers: &[LayerStatement]) -> Self {
        let (place, item) = split(locator);
        let sectors = match offset(place, layers) {
            Ok(sectors) => sectors,
            Err(why) => return Self::Nowhere(why),
        };
        let mut parts = item.split('/');
        let volume = parts.next().unwrap_or_default();
        let (node, more) = (parts.next().unwrap_or_default(), parts.next());
        if more.is_some() {
            return Self::Nowhere("what lies behind a file's content has no number of its own");
        }
        let numbers = |kind: &str| node.strip_prefix(kind).map(|rest| rest.split(':').collect::<Vec<_>>());
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        let found = match volume.split(':').next().unwrap_or_default() {
            "ext4" => numbers("inode:").and_then(|numbers| Some((*numbers.first()?, None))),
            "ntfs" => {
                numbers("record:").and_then(|numbers| Some((*numbers.first()?, numbers.get(2).copied())))
            }
            "fat" | "exfat" | "iso" => return Self::Listing { sectors },
            "xfs" | "btrfs" => return Self::Nowhere("the Sleuth Kit does not read this file system"),
            _ => return Self::Nowhere("a mounted folder has no numbers that an image has"),
        };
        match found {
            Some((number, None)) if is_number(number) => {
                Self::Inode { sectors, inode: number.to_owned(), content: number.to_owned() }
            }
            // Type 128 is $DATA; the instance is the attribute's own number where it stands in the base record.
            Some((number, Some(instance))) if is_number(number) && is_number(instance) => {
                Self::Inode { sectors, inode: number.to_owned(), content: format!("{number}-128-{instance}") }
            }
            Some((number, Some(_))) if is_number(number) => {
                Self::Inode { sectors, inode: number.to_owned(), content: number.to_owned() }
            }
            _ => Self::Nowhere("a range of the volume, not an item with a number"),
        }
    }

    /// The commands for a member of the item, as [`Elsewhere::commands`].
    #[must_use]
    pub fn within(&self, image: &str, unpack: &Unpack) -> Vec<String> {
        let mut commands = self.commands(image);
        let (at, content) = match self {
            Self::Inode { sectors, content, .. } => (sectors, content.as_str()),
            // As the listing gives it for the archive.
            Self::Listing { sectors } => (sectors, "INODE"),
            Self::Nowhere(_) => return Vec::new(),
        };
        if matches!(self, Self::Inode { .. }) {
            // Of the archive itself another line of the sample speaks.
            commands.pop();
        }
        let at = at.map_or_else(String::new, |sectors| format!(" -o {sectors}"));
        commands.push(format!("icat{at} {image} {content} | {} | sha256sum", unpack.0.join(" | ")));
        commands
    }

    /// The commands, for an image that a person calls `image` in a shell.
    #[must_use]
    pub fn commands(&self, image: &str) -> Vec<String> {
        let at = |sectors: &Option<u64>| sectors.map_or_else(String::new, |sectors| format!(" -o {sectors}"));
        match self {
            Self::Inode { sectors, inode, content } => {
                let at = at(sectors);
                vec![format!("istat{at} {image} {inode}"), format!("icat{at} {image} {content} | sha256sum")]
            }
            Self::Listing { sectors } => vec![format!("fls{} -r -p {image}", at(sectors))],
            Self::Nowhere(_) => Vec::new(),
        }
    }
}

/// What gets a member out of an archive on standard input: by its number, so that no name from the medium is in a command.
///
/// `of` says the form of the container of that locator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unpack(Vec<String>);

impl Unpack {
    /// From the item on the volume to the member; none where the form of an archive is not known.
    pub fn of<'f>(locator: &str, form: impl Fn(&str) -> Option<&'f str>) -> Option<Self> {
        let inner = locator.match_indices(MEMBER).map(|(at, _)| at);
        let steps = inner.map(|at| {
            let (container, rest) = locator.split_at_checked(at)?;
            let number: u64 = rest.strip_prefix(MEMBER)?.split('/').next()?.parse().ok()?;
            match form(container)? {
                "gzip" => Some("gzip -dc".to_owned()),
                "zip" => Some(format!("python3 -c '{ZIP}[{number}]))'")),
                "tar" => Some(format!("python3 -c '{TAR},{number},None))).read())'")),
                _ => None,
            }
        });
        steps.collect::<Option<Vec<_>>>().map(Self)
    }
}

/// What a locator has before the number of a member.
const MEMBER: &str = "/member:";

/// The item on the volume, of a member.
#[must_use]
pub fn outermost(locator: &str) -> &str {
    locator.split_once(MEMBER).map_or(locator, |(outermost, _)| outermost)
}

/// Members of a zip are its entries, but for those that are folders.
const ZIP: &str = "import io,sys,zipfile; a=zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())); \
     sys.stdout.buffer.write(a.read([i for i in a.infolist() if i.file_size or i.filename[-1:]!=\"/\"]";
/// Members of a tar are its regular files.
const TAR: &str = "import itertools,sys,tarfile; a=tarfile.open(fileobj=sys.stdin.buffer,mode=\"r|\"); \
     sys.stdout.buffer.write(a.extractfile(next(itertools.islice((m for m in a if m.isreg())";

/// The place of a locator, and the item in its file system.
fn split(locator: &str) -> (&str, &str) {
    // The file system's own part is the last that names a kind of volume.
    let kinds = ["ext4:", "ntfs:", "fat:", "exfat:", "iso:", "xfs:", "btrfs:"];
    let begins = |at: usize| {
        let rest = locator.get(at..).unwrap_or_default();
        kinds.iter().any(|kind| rest.starts_with(kind))
    };
    if begins(0) {
        return ("", locator);
    }
    let slashes = locator.match_indices('/').map(|(at, _)| at.saturating_add(1));
    match slashes.into_iter().find(|at| begins(*at)) {
        Some(at) => {
            (locator.get(..at.saturating_sub(1)).unwrap_or_default(), locator.get(at..).unwrap_or_default())
        }
        None => ("", locator),
    }
}

/// The offset of a place in sectors, if it is a partition of the medium itself.
fn offset(place: &str, layers: &[LayerStatement]) -> Result<Option<u64>, &'static str> {
    if place.is_empty() {
        return Ok(None);
    }
    let is_partition = (place.starts_with("gpt:") || place.starts_with("mbr:")) && !place.contains('/');
    let layer = layers.iter().find(|layer| layer.place == place && layer.state == LayerState::Read);
    let start = layer.filter(|_| is_partition).and_then(|layer| layer.start);
    let start =
        start.ok_or("the volume is put together from several places, which the Sleuth Kit is not told of")?;
    if start.is_multiple_of(512) {
        Ok(Some(start / 512))
    } else {
        Err("the volume does not begin at a sector")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_locator_leads_to_its_commands() {
        let layer = |place: &str, start: Option<u64>| LayerStatement {
            place: place.to_owned(),
            start,
            length: 1 << 20,
            what: "ext4".to_owned(),
            state: LayerState::Read,
        };
        let layers = [layer("gpt:1", Some(1 << 20)), layer("gpt:2", Some(1000)), layer("lvm:a:b", None)];
        let check = |locator: &str, expected: &str| {
            let commands = Elsewhere::of(locator, &layers).commands("I").join("; ");
            assert_eq!(commands, expected, "{locator}");
        };
        let form = |container: &str| match container {
            "ext4:9f0c/inode:12:0" => Some("gzip"),
            "ext4:9f0c/inode:12:0/member:0" => Some("tar"),
            "ext4:9f0c/inode:12:0/member:0/member:7" => Some("zip"),
            _ => None,
        };
        let within = |locator: &str| {
            let elsewhere = Elsewhere::of(outermost(locator), &layers);
            Unpack::of(locator, form).map(|unpack| elsewhere.within("I", &unpack).join("; "))
        };
        let deep = "ext4:9f0c/inode:12:0/member:0/member:7/member:3";
        let expected = format!(
            "istat I 12; icat I 12 | gzip -dc | python3 -c '{TAR},7,None))).read())' | python3 -c '{ZIP}[3]))' | sha256sum"
        );
        assert_eq!(within(deep), Some(expected));
        assert_eq!(within("ext4:9f0c/inode:13:0/member:0"), None, "of no form that is known");
        assert_eq!(within("ext4:9f0c/inode:12:0/member:$(reboot)"), None);
        check("ext4:9f0c/inode:12:0", "istat I 12; icat I 12 | sha256sum");
        check("gpt:1/ext4:9f0c/inode:12:0", "istat -o 2048 I 12; icat -o 2048 I 12 | sha256sum");
        check("gpt:1/ntfs:0A/record:64:2", "istat -o 2048 I 64; icat -o 2048 I 64 | sha256sum");
        check("gpt:1/ntfs:0A/record:64:2:5", "istat -o 2048 I 64; icat -o 2048 I 64-128-5 | sha256sum");
        check("gpt:1/ntfs:0A/record:64:2:70.5", "istat -o 2048 I 64; icat -o 2048 I 64 | sha256sum");
        check("fat:1A/entry:root:3", "fls -r -p I");
        for nowhere in [
            "gpt:2/ext4:9f0c/inode:12:0",
            "gpt:9/ext4:9f0c/inode:12:0",
            "lvm:a:b/ext4:9f0c/inode:12:0",
            "gpt:1/gpt:1/ext4:9f0c/inode:12:0",
            "gpt:1/ext4:9f0c/inode:12:0/slack",
            "gpt:1/ext4:9f0c/bytes:0-9",
            "ext4:9f0c/inode:$(reboot):0",
            "xfs:9f0c/inode:12",
            "tree/dev:8:1/inode:9",
            "",
        ] {
            check(nowhere, "");
        }
    }
}
