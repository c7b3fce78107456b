//! Looks: from an item on a medium to the facts that its decision needs.
//!
//! [`examine()`] asks the policy, takes the one look that the policy asks for, and
//! asks again. An item is never looked into deeper than its decision needs, and
//! what could not be read is a fact of its own.
//!
//! ```text
//! metadata   the walker has them        names, times, sizes, owners
//! type       first 4096 bytes           magic/1     docs/spec/magic.md
//! hash       the whole content, once    SHA-256, and MD5 and SHA-1 on request
//! content    the whole content          kw/1 and text/1     docs/spec/keywords.md
//!            headers of messages        mail/1              docs/spec/mail.md
//! ```

mod container;
mod decoded;
pub mod document;
mod ending;
pub mod every_item;
mod examine;
pub mod keywords;
mod loose;
pub mod magic;
mod mail;
mod plain;
mod reading;
mod reopened;
mod slack;
mod text;

pub use container::{EachMember, MAX_MEMBERS};
pub use ending::TAIL;
pub use every_item::{Event, EveryItemError, every_entry, every_item, remnant_limits};
pub use examine::{ExamineError, Examined, Examiner, Options, examine};
pub use mail::may_hold_mail;
pub use slack::{Slacks, slack_wanted};
