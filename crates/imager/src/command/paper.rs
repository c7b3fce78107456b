//! `ambit policy render` and `cover`: the policy as a court reads it, and the sheet on which it approves.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use custody::durable::Disk;
use evidence::words;
use papers::{Cover, PdfError, Person};
use scope::{Digest, Language, Policy};
use serde_json::json;

use crate::cli::{CoverArgs, Format, RenderArgs, Sheet};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load;

pub(super) fn render(args: &RenderArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    for_the_screen(args.format == Format::Pdf, args.out.as_ref(), console)?;
    let loaded = load::policy(&args.policy)?;
    let (policy, language) = (&loaded.policy, Language::from(args.lang));
    let bytes = match args.format {
        Format::Md => scope::render_in(policy, language).into_bytes(),
        Format::Html => papers::policy_html(policy, language).into_bytes(),
        Format::Pdf => pdf(papers::policy_pdf(policy, language))?,
    };
    hand_over(policy, language, &bytes, args.out.as_ref(), console)
}

pub(super) fn cover(args: &CoverArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    for_the_screen(args.format == Sheet::Pdf, args.out.as_ref(), console)?;
    let loaded = load::policy(&args.policy)?;
    let (trust, _) = load::trust(&args.trust)?;
    let words = words::words(&trust.digest()).join(" ");
    let people = trust.principals().iter().map(|principal| {
        let roles = principal.roles.iter().map(|role| role.word()).collect();
        Person { person: &principal.person, organisation: &principal.organisation, roles }
    });
    let cover = Cover {
        policy: &loaded.policy,
        language: args.lang.into(),
        origin: trust.origin(),
        trust: trust.digest(),
        words: &words,
        people: people.collect(),
    };
    let bytes = match args.format {
        Sheet::Html => papers::cover_html(&cover).into_bytes(),
        Sheet::Pdf => pdf(papers::cover_pdf(&cover))?,
    };
    hand_over(cover.policy, cover.language, &bytes, args.out.as_ref(), console)
}

fn for_the_screen(pdf: bool, out: Option<&PathBuf>, console: &Console<'_>) -> Result<(), Failure> {
    if pdf && out.is_none() && (console.is_json() || std::io::stdout().is_terminal()) {
        let failure = Failure::new("a PDF is not for the screen");
        return Err(failure.hint("add --out FILE, such as --out policy.pdf"));
    }
    Ok(())
}

fn pdf(made: Result<Vec<u8>, PdfError>) -> Result<Vec<u8>, Failure> {
    made.context("PDF").map_err(|failure| failure.hint("the same in another form: --format html"))
}

/// To standard output, or to a new file whose digest is then said.
fn hand_over(
    policy: &Policy,
    language: Language,
    bytes: &[u8],
    out: Option<&PathBuf>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let Some(path) = out else {
        if console.is_json() {
            let rendering = String::from_utf8_lossy(bytes);
            console.result(&json!({ "policy": policy.id(), "rendering": rendering }), "")?;
        } else {
            console.file(bytes)?;
        }
        return Ok(Exit::Done);
    };
    Disk::new().write_new(path, bytes).context("paper")?;
    let digest = Digest::of(bytes);
    let value = json!({ "policy": policy.id(), "file": path, "sha256": digest, "language": language.tag() });
    let text = format!("{}: policy {}\nthe file is {digest}", path.display(), policy.id());
    console.result(&value, text)?;
    Ok(Exit::Done)
}
