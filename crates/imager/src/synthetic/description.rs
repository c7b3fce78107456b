//! The description of a synthetic medium.
//!
//! Implements `docs/spec/synthetic.md`, version 1.
//!
//! ```toml
//! schema = "synthetic-medium/1"
//! title  = "a hosting server with forty customers"
//! seed   = 7
//!
//! [[items]]
//! label = "pages of customers"
//! path  = "/var/www/vhosts/customer{n}.example/httpdocs/page{f}.html"
//! n     = 40
//! files = [20, 200]
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use chrono::DateTime;
use scope::facts::{CaseRule, Layer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::console::Failure;
use crate::load;

/// What is on the medium.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    schema: String,
    pub(crate) title: String,
    pub(crate) seed: u64,
    #[serde(default)]
    pub(crate) case_rule: CaseRule,
    pub(crate) items: Vec<Items>,
}

/// Files of one sort.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Items {
    /// What they are, in words.
    pub(crate) label: String,
    /// `{n}` stands for the number of the customer, mailbox or log; `{f}` for that of the file.
    pub(crate) path: String,
    /// How many of them: `{n}` is 1 to this.
    #[serde(default = "one")]
    pub(crate) n: u64,
    /// Files of each, between these.
    #[serde(default = "one_to_one")]
    pub(crate) files: [u64; 2],
    /// Bytes of each file, between these.
    #[serde(default = "bytes")]
    pub(crate) size: [u64; 2],
    /// When it was last modified, in seconds since 1970: between these, the second not included.
    #[serde(deserialize_with = "times")]
    pub(crate) modified: [i64; 2],
    /// Owner's user id: this, and `n` - 1 added where `uid_per_n`.
    pub(crate) uid: Option<u64>,
    #[serde(default)]
    pub(crate) uid_per_n: bool,
    /// Owner's security identifier.
    pub(crate) sid: Option<String>,
    /// Its type in magic/1.
    #[serde(default = "text")]
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) encrypted: Option<bool>,
    /// Whether its text can be searched.
    #[serde(default = "full")]
    pub(crate) layer: Layer,
    /// Of a thousand, how many have so many terms of a keyword list.
    #[serde(default)]
    pub(crate) keywords: BTreeMap<String, Share>,
    /// Of a thousand, how many have a digest of a list.
    #[serde(default)]
    pub(crate) on_list: BTreeMap<String, u64>,
    /// Of a thousand messages, how many fit the condition on mail of a selector.
    #[serde(default)]
    pub(crate) mail: BTreeMap<String, u64>,
    /// Of a thousand, how many cannot be read.
    #[serde(default)]
    pub(crate) unreadable: u64,
    /// Of an archive: what is in each.
    #[serde(default)]
    pub(crate) members: Vec<Items>,
}

impl Items {
    /// The path of one file.
    pub(crate) fn path_of(&self, n: u64, f: u64) -> String {
        self.path.replace("{n}", &n.to_string()).replace("{f}", &f.to_string())
    }

    /// What is wrong with it, with the words that name it.
    fn problem(&self, depth: usize) -> Result<(), String> {
        let wrong = |why: String| Err(format!("items \"{}\": {why}", self.label.escape_debug()));
        let plain = self.path.chars().all(|c| !c.is_control());
        let rest = match depth {
            0 => self.path.strip_prefix('/'),
            _ => Some(self.path.as_str()),
        };
        let named = rest.is_some_and(|rest| rest.split('/').all(|name| !name.is_empty()));
        if !plain || !named {
            return wrong(match depth {
                0 => "a path begins with `/`, and has a name behind each".to_owned(),
                _ => "the path of a member has no `/` at its beginning, and a name before and behind each"
                    .to_owned(),
            });
        }
        if self.path.split('/').any(|name| matches!(name, "." | "..")) {
            return wrong("no name is `.` or `..`".to_owned());
        }
        if self.path.len() > MAX_PATH {
            return wrong(format!("a path has at most {MAX_PATH} bytes"));
        }
        if depth > 0 && self.n != 1 {
            return wrong("`n` is that of the archive".to_owned());
        }
        if self.files[1] > 1 && !self.path.contains("{f}") || self.n > 1 && !self.path.contains("{n}") {
            return wrong(
                "the path must have `{n}` where there are several, and `{f}` where each has several"
                    .to_owned(),
            );
        }
        if self.files[0] > self.files[1]
            || self.size[0] > self.size[1]
            || self.modified[0] >= self.modified[1]
        {
            return wrong("of two bounds the first is the lower".to_owned());
        }
        if !scope::magic::is_type(&self.r#type) {
            return wrong(format!(
                "`{}` is no type that magic/1 knows, such as `text` or `eml`",
                self.r#type.escape_debug()
            ));
        }
        if !self.mail.is_empty() && !matches!(self.r#type.as_str(), "eml" | "mbox") {
            return wrong(format!(
                "`mail` is of messages, and these are of the type `{}`: give `type = \"eml\"` or `\"mbox\"`",
                self.r#type.escape_debug()
            ));
        }
        if self.size[1] > MAX_SIZE {
            return wrong(format!("a file has at most {MAX_SIZE} bytes"));
        }
        let shares = self
            .keywords
            .values()
            .map(|share| share.per_mille)
            .chain(self.on_list.values().copied())
            .chain(self.mail.values().copied());
        if shares.chain([self.unreadable]).any(|share| share > 1000) {
            return wrong("a share is of a thousand".to_owned());
        }
        if !self.members.is_empty() && !matches!(self.r#type.as_str(), "zip" | "gzip" | "tar") {
            return wrong(format!(
                "`members` are of archives, `type = \"zip\"`, `\"gzip\"` or `\"tar\"`, and these are of the type `{}`",
                self.r#type.escape_debug()
            ));
        }
        if depth >= MAX_DEPTH && !self.members.is_empty() {
            return wrong(format!("archives in each other, at most {MAX_DEPTH}"));
        }
        self.members.iter().try_for_each(|members| members.problem(depth.saturating_add(1)))
    }

