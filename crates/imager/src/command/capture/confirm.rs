//! Before the seal: who is asked, and what is left to do where somebody does not agree.

use std::io::BufRead;
use std::path::Path;

use custody::Signer;
use evidence::trust::{Step, Trust};
use scope::Digest;

use crate::cli::CaptureArgs;
use crate::console::{Console, shell};
use crate::workplace;

/// Who of those who sign agrees, once they have seen counts and roots: each is asked by name, and asked again until
/// the answer is yes or no. Each speaks for themselves alone; where nobody answers any more, nobody else agreed.
pub(super) fn who_agrees<'n>(
    names: impl Iterator<Item = &'n str>,
    counts: &str,
    (sealed, root): (Digest, Digest),
    input: &mut dyn BufRead,
    console: &mut Console<'_>,
) -> Vec<&'n str> {
    console.say(format_args!("{counts}\n\nsealed bytes   {sealed}\ninventory root {root}\n"));
    console
        .say(format_args!("Nothing is lost by Ctrl-C here; it goes on with: {}\n", console.how_to_resume()));
    let mut agreed = Vec::new();
    for name in names {
        console.say(format_args!(
            "{name}: shall this be sealed with your signature? yes or no (no leaves it unsealed, for `ambit sign`)"
        ));
        if agrees(input, console) {
            agreed.push(name);
        }
    }
    agreed
}

/// One answer. The bytes of a line that is none are not repeated.
fn agrees(input: &mut dyn BufRead, console: &mut Console<'_>) -> bool {
    loop {
        let mut answer = String::new();
        if !input.read_line(&mut answer).is_ok_and(|length| length > 0) {
            return false;
        }
        match answer.trim().to_ascii_lowercase().as_str() {
            "yes" | "y" => return true,
            "no" | "n" => return false,
            _ => console.say("that was neither: type yes or no"),
        }
    }
}

/// The command that seals a package later, in all its copies, with the values of this run: of those who did not agree, their keys as they were
/// given; of those whose signature is missing, their names in the trust file, and their keys are theirs to name.
pub(super) fn sign_command(
    args: &CaptureArgs,
    (copies, case): (&[&Path], &Path),
    trust: &Trust,
    agreed: &[&Signer],
) -> String {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec!["ambit".to_owned(), "sign".to_owned()];
    words.extend(copies.iter().map(|copy| path(copy)));
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    add("--trust", path(&args.trust));
    add("--case", path(case));
    let mut present: Vec<&str> = agreed.iter().map(|signer| signer.principal()).collect();
    for own in args.signing.sign_as.iter().filter(|own| !present.contains(&own.principal.as_str())) {
        add("--sign-as", format!("{}={}", own.principal, path(&own.key)));
    }
    present.extend(args.signing.sign_as.iter().map(|own| own.principal.as_str()));
    for missing in workplace::missing_signers(trust, Step::PackageSeal, &present) {
        add("--sign-as", format!("{missing}=KEY"));
    }
    if let Some(file) = &args.signing.passphrase_file {
        add("--passphrase-file", path(file));
    }
    shell(words.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use custody::Disk;
    use source::Reader;

    use super::*;
    use crate::interrupt::Interrupt;

    #[test]
    fn each_is_asked_until_the_answer_is_yes_or_no() {
        let check = |answers: &str, expected: &[&str], left: &str| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut console =
                Console::new(&mut out, &mut err, false, Reader::Here, Interrupt::default(), Disk::new());
            let mut input = answers.as_bytes();
            let digest = Digest([0; 32]);
            let names = ["examiner", "witness"].into_iter();
            let agreed = who_agrees(names, "counts", (digest, digest), &mut input, &mut console);
            assert_eq!((agreed.as_slice(), input), (expected, left.as_bytes()), "{answers:?}");
        };
        let both = ["examiner", "witness"];
        check("yes\ny\n", &both, "");
        check("Y\nYES\n", &both, "");
        check("ja\n\nyes\nyes\nmore\n", &both, "more\n");
        check("no\nyes\n", &["witness"], "");
        check("yes\nn\n", &["examiner"], "");
        // Nobody is there any more.
        check("yes\n", &["examiner"], "");
        check("", &[], "");
    }
}
