//! Why an item came to what it came to: who is told, what they are told, and what that leaves on the log.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]

use std::process::Command;

use scenarios::reading::expected;
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

/// A name out of scope of a file that is captured by another: whoever guesses it is not told that it is there.
#[test]
fn a_name_that_the_case_team_may_not_see_leads_to_no_item() {
    let desk = Desk::with_open_case();
    desk.policy_with(&[("any    = [\"tenant-files\"", "any    = [\"bot-binaries\", \"templates\"]")]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let explain = |item: &str, more: &str| {
        desk.run(&format!(
            "ambit policy explain {{dir}}/policy --medium {{medium}} --case {{case}} {{examiner}} --item {item} {more} --json"
        ))
    };
    let (shown, hidden) = ("/opt/panel/db/keys.dat", "/root/.cache/keys.dat");
    let told = explain(shown, "").exits(0).json();
    assert_eq!(told["items"][0]["names"], json!([shown]), "{told}");
    let locator = told["items"][0]["locator"].as_str().unwrap();
    assert_eq!(explain(locator, "").exits(0).json()["items"], told["items"]);
    let (ran, absent) = (explain(hidden, "").exits(2), explain("/root/.cache/there-is-none", "").exits(2));
    assert_eq!((ran.err, ran.out), (absent.err, absent.out));
    let all = explain(hidden, "--identity {keys}/auditor.age").exits(0).json();
    assert_eq!(all["items"][0]["names"], json!([shown, hidden]), "{all}");
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

#[test]
fn a_dry_run_says_what_each_rule_does_alone_and_why_it_looked_and_its_page_names_nothing() {
    let desk = Desk::with_case();
    let plan = "ambit plan --policy {policy} --medium {medium} --case {case} {examiner} --json --html {dir}/plan.html";
    let told = desk.run(plan).exits(0).json();
    let number = |path: &[&str]| path.iter().fold(&told, |value, key| &value[*key]).as_u64().unwrap_or(0);
    let items = expected();
    let searched = told["deepest_look"]["content"].as_u64().unwrap();
    let hits: Vec<u64> = serde_json::from_value(told["keyword_hits"]["spam-marks"].clone()).unwrap();
    assert_eq!(hits.iter().sum::<u64>(), searched, "every item that was searched is counted once");
    assert!(hits[1] > 0 && hits[2] > 0, "{hits:?}");
    let waited: u64 =
        told["waited"]["I-3"]["content"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(waited, searched, "I-3 alone asks for content");
    for rule in ["I-1", "I-2", "I-3", "X-1", "X-2", "H-1", "H-2", "W-1"] {
        assert!(number(&["alone", rule, "items"]) <= items.len() as u64, "{rule}");
    }
    // The tenant's files in the panel's folder match two rules, and are neither's alone.
    let (all, alone) = (number(&["rules", "I-1", "items"]), number(&["alone", "I-1", "items"]));
    assert!(0 < alone && alone < all, "{alone} of {all}");
    assert!(number(&["unknown", "keywords: the text could not be read", "items"]) > 0, "{told}");
    // One file of the tenant's site has a second name in the bakery's; of two others both names are the tenant's, by their owner.
    assert_eq!(number(&["links_across_scopes"]), 1, "{told}");
    assert!(number(&["estimate", "package_bytes_at_most"]) > number(&["estimate", "kept_bytes"]));

    let page = std::fs::read_to_string(desk.path("plan.html")).unwrap();
    for word in ["<svg", "default-src 'none'", "I-3", "the text could not be read"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(
        !page.contains("<script") && !page.contains("href=") && !page.contains("src="),
        "it stands alone"
    );
    for item in items.iter().flat_map(|item| &item.names) {
        let name = item.to_string();
        let last = name.rsplit('/').next().unwrap();
        assert!(name.len() < 2 || !page.contains(&name), "{name}");
        assert!(last.len() < 9 || !last.contains('.') || !page.contains(last), "{last}");
    }
    let again = desk.run(plan).exits(1);
    assert!(again.to_string().contains("nothing is overwritten"), "{again}");
    assert!(!desk.path("case/custody/000003").exists(), "nothing was looked at the second time");
}

#[test]
fn two_policies_are_compared_on_the_ledger_of_a_package() {
    let desk = Desk::new();
    desk.policy_with(&[("from  = \"2010", "from  = \"2011-03-16T00:00:00-05:00\"")]);
    let diff = |more: &str| {
        desk.run(&format!(
            "ambit policy diff {{policy}} {{dir}}/policy --ledger {{package}} --trust {{trust}} {more} --json"
        ))
    };
    let told = diff("--identity {keys}/auditor.age").exits(2).json();
    let ledger = &told["ledger"];
    let moves = ledger["moves"].as_array().unwrap();
    let moved: u64 = moves.iter().map(|own| own["items"].as_u64().unwrap()).sum();
    assert_eq!(moved + ledger["same"].as_u64().unwrap(), ledger["records"].as_u64().unwrap());
    assert_eq!(ledger["records"], expected().len());
    // A log of the lease falls out of its period, and whether it is a known file nobody looked.
    let of_logs = moves.iter().find(|own| own["before"]["because"] == "I-2").unwrap();
    assert_eq!(
        (&of_logs["after"]["outcome"], &of_logs["after"]["because"]),
        (&Value::Null, &json!("needs the look hash, which was not taken"))
    );
    assert!(!told.to_string().contains("access.log"), "no name is shown: {told}");
    let named = diff("--identity {keys}/auditor.age --i-may-see-names").exits(2).json();
    assert!(named.to_string().contains(LOG), "{named}");
    let same = desk
        .run("ambit policy diff {policy} {policy} --ledger {package} --trust {trust} --identity {keys}/court.age --json")
        .exits(0)
        .json();
    assert_eq!((&same["ledger"]["moves"], &same["ledger"]["same"]), (&json!([]), &json!(expected().len())));
    let closed = diff("--identity {keys}/case-team.age").exits(1);
    assert!(closed.to_string().contains("cannot be relied on"), "{closed}");
    desk.run("ambit-verify audit {package} --trust {trust} --identity {keys}/case-team.age")
        .exits(1)
        .says("not replayed: no key that was given opens data/ledger-0001.jsonl.gz.age");
}

/// A term more says nothing new of what hangs on something else, nor of where the old terms were enough.
#[test]
fn what_the_ledger_has_of_content_is_used() {
    let desk = Desk::with_case();
    let items = "items = [\"viagra\", \"vicodin\", \"valium\", \"microsoft lottery\", \"zeppelin manifest\"]";
    desk.policy_with(&[("items = [\"viagra\"", items)]);
    let diff = "ambit policy diff {policy} {dir}/policy --ledger {package} --trust {trust} --identity {keys}/auditor.age --json";
    let told = desk.run(diff).exits(2).json();
    let moves = told["ledger"]["moves"].as_array().unwrap();
    let because = |own: &Value| own["after"]["because"].as_str().unwrap().to_owned();
    assert!(
        moves.iter().all(|own| own["after"]["outcome"].is_null() && because(own).contains("hangs on list spam-marks")),
        "{told}"
    );
    let open: u64 = moves.iter().map(|own| own["items"].as_u64().unwrap()).sum();
    let plan = desk
        .run("ambit plan --policy {policy} --medium {medium} --case {case} {examiner} --json")
        .exits(0)
        .json();
    let hits: Vec<u64> = serde_json::from_value(plan["keyword_hits"]["spam-marks"].clone()).unwrap();
    assert!(0 < open && open <= hits[1] && hits[1] < hits.iter().sum(), "{open} of {hits:?}: {told}");
}

#[test]
fn a_policy_is_tried_on_a_medium_that_was_made_up() {
    let desk = Desk::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/1-rustock-cnc");
    let plan = |more: &str| {
        desk.run(&format!("ambit plan --policy {example} --synthetic {example}/synthetic.toml {more}"))
    };
    let told = plan("--json --html {dir}/plan.html").exits(0).json();
    assert_eq!(told, plan("--json").exits(0).json(), "the same in every run");
    assert!(told["synthetic"].is_string() && told["event"].is_null(), "{told}");
    let outcomes = told["outcomes"].as_object().unwrap();
    for outcome in ["captured", "held:neutral", "held:victim-data", "left"] {
        assert!(outcomes[outcome]["items"].as_u64() > Some(0), "{outcome}: {told}");
    }
    assert!(told["unknown"]["keywords: the text could not be read"]["items"].as_u64() > Some(0), "{told}");
    assert!(plan("").exits(0).out.starts_with("SYNTHETIC: "));
    let page = std::fs::read_to_string(desk.path("plan.html")).unwrap();
    assert!(page.contains("Dry run on a synthetic medium") && page.contains("No medium was opened"));
    assert!(!page.contains("/opt/panel/module"), "the page names nothing, invented or not");
    let list = plan("--list").exits(0).out;
    assert_eq!(list.lines().count() as u64, told["items"].as_u64().unwrap());
    assert!(list.lines().all(|line| line.contains("\"synthetic\":true")), "each line says so");
    assert!(list.contains("/opt/panel/module1.php"));
    assert_eq!(std::fs::read_dir(desk.path("")).unwrap().count(), 1, "nothing is made but the page");
    desk.run("ambit plan --policy {policy} --synthetic {dir}/none.toml").exits(1);
    desk.run(&format!("ambit plan --policy {{policy}} --synthetic {example}/synthetic.toml"))
        .exits(2)
        .says("the policy has no list `rustock-binaries`");
    desk.run(&format!(
        "ambit plan --policy {{policy}} --synthetic {example}/synthetic.toml --medium {{medium}}"
    ))
    .exits(1);
}

/// A court is shown what becomes of archives, too, and of the paths that made-up files have.
#[test]
fn archives_are_made_up_with_what_is_in_them() {
    let desk = Desk::new();
    let media = "media = [{ label = \"KC07\", fsuuid = \"1A2B-3C4D\" }]\ncontainers = { open = [\"zip\"], max_depth = 2 }";
    desk.policy_with(&[("media ", media)]);
    let times = "modified = [\"2010-07-01T00:00:00Z\", \"2010-08-01T00:00:00Z\"]\n";
    let sort = |table: &str, rest: &str| format!("[[{table}]]\nlabel = \"x\"\n{times}{rest}\n");
    let zip = "type = \"zip\"\n";
    let described = [
        "schema = \"synthetic-medium/1\"\ntitle = \"t\"\nseed = 1\n".to_owned(),
        sort("items", &format!("path = \"/opt/panel/{{f}}.zip\"\nfiles = [3, 3]\n{zip}")),
        sort("items.members", "path = \"a/{f}.php\"\nfiles = [2, 2]"),
        sort("items.members", &format!("path = \"inner.zip\"\n{zip}")),
        sort("items.members.members", "path = \"deep.php\""),
        sort("items", &format!("path = \"/opt/panel/closed.zip\"\n{zip}")),
    ];
    std::fs::write(desk.path("made.toml"), described.concat()).unwrap();
    let plan = |policy: &str, more: &str| {
        desk.run(&format!("ambit plan --policy {policy} --synthetic {{dir}}/made.toml {more}")).exits(0)
    };
    let told = plan("{dir}/policy", "--json").json();
    let count = |outcome: &str| told["outcomes"][outcome]["items"].as_u64().unwrap_or(0);
    // The folder /opt/panel; three archives, in each two pages and an archive with one page.
    assert_eq!((count("captured"), count("held:neutral")), (1 + 3 + 6 + 3 + 3, 1), "{told}");
    let names = plan("{dir}/policy", "--list").out;
    for name in ["\"/opt/panel/1.zip!/a/2.php\"", "\"/opt/panel/3.zip!/inner.zip!/deep.php\""] {
        assert!(names.contains(name), "{name}: {names}");
    }
    let text = plan("{dir}/policy", "").out;
    assert!(
        text.contains("1 archive would be opened on a medium, and the description gives no `members` of it"),
        "{text}"
    );
    let dead = told["dead_paths"].to_string();
    assert!(!dead.contains("path /opt/panel/** ") && dead.contains("path /dev/shm/** "), "{dead}");
    // Where the order does not have archives opened, the same files lie in them unseen.
    let closed = plan("{policy}", "--json").json();
    assert_eq!(closed["outcomes"]["captured"]["items"], 5, "{closed}");
}

/// What leads to another outcome is said in words, the policies' sentences in the language that was asked for.
#[test]
fn a_comparison_says_why_in_the_language_of_the_reader() {
    let desk = Desk::new();
    desk.policy_with(&[("from  = \"2010", "from  = \"2011-03-16T00:00:00-05:00\"")]);
    let mut told = desk.run("ambit policy diff {policy} {dir}/policy --lang de").exits(2);
    for says in [
        "the later policy is different: it ",
        "so that it is neither narrower nor wider",
        "      since include I-2 reads otherwise, by `tenant-logs`",
        "  `tenant-logs`, of I-2",
        " ab dem 16. März 2011, 00:00 Uhr (UTC-05:00)",
    ] {
        told = told.prints(says);
    }
    // A list that comes out of a pipe cannot be searched where it lies.
    let pipe = desk.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    desk.run("ambit policy hash-list --from digests {dir}/pipe --out {dir}/known.txt")
        .exits(1)
        .says("is no file, but a pipe");
}
