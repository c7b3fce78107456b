//! The example policies on paper: nothing is missing, nothing is active, and the same policy gives the same bytes.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeSet;
use std::path::Path;

use papers::{Cover, Person, cover_html, policy_html};
use scope::{Bundle, Digest, Language, Policy};

const FOLDERS: [&str; 4] = ["1-rustock-cnc", "2-fraud-privilege", "3-hash-list-only", "4-ir-triage"];

fn text(folder: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies").join(folder).join("policy.toml");
    std::fs::read_to_string(path).unwrap()
}

fn policy(text: &str) -> Policy {
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", text).unwrap();
    Policy::parse(&bundle).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A policy whose texts try everything that the reader of policies lets through.
fn hostile() -> Policy {
    let changed = text("1-rustock-cnc")
        .replace(
            "web sites of other customers",
            "</code></li><script src=//x.example>1</script><img onerror=x> &lt;b&gt; ' \\\"",
        )
        .replace(
            "Neutral examiner appointed",
            "中文 שלום عربى a\u{301}\u{302} é e\u{301} 🔑 „Grüße“ ≥ § – Ωμέγα Жук",
        )
        .replace("/srv/billing/**", "/srv/<b>/\u{202E}/*`文/**");
    policy(&changed)
}

/// The text between tags, as a reader sees it; fails at a tag that is not ours.
fn visible(html: &str) -> String {
    let ours: BTreeSet<&str> = "!DOCTYPE html head meta title style body main header footer section article p h1 h2 h3 ul li span div dl dt dd \
        table thead tbody tr th td blockquote code bdi strong"
        .split_whitespace()
        .collect();
    let body = html.split("</style>").nth(1).unwrap();
    let mut seen = String::new();
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split(' ').next().unwrap();
        assert!(ours.contains(name), "a tag that is not ours: <{tag}>");
        let attributes = tag.split(' ').skip(1).filter(|attribute| attribute.contains('='));
        for attribute in attributes {
            assert!(
                ["class=\"", "scope=\"", "colspan=\"", "rowspan=\""]
                    .iter()
                    .any(|known| attribute.starts_with(known)),
                "<{tag}>"
            );
        }
        seen += text;
    }
    seen.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[test]
fn a_page_of_html_holds_everything_and_nothing_active() {
    for policy in FOLDERS.map(|folder| policy(&text(folder))).iter().chain([&hostile()]) {
        for language in Language::ALL {
            let html = policy_html(policy, language);
            assert_eq!(html, policy_html(policy, language));
            assert!(html.starts_with(&format!("<!DOCTYPE html>\n<html lang=\"{language}\">\n")));
            assert!(html.contains("default-src 'none'"));
            let seen = visible(&html);
            let markdown = Digest::of(scope::render_in(policy, language).as_bytes()).to_string();
            let ids = [policy.id().to_string(), markdown];
            let texts = policy.rules().iter().flat_map(|rule| [&rule.text, &rule.basis]);
            for wanted in texts.chain(&ids) {
                assert!(seen.contains(wanted), "{wanted} is missing");
            }
        }
    }
    let seen = visible(&policy_html(&hostile(), Language::German));
    assert!(seen.contains("</code></li><script src=//x.example>1</script>"), "{seen}");
    assert!(seen.contains("/srv/<b>/\\u{202E}/*`"), "{seen}");
}

/// A cover sheet on which somebody tries their luck with a name.
fn cover(policy: &Policy, language: Language) -> Cover<'_> {
    let person =
        |person| Person { person, organisation: "Amtsgericht", roles: vec!["authority", "examiner"] };
    Cover {
        policy,
        language,
        origin: "example.org/cases/KC07",
        trust: Digest::of(b"abc"),
        words: "risk scheme quiz bulk brother vivid agree chimney",
        people: vec![person("Dr. C. Österreicher"), person("<script>alert(1)</script>")],
    }
}

#[test]
fn a_cover_sheet_holds_the_words_and_what_is_approved() {
    let policy = policy(&text("3-hash-list-only"));
    for language in Language::ALL {
        let html = cover_html(&cover(&policy, language));
        assert_eq!(html, cover_html(&cover(&policy, language)));
        let seen = visible(&html);
        let markdown = Digest::of(scope::render_in(&policy, language).as_bytes()).to_string();
        for wanted in [
            "risk scheme quiz bulk brother vivid agree chimney",
            &Digest::of(b"abc").to_string(),
            &policy.id().to_string(),
            &markdown,
            language.renderer(),
            "example.org/cases/KC07",
            match language {
                Language::English => "device-1: serial number 0001",
                Language::German => "device-1: Seriennummer 0001",
            },
            match language {
                Language::English => "authority, examiner",
                Language::German => "anordnende Stelle, Forensiker",
            },
            "Dr. C. Österreicher",
            "<script>alert(1)</script>",
        ] {
            assert!(seen.contains(wanted), "{wanted} is missing: {seen}");
        }
    }
}

#[cfg(feature = "pdf")]
mod pdf {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    use papers::{cover_pdf, policy_pdf};

    use super::*;

