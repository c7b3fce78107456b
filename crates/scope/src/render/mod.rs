//! The policy in plain language: what a person signs.
//!
//! Implements `docs/spec/policy.md`, "The rendering". The Markdown is made from
//! the tree and nothing else, so that whoever has the bundle makes the same
//! bytes again. The authority's own words stand beside what they mean.
//!
//! ```text
//! ### I-2: include
//!
//! > Logs of the tenant's site in the lease period, and log-in records.
//!
//! Basis: Attachment B, paragraph 2 (records of use)
//! ```

pub(crate) mod words;

use std::fmt::Write as _;

use crate::facts::Look;
use crate::lint::lint;
use crate::policy::{
    Effect, Hours, LeftRecord, ListItems, MediaSpec, MediumIdKind, NotSearchable, PathCase, Policy, Rule,
    Selector, UnknownDefault, UnreadVolumes,
};
use words::{code, conditions, count, join, look, moment, plain};

/// The name of the rendering's format. Its bytes are signed: any change of them is a new name.
pub const RENDERER: &str = "ambit-render/1";

const TOOL: &str = "*Enforced by the tool.*";
const DUTY: &str = "*Duty of a person.*";
const UNCHECKED: &str = "*Not checked.*";

/// The policy in plain language, as Markdown. The same policy gives the same bytes, always.
#[must_use]
pub fn render(policy: &Policy) -> String {
    let mut page = Page { text: String::new() };
    head(&mut page, policy);
    authority(&mut page, policy);
    target(&mut page, policy);
    looks(&mut page, policy);
    rules(&mut page, policy);
    combination(&mut page, policy);
    unknown(&mut page, policy);
    names(&mut page, policy);
    recipients(&mut page, policy);
    record(&mut page, policy);
    duties(&mut page, policy);
    remarks(&mut page, policy);
    page.line("");
    page.line(&format!("End of the policy {}.", code(&policy.id().to_string())));
    page.text
}

/// The page being written.
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n\n"); // writing to a String cannot fail
    }

    /// A provision, and who sees to it.
    fn provision(&mut self, line: &str, mark: &str) {
        self.line(&format!("- {line} {mark}"));
    }
}

fn head(page: &mut Page, policy: &Policy) {
    page.line(&format!("# {}", plain(policy.title())));
    page.line("");
    page.line(&format!("Scoping policy {}, version {}.", code(policy.schema_id()), policy.version()));
    page.line("");
    page.line(&format!("- Policy id: {}", code(&policy.id().to_string())));
    if let Some(before) = policy.supersedes() {
        page.line(&format!("- Takes the place of the policy {}", code(&before.to_string())));
    }
    page.line(&format!("- Rendered by {}", code(RENDERER)));
    page.line("");
    page.line("Each provision says who sees to it:");
    page.line("");
    page.provision("The program does it, and the record shows it.", TOOL);
    page.provision("Somebody must do it; the program shows it and cannot know.", DUTY);
    page.provision("It is stated here, and nothing in the record confirms or refutes it.", UNCHECKED);
}

fn authority(page: &mut Page, policy: &Policy) {
    let authority = policy.authority();
    page.section("Authority");
    page.provision(&format!("Ordered by: {}.", plain(&authority.court)), UNCHECKED);
    page.provision(&format!("Docket: {}.", plain(&authority.docket)), UNCHECKED);
    page.provision(&format!("Instrument: {}.", plain(&authority.instrument)), UNCHECKED);
    for basis in &authority.legal_basis {
        page.provision(&format!("Legal basis: {}.", plain(basis)), UNCHECKED);
    }
    for particular in &authority.particulars {
        page.provision(&format!("What the order describes: {}.", plain(particular)), UNCHECKED);
    }
    page.provision(&format!("Issued: {}.", moment(authority.issued)), UNCHECKED);
    let late = "By the clock of the machine, work that begins later is refused, or is on the record as a departure from the order; work that ends later is found to be one when the package is checked.";
    let execute_by = moment(authority.execute_by);
    page.provision(&format!("Seizure or copying on site by: {execute_by}. {late}"), TOOL);
    match authority.hours {
        Hours::Any => page.provision("Work on site at any hour.", UNCHECKED),
        hours @ Hours::Daily { .. } => {
            page.provision(
                &format!("Work on site only in the hours {hours} (local time and its offset). The program does not look at the hour."),
                DUTY,
            );
        }
    }
    page.provision(&format!("Review in the laboratory by: {}.", moment(authority.review_by)), DUTY);
}

