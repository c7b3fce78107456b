//! What a dry run does not cover: a medium that is not whole, volumes of which no file is read, and how they are kept.
//!
//! Counsel decides by the counts of a dry run. What is in no count has to stand beside them.

use std::path::Path;

use custody::CaseFolder;
use evidence::event::MediumUnreadable;
use evidence::trust::{Step, Trust};
use indicatif::DecimalBytes;
use scope::Policy;
use scope::policy::UnreadVolumes;
use serde::Serialize;
use serde_json::{Value, json};
use source::{LayerState, Opened};

use super::capture::{failed, ranges};
use super::plan::cut_short;
use crate::cli::PlanArgs;
use crate::console::shell;
use crate::workplace::{self, TRUST};

/// What is on the medium, and in no count.
#[derive(Clone, Debug, Default)]
pub(super) struct Uncovered {
    /// What tells of a medium that is not whole.
    pub(super) cut_short: Vec<String>,
    /// The ranges that the medium did not give.
    pub(super) unreadable: Option<MediumUnreadable>,
    /// What else reading the medium did not cover or had to assume.
    pub(super) limits: Vec<String>,
    /// Volumes of which no file is read, as far as the order covers them.
    pub(super) volumes: Vec<Volume>,
    /// What the policy makes of them; empty where there are none.
    pub(super) rule: String,
    /// The command that preserves them, where the policy lets it.
    pub(super) command: Option<String>,
}

/// A volume of which no file is read.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Volume {
    /// Where it is.
    pub(super) place: String,
    /// What it is.
    pub(super) what: String,
    /// Its length.
    pub(super) bytes: u64,
    /// Why no file of it is read; empty where nothing more is known.
    pub(super) why: String,
}

impl Uncovered {
    /// Of this medium, under this policy.
    pub(super) fn of(
        opened: &Opened,
        policy: &Policy,
        args: &PlanArgs,
        (case, trust): (&CaseFolder, &Trust),
    ) -> Self {
        let medium = &opened.medium;
        let cut: Vec<String> = medium.cut_short().map(str::to_owned).collect();
        let limits = medium.limits.iter().filter(|limit| !cut.contains(limit)).cloned().collect();
        let why = |place: &str| {
            medium.layers.iter().find(|layer| layer.place == place).and_then(|layer| match &layer.state {
                LayerState::Unread(why) => Some(why.clone()),
                _ => None,
            })
        };
        let volumes: Vec<Volume> = opened
            .unread
            .iter()
            .map(|volume| Volume {
                place: if volume.place.is_empty() { "the medium".to_owned() } else { volume.place.clone() },
                what: volume.what.clone(),
                bytes: volume.bytes.len(),
                why: why(&volume.place).unwrap_or_default(),
            })
            .collect();
        let preserved = policy.target().unread_volumes == UnreadVolumes::Preserve;
        let all = volumes.iter().fold(0_u64, |sum, volume| sum.saturating_add(volume.bytes));
        let rule = match (volumes.len(), preserved) {
            (0, _) => String::new(),
            (n, true) => format!(
                "the policy preserves such volumes whole, for the court alone (target.unread_volumes = \"preserve\"): \
                 {n} with {all} bytes ({}), by a command of its own",
                DecimalBytes(all)
            ),
            (n, false) => format!(
                "the policy lets such volumes be named, and not taken (target.unread_volumes = \"name\"): of {n} with \
                 {all} bytes ({}) nothing would be kept",
                DecimalBytes(all)
            ),
        };
        let command = (preserved && !volumes.is_empty()).then(|| image_command(args, case, trust));
        let unreadable = MediumUnreadable::of(&opened.drives.bad_ranges());
        Self { cut_short: cut, unreadable, limits, volumes, rule, command }
    }

    /// As text for people, below the counts.
    pub(super) fn text(&self) -> String {
        let mut text = cut_short(self.cut_short.iter().map(String::as_str));
        if let Some(told) = self.unread_bytes() {
            text += &format!("\nwarning: {told}");
        }
        for volume in &self.volumes {
            text += &format!("\nwarning: in no count: {}", volume.sentence());
        }
        if !self.rule.is_empty() {
            text += &format!("\nnote: {}", self.rule);
        }
        if let Some(command) = &self.command {
            text += &format!("\nnext, for these volumes: {command}");
        }
        text
    }