    /// The most files that it makes, with those in archives.
    fn most(&self) -> u64 {
        let each = self.members.iter().map(Self::most).fold(1, u64::saturating_add);
        self.n.saturating_mul(self.files[1]).saturating_mul(each)
    }

    /// Itself, and what is in it.
    fn all<'a>(&'a self, found: &mut Vec<&'a Self>) {
        found.push(self);
        self.members.iter().for_each(|members| members.all(found));
    }
}

/// A share of the files.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Share {
    pub(crate) per_mille: u64,
    pub(crate) terms: u64,
}

fn times<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[i64; 2], D::Error> {
    let [from, until] = <[String; 2]>::deserialize(deserializer)?;
    let seconds = |text: &str| DateTime::parse_from_rfc3339(text).map(|time| time.timestamp());
    Ok([seconds(&from).map_err(D::Error::custom)?, seconds(&until).map_err(D::Error::custom)?])
}

fn one() -> u64 {
    1
}

fn one_to_one() -> [u64; 2] {
    [1, 1]
}

fn bytes() -> [u64; 2] {
    [1, 100_000]
}

fn text() -> String {
    "text".to_owned()
}

fn full() -> Layer {
    Layer::Full
}

/// Reads a description, and checks what its fields say.
///
/// # Errors
///
/// In words, with the group that is wrong.
pub(crate) fn read(path: &Path) -> Result<Description, Failure> {
    let bytes = load::read(path, MAX_DESCRIPTION)?;
    parse(&bytes).map_err(|why| Failure::no(format!("{}: {why}", path.display())).hint(HINT))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Description, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let description: Description = toml::from_str(text).map_err(|error| error.to_string())?;
    if description.schema != SCHEMA {
        return Err(format!("the schema is not {SCHEMA}"));
    }
    description.items.iter().try_for_each(|items| items.problem(0))?;
    let most = description.items.iter().map(Items::most).fold(0, u64::saturating_add);
    if most > MAX_ITEMS {
        return Err(format!("up to {most} files; at most {MAX_ITEMS} are made up"));
    }
    Ok(description)
}

/// That a policy has the lists that the description speaks of.
pub(crate) fn check_lists(description: &Description, policy: &scope::Policy) -> Result<(), Failure> {
    let mut all = Vec::new();
    description.items.iter().for_each(|items| items.all(&mut all));
    for items in all {
        for (id, word) in items
            .keywords
            .keys()
            .map(|id| (id, "keywords"))
            .chain(items.on_list.keys().map(|id| (id, "sha256")))
        {
            let known = policy.lists().iter().any(|list| list.id == *id && list.items.word() == word);
            if !known {
                return Err(Failure::no(format!(
                    "the policy has no list `{}` of kind {word}",
                    id.escape_debug()
                ))
                .hint("the description names lists by their ids in the policy"));
            }
        }
        let tests = policy.mail_tests();
        if let Some(id) = items.mail.keys().find(|id| !tests.iter().any(|(known, _)| known == id)) {
            return Err(Failure::no(format!(
                "the policy has no selector `{}` with `mail`",
                id.escape_debug()
            ))
            .hint("the description names selectors by their ids in the policy"));
        }
    }
    Ok(())
}

/// Most archives in each other: as many as a policy can open.
const MAX_DEPTH: usize = 8;
/// The name of the format.
const SCHEMA: &str = "synthetic-medium/1";
const HINT: &str = "of each group: `keywords = { LIST = { per_mille = 20, terms = 2 } }`, `on_list = { LIST = 5 }`, \
    `mail = { SELECTOR = 100 }`, all of a thousand; `policies/1-rustock-cnc/synthetic.toml` is an example";
/// Longest description: hundreds of groups are some ten thousand bytes.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// Most files that are made up: above it, a dry run takes minutes and shows nothing more.
const MAX_ITEMS: u64 = 5_000_000;
/// Longest path pattern, and largest file: 1 TiB.
const MAX_PATH: usize = 1000;
const MAX_SIZE: u64 = 1 << 40;