fn target(page: &mut Page, policy: &Policy) {
    let target = policy.target();
    page.section("The media");
    media(page, &target.media);
    page.provision("A mounted tree whose mount can be written to, and a device that can be written to, are refused unless somebody overrides it on the record.", TOOL);
    if target.live {
        page.provision("A running system, or a snapshot of one, may be read.", UNCHECKED);
    } else {
        page.provision("A running system is not read: nothing changes the medium while it is read. The program cannot tell a read-only bind mount of a live file system from one at rest.", DUTY);
    }
    if target.deleted {
        page.provision("Deleted entries of which the file system still has something are listed and decided like files, by name, size and times alone; their content is not read.", TOOL);
        page.provision("Unallocated space, slack space and snapshots are not read.", TOOL);
    } else {
        page.provision("Deleted entries, unallocated space, slack space and snapshots are not read.", TOOL);
    }
    page.provision(
        if target.streams {
            "Named streams of files are items like files."
        } else {
            "Named streams of files are not read."
        },
        TOOL,
    );
    page.provision(
        "Archives, mailboxes and disk images inside files are not opened; they are taken or left whole.",
        TOOL,
    );
    page.provision(
        match target.unread_volumes {
            UnreadVolumes::Name => "A volume that cannot be read is named in the record, and nothing of it is taken.",
            UnreadVolumes::Preserve => "A volume of which no file can be read (encrypted, damaged, of an unknown kind) is named in the record, and may be preserved whole, whatever is on it, encrypted to the court alone: the last compartment below.",
        },
        TOOL,
    );
    for glob in &target.closed {
        let glob = code(glob.text());
        page.provision(
            &format!(
                "The program does not enter folders like {glob}. What lies in them is not recorded at all; the auditor's replay checks that nothing recorded lies there."
            ),
            TOOL,
        );
    }
    let limits = policy.limits();
    if let Some(items) = limits.items {
        page.provision(
            &format!("The program stops the capture after {items} items, and the record says so; the auditor's replay counts again."),
            TOOL,
        );
    }
    if let Some(bytes) = limits.bytes {
        page.provision(&format!("The program stops the capture before an item that would bring what is kept beyond {bytes} bytes, and the record says so; the auditor's replay counts again."), TOOL);
    }
}

/// What the medium shows of itself is the program's to compare; what is read off its case is a person's word.
fn media(page: &mut Page, media: &[MediaSpec]) {
    let mut tagged = false;
    for medium in media {
        let label = plain(&medium.label);
        let (tags, shown): (Vec<_>, Vec<_>) =
            medium.ids.iter().partition(|(kind, _)| *kind == MediumIdKind::AssetTag);
        let words = |ids: Vec<&(MediumIdKind, String)>| {
            let ids: Vec<String> =
                ids.into_iter().map(|(kind, id)| format!("{} {}", kind.word(), code(id))).collect();
            join(&ids, "and")
        };
        if !shown.is_empty() {
            page.provision(
                &format!("{label}: {}, compared with what the medium itself shows.", words(shown)),
                TOOL,
            );
        }
        if !tags.is_empty() {
            tagged = true;
            page.provision(
                &format!("{label}: {}, read off the medium and stated by a person.", words(tags)),
                DUTY,
            );
        }
    }
    let tag = if tagged { ", and of which no person states the asset tag" } else { "" };
    page.provision(&format!("A medium that contradicts what stands here is refused, and so is one that shows none of it{tag}; unless somebody overrides it on the record."), TOOL);
}

