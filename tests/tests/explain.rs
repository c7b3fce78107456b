//! Why an item came to what it came to: who is told, what they are told, and what that leaves on the log.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use scenarios::story::Desk;
use serde_json::{Value, json};

const EXPLAIN: &str = "ambit policy explain {policy} --medium {medium} --case {case} {examiner}";
const LOG: &str = "/var/log/nginx/cust4417-access.log";
const LEFT: &str = "/tmp/one_word.txt";
const HELD: &str = "/opt/panel/dumps/forms.lst";

#[test]
fn what_is_captured_is_explained_to_the_case_team_and_what_is_not_to_whoever_holds_its_key() {
    let desk = Desk::with_case();
    let explain = |item: &str, more: &str| desk.run(&format!("{EXPLAIN} --item {item} {more} --json"));
    let told = explain(LOG, "").exits(0).json();
    let item = &told["items"][0];
    assert_eq!((&item["names"], &item["explanation"]["outcome"]), (&json!([LOG]), &json!("captured")));
    assert_eq!(item["explanation"]["rules"][0]["rule"], "I-2");
    let event = std::fs::read(desk.path("case/custody/000002/event.json")).unwrap();
    let event: Value = serde_json::from_slice(&event).unwrap();
    assert_eq!(
        (&event["action"]["kind"], &event["action"]["purpose"]),
        (&json!("examine"), &json!("explain"))
    );
    assert!(!event.to_string().contains("nginx"), "the log names no item: {event}");

    // Of an item that is left, the case team learns what it learns of one that is not there.
    let (left, absent) = (explain(LEFT, "").exits(2), explain("/tmp/there-is-none", "").exits(2));
    assert_eq!((left.err.as_str(), left.out.as_str()), (absent.err.as_str(), absent.out.as_str()));
    explain(HELD, "").exits(2).says("no such item is captured, or listed by name");
    for (item, key, outcome, exit) in [
        (LEFT, "auditor", "left", 0),
        (HELD, "court", "held:victim-data", 0),
        (HELD, "victim-data", "held:victim-data", 0),
        (HELD, "neutral", "", 2),
        (LEFT, "victim-data", "", 2),
        (LEFT, "case-team", "", 2),
    ] {
        let ran = explain(item, &format!("--identity {{keys}}/{key}.age")).exits(exit);
        if exit == 0 {
            assert_eq!(ran.json()["items"][0]["explanation"]["outcome"], outcome, "{item} for {key}");
        } else {
            assert!(!ran.out.contains(item) && !ran.err.contains(item), "{ran}");
        }
    }
}

#[test]
fn the_auditor_has_every_kind_of_item_explained() {
    let desk = Desk::new();
    let explain = |item: &str, more: &str| {
        desk.run(&format!(
            "ambit-verify explain {{package}} {item} --trust {{trust}} --identity {{keys}}/auditor.age {more}"
        ))
    };
    for (item, words) in [
        (LOG, "because of I-2, include"),
        (LEFT, "missed I-3, include"),
        (HELD, "because of H-2, hold"),
        ("/tmp/.X/enc.bin", "keywords unknown: "),
        ("/tmp/.cache/tpl_long.txt", "looked: content, since I-3 waited for `keywords`"),
        ("/opt/panel/counsel/witness_emails.txt", "listed:victim-data: withheld and held"),
        ("/var/www/vhosts/bakery.example", "because of X-1, exclude"),
    ] {
        explain(item, "")
            .exits(0)
            .prints(words)
            .prints(item)
            .prints("every decision of this package was replayed");
    }
    let told = explain(LOG, "--json").exits(0).json();
    let item = &told["items"][0];
    for other in [item["control"].as_str().unwrap(), item["locator"].as_str().unwrap()] {
        let by = explain(other, "--json").exits(0).json();
        assert!(by["items"].as_array().unwrap().contains(item), "{other}: {by}");
    }
    explain("/tmp/there-is-none", "").exits(2).says("the ledger has no such item");
    desk.run(&format!("ambit-verify explain {{package}} {LOG} --trust {{trust}}"))
        .exits(1)
        .says("no key was given");
    let case = desk.run(&format!(
        "ambit-verify explain {{package}} {LOG} --trust {{trust}} --identity {{keys}}/case-team.age"
    ));
    assert!(
        case.exit == 1 && !case.out.contains("because of"),
        "the case team's key opens no ledger: {case}"
    );
    // Both programs give the same reasons, from the record and from the medium.
    let desk = Desk::with_case();
    for item in [LOG, LEFT, HELD] {
        let by_record = explain(item, "--json").exits(0).json();
        let by_medium = desk
            .run(&format!("{EXPLAIN} --item {item} --identity {{keys}}/auditor.age --json"))
            .exits(0)
            .json();
        assert_eq!(by_record["items"][0]["explanation"], by_medium["items"][0]["explanation"], "{item}");
    }
}
