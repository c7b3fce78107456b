//! The names of `magic/1`: which types there are, what they are called, and what they say of a file's text.
//!
//! Implements the table of `docs/spec/magic.md`, version 1. The rules that find
//! a type in a file's first bytes are in the crate that reads files; a policy
//! and its replay need the names alone.
//!
//! ```text
//! zip     extensions zip, docx, jar, ...   text unread
//! png     extensions png                   text none
//! text    extensions txt, log, conf, ...   text full
//! ```

use crate::facts::Layer;

pub use magic_table::TYPES;

/// One type of `magic/1`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TypeInfo {
    /// The name that policies and records use.
    pub name: &'static str,
    /// The extensions that files of this type usually have, lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// Whether a search of the raw bytes is a search of the text (`text/1`).
    pub layer: Layer,
}

/// The name of files that fit no rule.
pub const UNKNOWN: &str = "unknown";

/// The type called `name`; `None` where `magic/1` has none.
#[must_use]
pub fn find(name: &str) -> Option<&'static TypeInfo> {
    TYPES.iter().find(|info| info.name == name)
}

/// Whether `magic/1` has a type of this name, so that a policy may use it.
#[must_use]
pub fn is_type(name: &str) -> bool {
    find(name).is_some()
}

/// The usual extensions of the type called `name`, lower case, without the dot; empty where it has none.
#[must_use]
pub fn extensions(name: &str) -> &'static [&'static str] {
    find(name).map_or(&[], |info| info.extensions)
}

/// The text layer of the type called `name`; [`Layer::Unread`] for a name that `magic/1` does not have.
#[must_use]
pub fn layer(name: &str) -> Layer {
    find(name).map_or(Layer::Unread, |info| info.layer)
}

/// Whether a file of the type called `name` bears an extension that belongs to other types alone.
///
/// `ext` is the part of the file's name after the last dot, without it, as the
/// volume's case rule or the caller folded it; ASCII letters compare without case.
/// An extension that no type claims never mismatches. Types whose text layer is
/// full stand for one another, since a page of text may be called `.html` or
/// `.php` and begin like neither. An empty file mismatches nothing.
///
/// ```
/// use scope::magic::mismatch;
/// assert!(mismatch("pe", "jpg"));
/// assert!(mismatch("unknown", "zip"));
/// assert!(!mismatch("text", "php"));
/// assert!(!mismatch("elf", "6"));
/// ```
#[must_use]
pub fn mismatch(name: &str, ext: &str) -> bool {
    let claims = |info: &TypeInfo| info.extensions.iter().any(|known| known.eq_ignore_ascii_case(ext));
    let mut claimed = TYPES.iter().filter(|info| claims(info)).peekable();
    if name == "empty" || claimed.peek().is_none() {
        return false;
    }
    let text = layer(name) == Layer::Full;
    !claimed.any(|info| info.name == name || (text && info.layer == Layer::Full))
}

mod magic_table {
    //! The table itself, in the order of `docs/spec/magic.md`.

    use super::TypeInfo;
    use crate::facts::Layer::{Full, None, Unread};