fn looks(page: &mut Page, policy: &Policy) {
    page.section("What may be looked at, and how deep");
    page.line(
        "The tool looks at an item no deeper than the decision about it needs. It may take these looks:",
    );
    page.line("");
    for allowed in &policy.target().inspect {
        page.provision(&format!("{}.", look(*allowed)), TOOL);
    }
    page.provision(
        "A file that is kept is read whole, to copy it and to compute its digest; that decides nothing.",
        TOOL,
    );
    let refused = Look::ALL.into_iter().filter(|look| !policy.target().inspect.contains(look));
    for refused in refused {
        page.provision(&format!("Never taken: {}.", look(refused)), TOOL);
    }
}

fn rules(page: &mut Page, policy: &Policy) {
    page.section("The rules");
    page.line("What no rule includes is out. The order of the rules means nothing.");
    for rule in policy.rules() {
        let to = rule.to.as_ref().map_or_else(String::new, |to| format!(" for {}", code(to)));
        page.line("");
        page.line(&format!("### {}: {}{to}", plain(&rule.id), rule.effect.word()));
        page.line("");
        page.line(&format!("> {}", plain(&rule.text)));
        page.line("");
        page.line(&format!("Basis: {}", plain(&rule.basis)));
        if let Some(ground) = &rule.ground {
            page.line("");
            page.line(&format!("Ground: {}", plain(ground)));
        }
        page.line("");
        meaning(page, policy, rule);
    }
}

/// The rule as the tool reads it.
fn meaning(page: &mut Page, policy: &Policy, rule: &Rule) {
    let effect = match rule.effect {
        Effect::Include => "is in scope".to_owned(),
        Effect::Exclude => "is left where it is, and not named".to_owned(),
        Effect::Withhold => "that is in scope is not taken, but named in the withholding log".to_owned(),
        Effect::Hold => {
            let to = rule.to.as_ref().and_then(|to| policy.compartments().iter().find(|own| own.id == *to));
            let label = to.map_or_else(String::new, |own| plain(&own.label));
            format!("that is in scope is kept for this compartment alone: {label}")
        }
    };
    page.line(&format!("What the tool does: an item {effect}, {} {TOOL}", when(rule)));
    for (ids, words) in [
        (&rule.any, "At least one of these:"),
        (&rule.all, "Each of these:"),
        (&rule.unless, "**Except** where one of these holds:"),
    ] {
        if ids.is_empty() {
            continue;
        }
        page.line("");
        page.line(words);
        page.line("");
        for id in ids {
            if let Some(found) = policy.selectors().iter().find(|own| own.id == *id) {
                selector(page, policy, found);
            }
        }
    }
}

fn when(rule: &Rule) -> &'static str {
    match (rule.any.is_empty(), rule.all.is_empty(), rule.unless.is_empty()) {
        (false, true, true) => "if at least one of the following holds.",
        (true, false, true) => "if each of the following holds.",
        (false, true, false) => "if at least one of the following holds and no exception does.",
        (true, false, false) => "if each of the following holds and no exception does.",
        (false, false, true) => "if at least one of the first group holds and each of the second.",
        (false, false, false) => {
            "if at least one of the first group holds, each of the second, and no exception does."
        }
        // INVARIANT: reading refuses a rule with neither `any` nor `all`.
        (true, true, _) => "always.",
    }
}

fn selector(page: &mut Page, policy: &Policy, selector: &Selector) {
    let parts = conditions(policy, selector);
    let label = plain(&selector.label);
    let id = code(&selector.id);
    match parts.as_slice() {
        [one] => page.line(&format!("- {label} ({id}): the item {one}.")),
        several => {
            page.line(&format!("- {label} ({id}): all of this holds:"));
            for part in several {
                page.line(&format!("  - the item {part}."));
            }
        }
    }
}

