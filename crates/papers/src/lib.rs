//! Documents that people print: the policy as a court reads it, and the cover sheet of its approval, as HTML and PDF.
//!
//! This crate reads no files, asks no clock and draws no randomness. The same
//! policy gives the same bytes, always.
//!
//! ```text
//! Policy + Language  ->  policy_html  ->  one self-contained page, without scripts
//! Policy + Language  ->  policy_pdf   ->  tagged PDF/A, with the feature `pdf`
//! ```
//!
//! What is signed is the Markdown that `scope` makes. Both forms are made from
//! the same document, say the same, and quote the Markdown's SHA-256.

mod cover;
mod dry_run;
mod html;
mod letters;
mod paper;
#[cfg(feature = "pdf")]
mod pdf;
mod words;

pub use cover::{Cover, Person};
pub use dry_run::{DryRun, dry_run_html};
pub use html::{cover_html, policy_html};
#[cfg(feature = "pdf")]
pub use pdf::{PdfError, cover_pdf, policy_pdf};
