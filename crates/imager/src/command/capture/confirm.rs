//! Before the seal: who is asked, and what is left to do where somebody does not agree.

use std::io::BufRead;
use std::path::Path;

use custody::Signer;
use evidence::trust::{Step, Trust};
use scope::Digest;

use crate::cli::CaptureArgs;
use crate::console::{Console, shell};
use crate::workplace;

/// Whether everybody who signs agrees, once they have seen counts and roots: each is asked by name, and asked again until
/// the answer is yes or no. Where nobody answers any more, nobody agreed.
pub(super) fn all_agree<'n>(
    names: impl Iterator<Item = &'n str>,
    counts: &str,
    (sealed, root): (Digest, Digest),
    input: &mut dyn BufRead,
    console: &mut Console<'_>,
) -> bool {
    console.say(format_args!("{counts}\n\nsealed bytes   {sealed}\ninventory root {root}\n"));
    for name in names {
        console.say(format_args!(
            "{name}: shall this be sealed with your signature? yes or no (no leaves it unsealed, for `ambit sign`)"
        ));
        if !agrees(input, console) {
            return false;
        }
    }
    true
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

/// The command that seals a package later, with the values of this run: of those who did not agree, their keys as they were
/// given; of those whose signature is missing, their names in the trust file, and their keys are theirs to name.
pub(super) fn sign_command(
    args: &CaptureArgs,
    (package, case): (&Path, &Path),
    trust: &Trust,
    signers: &[Signer],
    agreed: bool,
) -> String {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut words = vec!["ambit".to_owned(), "sign".to_owned(), path(package)];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    add("--trust", path(&args.trust));
    add("--case", path(case));
    if !agreed {
        for own in &args.signing.sign_as {
            add("--sign-as", format!("{}={}", own.principal, path(&own.key)));
        }
    }
    let present: Vec<&str> = signers.iter().map(Signer::principal).collect();
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
        let check = |answers: &str, expected: bool, left: &str| {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let mut console =
                Console::new(&mut out, &mut err, false, Reader::Here, Interrupt::default(), Disk::new());
            let mut input = answers.as_bytes();
            let digest = Digest([0; 32]);
            let names = ["examiner", "witness"].into_iter();
            let agreed = all_agree(names, "counts", (digest, digest), &mut input, &mut console);
            assert_eq!((agreed, input), (expected, left.as_bytes()), "{answers:?}");
        };
        check("yes\ny\n", true, "");
        check("Y\nYES\n", true, "");
        check("ja\n\nyes\nyes\nmore\n", true, "more\n");
        check("no\nyes\n", false, "yes\n");
        check("yes\nn\n", false, "");
        // Nobody is there any more.
        check("yes\n", false, "");
        check("", false, "");
    }
}