fn combination(page: &mut Page, policy: &Policy) {
    page.section("How the rules come together");
    page.provision("What an `exclude` matches is left, whatever else matches it.", TOOL);
    page.provision("What no `include` matches is left.", TOOL);
    if policy.compartments().is_empty() {
        page.provision("What a `withhold` matches is not taken, but named in the withholding log.", TOOL);
    } else {
        let ids: Vec<String> = policy.compartments().iter().map(|own| code(&own.id)).collect();
        let order = ids.join(", then ");
        page.provision(
            &format!("What a `hold` matches goes to its compartment alone; where several match, in this order: {order}."),
            TOOL,
        );
        page.provision("What a `withhold` matches is not taken, but named in the withholding log; where a `hold` matches too, it is named to that compartment alone.", TOOL);
    }
    page.provision("What remains is captured for the case team.", TOOL);
    page.provision("A file with several names (hard links) counts under each of them: any name can include it, and any name can exclude it. A reader sees only the names that themselves are in scope.", TOOL);
    page.provision("Links are recorded and never followed.", TOOL);
    page.provision(
        match policy.defaults().path_case {
            PathCase::AsVolume => {
                "Capital and small letters differ in names where they differ on the volume."
            }
            PathCase::Sensitive => "Capital and small letters differ in names.",
            PathCase::Insensitive => "Capital and small letters are the same in names.",
        },
        TOOL,
    );
    page.line("");
    page.line("In paths and names, `*` stands for any characters within one folder or file name, `?` for one character, `[...]` for one of several, and `**` for any number of whole folders, none too: `/a/**` is the folder `/a` and whatever lies below it.");
}

fn unknown(page: &mut Page, policy: &Policy) {
    page.section("What cannot be determined");
    let defaults = policy.defaults();
    let outcome = match &defaults.unknown {
        UnknownDefault::Left => "is left".to_owned(),
        UnknownDefault::Hold(id) => format!("goes to the compartment {}", code(id)),
    };
    page.provision(
        &format!("An item whose decision needs a fact that cannot be had (unreadable, encrypted, without a text that can be searched) {outcome}; it is left where a `withhold` matches. It is never captured and never listed."),
        TOOL,
    );
    let holds = policy.rules().iter().any(|rule| rule.effect == Effect::Hold);
    match &defaults.unknown {
        _ if !holds => {}
        UnknownDefault::Left => page.provision("So an item whose scope could not be determined is left even if a `hold` rule matches it, and no compartment gets it.", TOOL),
        UnknownDefault::Hold(id) => {
            let id = code(id);
            page.provision(&format!("So an item whose scope could not be determined goes to the compartment {id} even if a `hold` rule of another compartment matches it, and the other does not get it."), TOOL);
        }
    }
    page.provision(
        match defaults.not_searchable {
            NotSearchable::NoHit => {
                "A file of a type without text, such as a picture, counts as one without keywords."
            }
            NotSearchable::Unknown => {
                "Whether a file of a type without text, such as a picture, contains a keyword is unknown."
            }
        },
        TOOL,
    );
    match defaults.zoneless_times {
        Some(offset) => {
            page.provision(&format!("Times that carry no zone are read as local time at {offset}."), TOOL)
        }
        None => page.provision("Times that carry no zone decide nothing.", TOOL),
    }
}

fn names(page: &mut Page, policy: &Policy) {
    if !policy.windows().is_empty() {
        page.section("Periods");
        for window in policy.windows() {
            let (from, until) = (moment(window.from), moment(window.until));
            page.provision(&format!("{}: from {from} until before {until}.", code(&window.id)), TOOL);
        }
    }
    if !policy.custodians().is_empty() {
        page.section("Custodians");
        for custodian in policy.custodians() {
            let uids = custodian.uid.iter().map(|uid| format!("user id {uid}"));
            let sids = custodian.sid.iter().map(|sid| format!("security identifier {}", code(sid)));
            let ids: Vec<String> = uids.chain(sids).collect();
            let label = plain(&custodian.label);
            page.provision(&format!("{}: {label}: {}.", code(&custodian.id), join(&ids, "or")), TOOL);
        }
        page.provision("That these accounts are these people's is the authority's finding.", UNCHECKED);
    }
    if !policy.lists().is_empty() {
        page.section("Lists");
        for list in policy.lists() {
            let (noun, items) = match &list.items {
                ListItems::Sha256(_) => ("SHA-256 digest", None),
                ListItems::Keywords(terms) => ("keyword", Some(terms)),
            };
            let size = count(list.items.count(), noun);
            let digest = code(&list.digest.to_string());
            let file = list.file.as_ref().map_or_else(String::new, |file| format!(", file {}", code(file)));
            let secret = if list.restricted { ", restricted: its items are not published" } else { "" };
            let label = plain(&list.label);
            page.provision(&format!("{}: {label}: {size}{file}, {digest}{secret}.", code(&list.id)), TOOL);
            if let Some(terms) = items.filter(|_| !list.restricted) {
                let terms: Vec<String> = terms.iter().map(|term| code(term)).collect();
                page.line(&format!("  - {}", terms.join(", ")));
            }
        }
    }
}