    const fn row(
        name: &'static str,
        layer: crate::facts::Layer,
        extensions: &'static [&'static str],
    ) -> TypeInfo {
        TypeInfo { name, extensions, layer }
    }

    /// Every type of `magic/1`, in the order of its spec page.
    pub const TYPES: &[TypeInfo] = &[
        row("empty", Full, &[]),
        row("png", None, &["png"]),
        row("jpeg", None, &["jpg", "jpeg", "jpe", "jfif"]),
        row("gif", None, &["gif"]),
        row("bmp", None, &["bmp", "dib"]),
        row("tiff", None, &["tif", "tiff"]),
        row("webp", None, &["webp"]),
        row("heif", None, &["heic", "heif", "hif"]),
        row("wav", None, &["wav"]),
        row("avi", None, &["avi"]),
        row("mp3", None, &["mp3"]),
        row("mp4", None, &["mp4", "m4a", "m4v", "3gp"]),
        row("mov", None, &["mov", "qt"]),
        row("ogg", None, &["ogg", "oga", "ogv", "opus"]),
        row("flac", None, &["flac"]),
        row("elf", None, &["elf", "so", "o", "ko"]),
        row("pe", None, &["exe", "dll", "sys", "scr", "ocx", "cpl", "drv", "efi", "mui"]),
        row("mz", None, &["exe"]),
        row("mach-o", None, &["dylib", "bundle", "o"]),
        row("java-class", None, &["class"]),
        row("wasm", None, &["wasm"]),
        row("pdf", Unread, &["pdf"]),
        row(
            "ooxml",
            Unread,
            &["docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "potx", "ppsx", "vsdx"],
        ),
        row("odf", Unread, &["odt", "ods", "odp", "odg", "ott", "ots", "otp"]),
        row("epub", Unread, &["epub"]),
        row("jar", Unread, &["jar", "war", "ear", "apk"]),
        row(
            "zip",
            Unread,
            &[
                "zip", "zipx", "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "potx",
                "ppsx", "vsdx", "odt", "ods", "odp", "odg", "ott", "ots", "otp", "epub", "jar", "war", "ear",
                "apk",
            ],
        ),
        row("gzip", Unread, &["gz", "tgz", "svgz", "emz"]),
        row("bzip2", Unread, &["bz2", "tbz", "tbz2"]),
        row("xz", Unread, &["xz", "txz"]),
        row("zstd", Unread, &["zst", "tzst"]),
        row("lz4", Unread, &["lz4"]),
        row("7z", Unread, &["7z"]),
        row("rar", Unread, &["rar"]),
        row("tar", Unread, &["tar"]),
        row("cab", Unread, &["cab"]),
        row("ar", Unread, &["a", "deb"]),
        row("sqlite", Unread, &["sqlite", "sqlite3", "db", "db3"]),
        row("cfb", Unread, &["doc", "dot", "xls", "xlt", "ppt", "pps", "msg", "msi", "vsd", "db"]),
        row("rtf", Unread, &["rtf", "doc"]),
        row("pst", Unread, &["pst", "ost"]),
        row("evtx", Unread, &["evtx"]),
        row("registry-hive", Unread, &[]),
        row("lnk", Unread, &["lnk"]),
        row("pcap", Unread, &["pcap", "cap", "pcapng"]),
        row("age", Unread, &["age"]),
        row("pgp-message", Unread, &["gpg", "pgp", "asc"]),
        row("pgp-key", None, &["gpg", "pgp", "asc", "key"]),
        row("openssh-key", None, &["key", "pem"]),
        row("pem", None, &["pem", "crt", "cer", "key", "csr", "p8"]),
        row("luks", Unread, &["luks"]),
        row("text-utf-16", Full, &["txt", "log", "csv", "ini", "reg", "xml"]),
        row("script", Full, &["sh", "bash", "py", "pl", "rb", "cgi"]),
        row("php", Full, &["php", "php3", "php4", "php5", "phtml", "inc"]),
        row("xml", Full, &["xml", "xsl", "xsd", "svg", "rss", "plist"]),
        row("html", Full, &["html", "htm", "xhtml"]),
        row("json", Full, &["json"]),
        row("mbox", Unread, &["mbox"]),
        row("eml", Unread, &["eml"]),
        row("text", Full, &["txt", "log", "csv", "tsv", "conf", "cfg", "ini", "md", "css", "js", "sql"]),
        row("text-8bit", Unread, &["txt", "log", "csv", "tsv", "conf", "cfg", "ini", "sql"]),
        row("unknown", Unread, &[]),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        for (at, info) in TYPES.iter().enumerate() {
            assert!(TYPES[..at].iter().all(|before| before.name != info.name), "{} stands twice", info.name);
            assert!(info.extensions.iter().all(|ext| *ext == ext.to_ascii_lowercase()), "{}", info.name);
        }
        assert!(is_type(UNKNOWN) && !is_type("docx"));
        assert_eq!(layer("docx"), Layer::Unread);
        assert_eq!(extensions("docx"), &[] as &[&str]);
    }

    #[test]
    fn the_page_has_the_same_table() {
        let page = include_str!("../../../docs/spec/magic.md");
        let (_, after) = page.split_once("## Extensions and text layers").unwrap();
        let rows = after.lines().filter(|line| line.starts_with("| `")).map(str::to_owned);
        let table = TYPES.iter().map(|info| {
            let extensions =
                if info.extensions.is_empty() { "-".to_owned() } else { info.extensions.join(" ") };
            let layer = format!("{:?}", info.layer).to_lowercase();
            format!("| `{}` | {extensions} | {layer} |", info.name)
        });
        assert_eq!(rows.collect::<Vec<_>>(), table.collect::<Vec<_>>());
    }

    #[test]
    fn an_extension_claims_a_type() {
        for (name, ext, expected) in [
            ("pe", "JPG", true),
            ("pe", "exe", false),
            ("jpeg", "png", true),
            ("unknown", "zip", true),
            ("unknown", "dat", false),
            ("text", "php", false),
            ("text", "zip", true),
            ("text-8bit", "txt", false),
            ("text-8bit", "php", true),
            ("zip", "docx", false),
            ("ooxml", "zip", true),
            ("elf", "6", false),
            ("elf", "", false),
            ("empty", "zip", false),
        ] {
            assert_eq!(mismatch(name, ext), expected, "{name} called .{ext}");
        }
    }
}