    fn unread_bytes(&self) -> Option<String> {
        let missing = self.unreadable.as_ref()?;
        Some(format!("{}: {}", failed(Some(missing))?, ranges(missing)))
    }

    /// Adds to the counts as JSON.
    pub(super) fn add_to(&self, value: &mut Value) {
        let Value::Object(fields) = value else { return };
        if let Some(Value::Array(limits)) = fields.get_mut("limits") {
            let own = self.cut_short.iter().chain(&self.limits).map(|limit| json!(limit));
            limits.splice(0..0, own);
        }
        fields.insert("cut_short".to_owned(), json!(self.cut_short));
        fields.insert("medium_unreadable".to_owned(), json!(self.unreadable));
        fields.insert("unread_volumes".to_owned(), json!(self.volumes));
        fields.insert("unread_rule".to_owned(), json!((!self.rule.is_empty()).then_some(&self.rule)));
        fields.insert("unread_command".to_owned(), json!(self.command));
    }

    /// The box on the page for counsel: what is in none of its numbers.
    pub(super) fn sentences(&self) -> Vec<String> {
        let whole = self.cut_short.iter().map(|limit| {
            match source::warned_of(limit) {
                source::NOT_WHOLE => format!("This medium is not whole: {limit}. What lay there is in no count; compare the image with the \
                     acquisition's notes, or take another copy."),
                _ => format!("Not all that was written to this medium is read: {limit}."),
            }
        });
        let bytes = self.unread_bytes().map(|told| format!("{told}."));
        let volumes = self.volumes.iter().map(|volume| format!("No file is read of {}.", volume.sentence()));
        let rule = (!self.rule.is_empty()).then(|| {
            let mut rule = self.rule.clone();
            rule.replace_range(..1, "T");
            format!("{rule}.")
        });
        whole.chain(bytes).chain(volumes).chain(rule).collect()
    }
}

impl Volume {
    fn sentence(&self) -> String {
        let why = if self.why.is_empty() { String::new() } else { format!(": {}", self.why) };
        format!("{}, {}, {} bytes{why}", self.place, self.what, self.bytes)
    }
}

/// The command that preserves the volumes of this medium, as it can be pasted but for the key of whoever signs beside you.
fn image_command(args: &PlanArgs, case: &CaseFolder, trust: &Trust) -> String {
    let mut words = vec!["ambit".to_owned(), "image".to_owned(), "--to".to_owned(), "court".to_owned()];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    let path = |path: &Path| path.to_string_lossy().into_owned();
    add("--policy", path(&args.examine.policy));
    for medium in &args.examine.source.medium {
        add("--medium", path(medium));
    }
    let source = &args.examine.source;
    let given = [
        ("--asset-tag", &source.asset_tag),
        ("--writable-source", &source.writable_source),
        ("--without-approval", &source.without_approval),
        ("--other-medium", &source.other_medium),
    ];
    for (option, value) in given {
        value.iter().for_each(|value| add(option, value.clone()));
    }
    source.image_form.iter().for_each(|form| add("--image-form", form.word().to_owned()));
    add("--case", path(case.root()));
    add("--trust", path(&case.root().join(TRUST)));
    for signer in &args.signing.sign_as {
        add("--sign-as", format!("{}={}", signer.principal, path(&signer.key)));
    }
    let present: Vec<&str> = args.signing.sign_as.iter().map(|signer| signer.principal.as_str()).collect();
    for missing in workplace::missing_signers(trust, Step::AcquisitionStart, &present) {
        add("--sign-as", format!("{missing}=KEY"));
    }
    add("--out", format!("{}-volumes.ambit", case.file().medium_label));
    // Where the order knows the medium by its digest, it is not known without.
    if source.digest_medium {
        words.push("--digest-medium".to_owned());
    }
    shell(words.iter().map(String::as_str))
}