fn recipients(page: &mut Page, policy: &Policy) {
    let recipients = policy.recipients();
    page.section("Who can open what");
    page.line(
        "Everything taken is encrypted to these public keys. Whose keys they are is the authority's finding.",
    );
    page.line("");
    for (who, what, keys) in [
        ("The case team", "what is captured, and the withholding log", &recipients.case),
        ("Further holders", "what is captured, and the withholding log", &recipients.captured_also),
        ("The auditor", "the record of every item", &recipients.auditor),
        ("The court", "the record of every item", &recipients.court),
    ] {
        for key in keys {
            page.provision(&format!("{who} can open {what}: {}.", code(key)), TOOL);
        }
    }
    for (at, compartment) in policy.compartments().iter().enumerate() {
        page.line("");
        page.line(&format!("### Compartment {}: {}", at.saturating_add(1), code(&compartment.id)));
        page.line("");
        page.line(&plain(&compartment.label));
        page.line("");
        for key in &compartment.recipients {
            page.provision(&format!("It alone can open what is held for it: {}.", code(key)), TOOL);
        }
        page.provision(&format!("Released only on: {}.", plain(&compartment.release)), DUTY);
        page.provision(
            "The row of a held item shows the case team its control number, the rules that decided, and a size class; nothing else.",
            TOOL,
        );
    }
}

fn record(page: &mut Page, policy: &Policy) {
    let record = policy.record();
    page.section("What is kept about what was left");
    let (holder, basis, until) = (plain(&record.holder), plain(&record.basis), plain(&record.until));
    match record.left {
        LeftRecord::Facts => {
            page.provision("An encrypted list of every file name on the medium, with sizes, times and owners, including other people's, is made and kept. The auditor and the court can open it; the case team cannot.", TOOL);
            page.provision(&format!("It is kept by: {holder}."), DUTY);
            page.provision(&format!("On this basis: {basis}."), UNCHECKED);
            page.provision(&format!("Until: {until}."), DUTY);
            page.provision("Every decision can be replayed from it.", TOOL);
        }
        LeftRecord::Counts => {
            page.provision(
                "Of items that are left nothing is kept but their number and a line that tells nothing.",
                TOOL,
            );
            page.provision("**The decisions to leave them cannot be replayed**: that they were right can be checked on the medium alone.", TOOL);
            page.provision(&format!("On this basis: {basis}."), UNCHECKED);
            page.provision(&format!("Held by: {holder}. Until: {until}."), DUTY);
        }
    }
    page.provision(
        "A public inventory has one line per item, with its outcome and nothing else that can be read.",
        TOOL,
    );
}

fn duties(page: &mut Page, policy: &Policy) {
    page.section("Duties of people");
    if policy.authority().conditions.is_empty() {
        page.line("The policy states no further conditions.");
    }
    for condition in &policy.authority().conditions {
        page.provision(&format!("{}.", plain(condition)), DUTY);
    }
}

fn remarks(page: &mut Page, policy: &Policy) {
    page.section("Remarks of the tool on this policy");
    let remarks = lint(policy);
    if remarks.is_empty() {
        page.line("None.");
    }
    for remark in remarks {
        page.line(&format!("- {}: {}", plain(&remark.about), plain(&remark.message)));
    }
}
