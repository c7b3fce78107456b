//! The policy in plain language: what a person signs.
//!
//! Implements `docs/spec/policy.md`, "The rendering". It is made from the tree
//! and nothing else, so that whoever has the bundle makes the same bytes
//! again. The authority's own words stand beside what they mean.
//!
//! ```text
//! ### Rule I-2: include
//!
//! > Logs of the tenant's site in the lease period, and log-in records.
//!
//! Basis: Attachment B, paragraph 2 (records of use).
//! ```
//!
//! Said in order by `build`, in the sentences of `english` or `german`; written
//! as Markdown here, as HTML and PDF by the crate `papers`.

mod build;
pub mod document;
mod english;
mod german;
mod language;
mod markdown;
mod sentence;
pub(crate) mod words;

pub use document::Document;
pub use language::Language;
pub use words::is_visible;

use crate::policy::{Policy, Selector};

/// The policy in plain English, as Markdown. The same policy gives the same bytes, always.
#[must_use]
pub fn render(policy: &Policy) -> String {
    render_in(policy, Language::English)
}

/// The policy in plain words of a language, as Markdown. The same policy gives the same bytes, always.
#[must_use]
pub fn render_in(policy: &Policy, language: Language) -> String {
    markdown::markdown(&document(policy, language))
}

/// The policy in plain words of a language, for whoever writes it out in another form than Markdown.
#[must_use]
pub fn document(policy: &Policy, language: Language) -> Document {
    build::document(policy, language)
}

/// `1 item`, `2 items`: how many there are of what a regular noun names.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What a selector asks for, in sentences of a language as the Markdown has them.
pub(crate) fn conditions_of(policy: &Policy, selector: &Selector, language: Language) -> Vec<String> {
    let own = build::conditions_of(policy, selector, language);
    std::iter::once(&own.text).chain(&own.all).map(markdown::line).collect()
}
