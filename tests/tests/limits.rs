//! A run that stopped at a limit of its policy, as the court set it, and what an audit says of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::fs;

use evidence::event::Action;
use evidence::report::Answer;
use scenarios::forge::{Forge, Medium, digest, kinds};
use scenarios::story::Desk;

/// A desk with a package in `{dir}/stopped.ambit` that kept to this limit.
fn stopped(limit: &str) -> Desk {
    let desk = Desk::with_open_case();
    desk.policy_with(&[("[defaults]", &format!("[limits]\n{limit}\n\n[defaults]"))]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let ran = desk
        .run("ambit capture --policy {dir}/policy --medium {medium} --case {case} --trust {trust} {both} --out {dir}/stopped.ambit")
        .exits(3);
    assert!(ran.to_string().contains("stopped at the policy's limit of"), "{ran}");
    desk
}

const AUDIT: &str = "ambit-verify audit {dir}/stopped.ambit --trust {trust} --identity {keys}/auditor.age";

#[test]
fn what_lies_beyond_the_orders_limit_is_counted_and_not_missing() {
    for (limit, beyond) in [("items = 300", Some(175)), ("bytes = 3000", None)] {
        let desk = stopped(limit);
        let json = desk.run(&format!("{AUDIT} --against {{medium}} --json")).exits(3).json();
        assert_eq!((&json["matched"], &json["findings"]), (&"yes".into(), &serde_json::json!([])), "{json}");
        let counted = json["compared"]["beyond"].as_u64().unwrap();
        assert!(counted > 0 && beyond.is_none_or(|beyond| counted == beyond), "{limit}: {json}");
        let told = format!(
            "the run stopped at the policy's limit: {counted} items lie beyond it, and are not on record"
        );
        assert!(
            json["limits"].as_array().unwrap().iter().any(|limit| limit.as_str().unwrap().contains(&told)),
            "{json}"
        );

        let audit =
            desk.run(&format!("{AUDIT} --against {{medium}} --write-result {{dir}}/result.txt")).exits(3);
        let text: String = audit.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("MATCHED: the record agrees with the original, where it was examined again, as far as the run went"), "{audit}");
        let signed = fs::read_to_string(desk.path("result.txt")).unwrap();
        assert!(signed.contains("\nmatched yes\ncompared "), "{signed}");
        assert!(signed.contains(&format!("\nbeyond {counted}\n")), "{signed}");
        assert!(signed.contains("agrees with the record as far as the run went"), "{signed}");

        // Nothing beyond is drawn.
        let sample = desk
            .run("ambit-verify sample {dir}/stopped.ambit --trust {trust} --identity {keys}/auditor.age --nonce lottery-07-14-21 --n 1000 --against {medium}")
            .exits(3);
        assert!(
            sample.out.contains("before the place where the run stopped at the policy's limit"),
            "{sample}"
        );
        assert!(sample.out.contains("items lie beyond it"), "{sample}");
    }
}

#[test]
fn what_was_left_out_before_the_limit_cannot_hide_behind_it() {
    const OMITTED: &str = "/etc/crontab";
    let package = |limit: &str, omit: bool| {
        let mut forge = Forge::honest();
        forge.swap_policy("[defaults]", &format!("[limits]\n{limit}\n\n[defaults]"));
        let policy = forge.policy();
        let rendering = scope::render(&policy).into_bytes();
        let id = policy.id();
        let of_rendering = digest(&rendering);
        forge.policy_files.insert("rendering.md".to_owned(), rendering);
        forge.approve(
            |approval| (approval.policy, approval.rendering) = (id, of_rendering),
            "court-officer",
            "court-officer",
            "ambit/approval/v1",
        );
        if omit {
            let item = forge.item(OMITTED);
            (item.records, item.rows, item.line) = (0, 0, false);
        }
        let mut package = forge.assemble();
        if let Action::AcquisitionEnd(end) = &mut package.step("acquisition.end").statement.action {
            end.interrupted = true;
        }
        package.seal()
    };
    let medium = Medium::copied();
    let whole = package("items = 475", false).audit_against(&medium);
    assert_eq!((whole.followed, whole.matched), (Answer::Yes, Answer::Yes), "{}", whole.text());
    // As many records as the limit allows, and one of them is of what came after.
    for limit in ["items = 474", "items = 475", "bytes = 40000000"] {
        let sealed = package(limit, true);
        let report = sealed.audit_against(&medium);
        assert_eq!(
            (report.followed, report.matched),
            (Answer::Yes, Answer::No),
            "{limit}: {}",
            report.text()
        );
        assert_eq!(kinds(&report), "missing", "{limit}: {}", report.text());
        assert!(report.findings[0].item.contains(OMITTED), "{}", report.text());
        let sampled = sealed.sample_against(&medium, 1000);
        assert!(
            sampled.findings.iter().any(|finding| finding.kind.word() == "missing"),
            "{limit}: {:?}",
            sampled.findings
        );
    }
}