    /// The pages of a PDF as another program reads them, white space folded; `None` where it is not here.
    fn pages(pdf: &[u8]) -> Option<Vec<String>> {
        let child = Command::new("pdftotext")
            .args(["-raw", "-enc", "UTF-8", "-", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "`pdftotext` (poppler-utils) is absent in CI: {error}"
                );
                eprintln!("did not run: `pdftotext` is not here");
                return None;
            }
        };
        child.stdin.take().unwrap().write_all(pdf).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let pages = text.split('\u{c}').filter(|page| !page.is_empty());
        Some(pages.map(|page| page.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
    }

    #[test]
    fn a_pdf_holds_everything_and_the_policy_id_on_each_page() {
        for folder in FOLDERS {
            let policy = policy(&text(folder));
            for language in Language::ALL {
                let pdf = policy_pdf(&policy, language).unwrap();
                assert!(
                    pdf == policy_pdf(&policy, language).unwrap(),
                    "{folder}: other bytes the second time"
                );
                let Some(pages) = pages(&pdf) else { return };
                let id = policy.id().to_string();
                for (at, page) in pages.iter().enumerate() {
                    let (word, of) =
                        if language == Language::English { ("page", "of") } else { ("Seite", "von") };
                    let number = format!("{word} {} {of} {}", at + 1, pages.len());
                    assert!(
                        page.contains(&id) && page.contains(&number),
                        "{folder} {language}: {number}: {page}"
                    );
                }
                let all = pages.join(" ");
                let markdown = Digest::of(scope::render_in(&policy, language).as_bytes()).to_string();
                let ids = [id, markdown];
                let texts = policy.rules().iter().flat_map(|rule| [&rule.text, &rule.basis]);
                let keys = policy.compartments().iter().flat_map(|own| &own.recipients);
                for wanted in texts.chain(&ids).chain(keys).chain(&policy.recipients().court) {
                    assert!(all.contains(wanted.as_str()), "{folder} {language}: {wanted} is missing: {all}");
                }
            }
        }
    }

    /// Paths of an artifact stand below its name, however short that is.
    #[test]
    fn no_path_of_an_artifact_is_left_out() {
        let artifact = format!(
            "\n[artifact.caches]\nlabel = \"Caches\"\ncatalogue = \"c\"\ndefinition = \"d\"\nfile = \"f\"\nsha256 = \"{}\"\npath = [\"/cache/one\", \"/cache/two\"]\n",
            "0".repeat(64)
        );
        let pdf = policy_pdf(&policy(&(text("4-ir-triage") + &artifact)), Language::English).unwrap();
        let Some(pages) = pages(&pdf) else { return };
        assert!(pages.join(" ").contains("/cache/one or /cache/two"), "{pages:?}");
    }

    #[test]
    fn only_a_policy_with_other_letters_has_the_note() {
        let pdf = policy_pdf(&policy(&text("3-hash-list-only")), Language::English).unwrap();
        let Some(pages) = pages(&pdf) else { return };
        assert!(!pages.concat().contains("has no letters"), "{pages:?}");
    }

    #[test]
    fn a_cover_sheet_is_one_page() {
        let policy = policy(&text("3-hash-list-only"));
        for language in Language::ALL {
            let Some(pages) = pages(&cover_pdf(&cover(&policy, language)).unwrap()) else { return };
            assert_eq!(pages.len(), 1);
            for wanted in [
                "risk scheme quiz bulk brother vivid agree chimney",
                "Dr. C. Österreicher",
                "<script>alert(1)",
            ] {
                assert!(pages.concat().contains(wanted), "{wanted} is missing: {pages:?}");
            }
        }
    }

    #[test]
    fn what_no_font_has_is_written_as_a_number() {
        let pdf = policy_pdf(&hostile(), Language::German).unwrap();
        let Some(pages) = pages(&pdf) else { return };
        let all = pages.join(" ");
        for wanted in [
            "中文",
            "\\u{5E9}\\u{5DC}",
            "hat dieses PDF keine Buchstaben; an ihrer Stelle steht ihre Nummer: U+",
            "U+05DD, U+05E9",
            "á\\u{302} é é \\u{1F511} „Grüße“ ≥ § – Ωμέγα Жук",
            "<script",
            "\\u{202E}",
        ] {
            assert!(all.contains(wanted), "{wanted} is missing: {all}");
        }
    }

    #[test]
    fn a_long_policy_is_many_pages() {
        let mut long = text("1-rustock-cnc")
            .replace("Web sites of other customers are not", &"Very long words. ".repeat(400));
        for at in 0..60 {
            long += &format!(
                "\n[[rule]]\nid = \"N-{at}\"\neffect = \"exclude\"\nbasis = \"b\"\ntext = \"{}\"\nany = [\"logins\"]\n",
                "Ж".repeat(at * 20 + 1)
            );
        }
        let pdf = policy_pdf(&policy(&long), Language::English).unwrap();
        let Some(pages) = pages(&pdf) else { return };
        assert!(pages.len() > 20, "{}", pages.len());
        assert!(pages.iter().all(|page| page.len() > 150), "an empty page");
        let letters = pages.iter().flat_map(|page| page.chars()).filter(|c| *c == 'Ж').count();
        assert_eq!(letters, (0..60).map(|at| at * 20 + 1).sum::<usize>());
    }
}
