//! `ambit trust show`: whom a trust file names, and the words that stand for it on paper.

use std::path::Path;

use evidence::words;
use serde_json::json;

use crate::console::{Console, Exit, Failure};
use crate::load;

pub(super) fn show(path: &Path, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let (trust, _) = load::trust(path)?;
    let words = words::words(&trust.digest()).join(" ");
    let mut text = format!("words   {words}\norigin  {}\n\n", trust.origin());
    let mut principals = Vec::new();
    for principal in trust.principals() {
        let roles: Vec<_> = principal.roles.iter().map(ToString::to_string).collect();
        text += &format!(
            "{:<16} {:<20} {} ({})\n",
            principal.name,
            roles.join(", "),
            principal.person.escape_debug(),
            principal.organisation.escape_debug()
        );
        principals.push(json!({
            "name": principal.name,
            "roles": roles,
            "person": principal.person,
            "organisation": principal.organisation,
        }));
    }
    let value = json!({ "words": words, "origin": trust.origin(), "principals": principals });
    console.result(&value, text)?;
    Ok(Exit::Done)
}
