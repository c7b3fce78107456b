//! No name, path or content of an item stands in clear where its reader is not meant to see it.
//!
//! What is searched for comes from the medium itself and from its list of
//! expectations: paths, names, link targets, attributes, markers, and samples
//! of content, each in every form in which bytes leak. What stands in the
//! policy or the trust file is public: such words are not searched for.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::sliced_string_as_bytes,
    clippy::type_complexity,
    clippy::unwrap_used,
    reason = "all of this is test code: what fails here fails a test"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use scenarios::reading::{Expected, Found, decrypted, expected, files_below, ledger, medium, zip_entries};
use scenarios::story::{Desk, Ran, run};
use scope::{Bundle, Policy, RawName, visible_names};

/// Shorter words stand in random bytes by chance. Short names are searched for with the name before them.
const SHORTEST: usize = 6;
/// In base64, six bytes leave too few whole digits.
const SHORTEST_IN_BASE64: usize = 9;

/// What one item could give away, in the forms in which it stands on the medium.
fn secrets_of(item: &Expected, found: &Found) -> BTreeSet<Vec<u8>> {
    let mut secrets = BTreeSet::new();
    for name in &item.names {
        secrets.extend(secrets_of_name(name));
    }
    secrets.extend(item.marker.iter().map(|marker| marker.clone().into_bytes()));
    secrets.extend(found.facts.link_target.iter().map(|target| target.bytes().to_vec()));
    for attribute in &found.facts.attributes {
        secrets.insert(format!("{attribute:?}").into_bytes());
    }
    if let Some(content) = &found.content {
        for start in [0, content.len() / 2, content.len().saturating_sub(24)] {
            let sample = &content[start..content.len().min(start + 24)];
            // Runs of one byte tell nothing of an item.
            if sample.iter().collect::<BTreeSet<_>>().len() > 8 {
                secrets.insert(sample.to_vec());
            }
        }
    }
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets
}

/// The whole path, each of its components, and each with the one before it.
fn secrets_of_name(name: &RawName) -> Vec<Vec<u8>> {
    let parts: Vec<&[u8]> =
        name.bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    let mut secrets = vec![name.bytes().to_vec()];
    secrets.extend(parts.iter().map(|part| part.to_vec()));
    secrets.extend(parts.windows(2).map(|pair| [pair[0], b"/", pair[1]].concat()));
    secrets
}

/// Every form in which these bytes could stand in a file or on a terminal.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(secret).into_owned();
    let name = RawName(secret.to_vec());
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let mut forms = vec![
        secret.to_vec(),
        name.to_string().into_bytes(),
        text.escape_debug().to_string().into_bytes(),
        text.escape_default().to_string().into_bytes(),
        serde_json::to_string(&text).unwrap().trim_matches('"').as_bytes().to_vec(),
        secret.escape_ascii().to_string().into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ];
    if secret.len() >= SHORTEST_IN_BASE64 {
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            for before in 0..3 {
                // Digits that hold bits of neighbours are cut off.
                let encoded = engine.encode([&vec![0; before], secret].concat());
                let whole = (before + secret.len()) * 8 / 6;
                forms.push(encoded[(before * 8).div_ceil(6)..whole].as_bytes().to_vec());
            }
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// What must not be found, by its first bytes.
#[derive(Default)]
struct Searcher {
    forms: HashMap<[u8; SHORTEST], Vec<(Vec<u8>, String)>>,
    secrets: usize,
}

impl Searcher {
    /// Everything in `secrets` that does not stand in what the reader may see anyway.
    fn new(secrets: impl IntoIterator<Item = Vec<u8>>, public: &[u8]) -> Self {
        let secrets: BTreeSet<Vec<u8>> = secrets.into_iter().collect();
        let mut as_they_are = Self::default();
        secrets.iter().for_each(|secret| as_they_are.add(secret.clone(), secret));
        let known = as_they_are.found_in(public);
        let mut searcher = Self::default();
        for secret in secrets.iter().filter(|secret| !known.contains(shown(secret).as_str())) {
            searcher.secrets += 1;
            forms(secret).into_iter().for_each(|form| searcher.add(form, secret));
        }
        searcher
    }

    fn add(&mut self, form: Vec<u8>, secret: &[u8]) {
        let first = form.first_chunk().copied().unwrap();
        self.forms.entry(first).or_default().push((form, shown(secret)));
    }

    /// The secrets that stand in these bytes.
    fn found_in(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for at in 0..bytes.len().saturating_sub(SHORTEST - 1) {
            let rest = &bytes[at..];
            let Some(forms) = self.forms.get(rest.first_chunk::<SHORTEST>().unwrap()) else { continue };
            found.extend(
                forms.iter().filter(|(form, _)| rest.starts_with(form)).map(|(_, secret)| secret.as_str()),
            );
        }
        found
    }

    /// Fails if a secret stands in any of these.
    #[track_caller]
    fn check<'b>(&self, what: &str, places: impl IntoIterator<Item = (&'b str, &'b [u8])>) {
        assert!(self.secrets > 20, "{what}: only {} secrets are looked for", self.secrets);
        let mut searched = 0;
        let mut leaks = Vec::new();
        for (place, bytes) in places {
            searched += bytes.len();
            leaks.extend(self.found_in(bytes).iter().map(|secret| format!("{place}: {secret}")));
            leaks.extend(
                self.found_in(place.as_bytes()).iter().map(|secret| format!("the name of {place}: {secret}")),
            );
        }
        assert!(searched > 50, "{what}: only {searched} bytes were searched");
        assert!(leaks.is_empty(), "{what}: secrets stand in clear\n  {}", leaks.join("\n  "));
    }
}

fn shown(secret: &[u8]) -> String {
    RawName(secret.to_vec()).to_string()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The medium, what is expected of it, and what everyone may know.
struct World {
    desk: Desk,
    items: Vec<(Expected, Found)>,
    /// The policy, the trust file and its words.
    public: Vec<u8>,
}

impl World {
    fn new() -> Self {
        let desk = Desk::with_case();
        let mut on_medium = medium(&desk.demo.path("KC07.E01"));
        let items: Vec<_> = expected()
            .into_iter()
            .map(|item| {
                let found = on_medium.remove(&item.place()).unwrap();
                (item, found)
            })
            .collect();
        assert!(on_medium.is_empty());
        let mut public = fs::read(desk.demo.path("policy/policy.toml")).unwrap();
        public.extend(fs::read(desk.demo.path("trust.toml")).unwrap());
        // The words of the trust file are drawn from a list that has `shadow` and `private`, too.
        public.extend(desk.demo.ran.json()["trust_words"].as_str().unwrap().bytes());
        Self { desk, items, public }
    }

    /// Looks for whatever belongs to items of these outcomes.
    fn searcher(&self, hidden: impl Fn(&str) -> bool, public: &[u8]) -> Searcher {
        let items = self.items.iter().filter(|(item, _)| hidden(&item.outcome));
        Searcher::new(items.flat_map(|(item, found)| secrets_of(item, found)), public)
    }

    /// Looks for whatever is on the medium.
    fn everything(&self) -> Searcher {
        self.searcher(|_| true, &self.public)
    }
}

#[test]
fn the_search_finds_what_is_planted_in_every_form() {
    let world = World::new();
    let searcher = world.everything();
    for (item, found) in &world.items {
        for secret in secrets_of(item, found).iter().filter(|secret| !contains(&world.public, secret)) {
            for form in forms(secret) {
                let planted = [b"{\"x\":\"", form.as_slice(), b"\"}\n"].concat();
                let shown = shown(secret);
                assert!(
                    searcher.found_in(&planted).contains(shown.as_str()),
                    "{shown} as {}",
                    form.escape_ascii()
                );
            }
            // Base64 of a longer text, wherever in it the secret stands.
            if secret.len() >= SHORTEST_IN_BASE64 {
                for before in ["", "1", "22", "333"] {
                    let encoded = STANDARD_NO_PAD.encode([before.as_bytes(), secret, b" and more"].concat());
                    assert!(!searcher.found_in(encoded.as_bytes()).is_empty(), "{secret:?} after {before:?}");
                }
            }
        }
    }
    // Nearly every item of these is looked for by more than its directory, and none is forgotten.
    let forgotten: Vec<_> = world
        .items
        .iter()
        .filter(|(item, _)| item.outcome == "left" || item.outcome.starts_with("held"))
        .filter(|(item, found)| {
            item.marker.is_some()
                && secrets_of(item, found).iter().all(|secret| contains(&world.public, secret))
        })
        .map(|(item, _)| &item.names)
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[test]
fn what_everyone_may_see_has_nothing_of_the_medium() {
    let world = World::new();
    let desk = &world.desk;
    let searcher = world.everything();
    let mut ran = vec![desk.demo.ran.clone()];
    for json in ["", " --json"] {
        let out = format!("{{dir}}/package{}", json.len());
        for command in [
            "ambit policy check {policy}".to_owned(),
            "ambit plan --policy {policy} --medium {medium} --case {case} {examiner}".to_owned(),
            format!("ambit capture {{what}} {{both}} --part-size 50000 --out {out}"),
            format!("ambit-verify {out} --trust {{trust}}"),
            format!(
                "ambit-verify {out} --trust {{trust}} --identity {{keys}}/neutral.age --identity {{keys}}/court.age"
            ),
            format!(
                "ambit-verify audit {out} --trust {{trust}} --identity {{keys}}/auditor.age --against {{medium}}"
            ),
            format!(
                "ambit open {out} --trust {{trust}} --identity {{keys}}/case-team.age --set captured --out {out}.opened"
            ),
        ] {
            ran.push(desk.run(&(command + json)).exits(0));
        }
        fs::remove_dir_all(desk.fill(&out) + ".opened").unwrap();
    }
    // Two packages, the case with its log and state, and whatever else the commands may have left here.
    let files = files_below(&desk.path(""));
    assert!(files.keys().any(|name| name.starts_with("case/custody/")) && files.len() > 100);
    searcher.check("files", files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    check_outputs(&searcher, &ran);
}

fn check_outputs(searcher: &Searcher, ran: &[Ran]) {
    // The command itself is the person's own words.
    let outputs = ran.iter().flat_map(|ran| [(&ran.command, &ran.out), (&ran.command, &ran.err)]);
    let outputs: BTreeMap<String, Vec<u8>> = outputs
        .enumerate()
        .map(|(n, (_, text))| (format!("output {n}"), text.clone().into_bytes()))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    searcher.check("outputs", outputs.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
}

#[test]
fn a_capture_that_fails_late_leaves_nothing_of_the_medium() {
    let world = World::new();
    let desk = &world.desk;
    // The entry for acquisition.end cannot be put on the log: everything is written by then, and nothing is closed.
    fs::write(desk.path("case/custody/000003"), "in the way").unwrap();
    let capture = "ambit capture {what} {both} --part-size 4096 --out {dir}/KC07.ambit";
    let failed = desk.run(capture).exits(1).says("custody log: ");
    assert!(!desk.path("KC07.ambit").exists());
    let files = files_below(&desk.path(""));
    let journal = &files["KC07.ambit.partial/.work/journal.jsonl"];
    assert!(journal.split(|byte| *byte == b'\n').count() > 5, "a line per batch");
    assert!(files.keys().any(|name| name.starts_with("case/state/")), "{:?}", files.keys());
    let searcher = world.everything();
    searcher
        .check("what is left behind", files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    check_outputs(&searcher, &[failed]);

    // With the fault mended, the capture is made under another name, and the first one stays what it is.
    fs::remove_file(desk.path("case/custody/000003")).unwrap();
    desk.run(capture).exits(1).says("an unfinished capture stays under that name");
    desk.run("ambit capture {what} {both} --out {dir}/second").exits(0);
    let report = desk.run("ambit-verify {dir}/second --trust {trust} --json").exits(3).json();
    let told = report["departures"].as_array().unwrap();
    assert!(
        told.len() == 1 && told[0].as_str().unwrap().contains("was started and never sealed"),
        "{told:?}"
    );
}

#[test]
fn a_medium_that_is_not_read_is_not_named_either() {
    let world = World::new();
    let desk = &world.desk;
    let searcher = world.everything();
    // Commands that are refused, with whatever they say.
    let ran: Vec<_> = [
        "ambit capture {what} {examiner} --out {dir}/x",
        "ambit capture {what} {both} --out {dir}/case",
        "ambit open {package} --trust {trust} --identity {keys}/auditor.age --set captured --out {dir}/x",
        "ambit open {package} --trust {trust} --identity {keys}/neutral.age --set held:victim-data --out {dir}/x",
        "ambit-verify audit {package} --trust {trust} --identity {keys}/neutral.age",
    ]
    .map(|command| desk.run(command).exits(1))
    .into();
    check_outputs(&searcher, &ran);
}

#[test]
fn each_set_holds_its_own_items_and_nothing_of_others() {
    let world = World::new();
    let desk = &world.desk;
    let package = desk.demo.path("KC07.ambit");
    let mut bundle = Bundle::new();
    bundle.insert("policy.toml", fs::read(package.join("meta/policy/policy.toml")).unwrap()).unwrap();
    let policy = Policy::parse(&bundle).unwrap();
    let records = ledger(&package, &desk.demo.path("keys/auditor.age"));
    for (holder, set, listed) in [
        ("case-team", "captured", "listed"),
        ("neutral", "held:neutral", "listed:neutral"),
        ("victim-data", "held:victim-data", "listed:victim-data"),
    ] {
        // What this reader may know: the policy, and of its own items the content, the facts, and the names that
        // are in scope by themselves; a compartment's holder knows all names of its items.
        let mut public = world.public.clone();
        let mut hidden_names = BTreeSet::new();
        for (item, found) in
            world.items.iter().filter(|(item, _)| item.outcome == set || item.outcome == listed)
        {
            let facts = &records[&found.locator].facts;
            assert_eq!(facts.names, item.names);
            let visible = if set == "captured" {
                visible_names(&policy, facts)
            } else {
                (0..facts.names.len()).collect()
            };
            for (at, name) in item.names.iter().enumerate() {
                match visible.contains(&at) {
                    true => public.extend([name.bytes(), b"\n"].concat()),
                    false => hidden_names.extend(secrets_of_name(name)),
                }
            }
            let target = found.facts.link_target.iter().map(|target| target.bytes().to_vec());
            let attributes =
                found.facts.attributes.iter().map(|attribute| format!("{attribute:?}").into_bytes());
            let content = found.content.clone().filter(|_| item.outcome == set);
            public.extend(target.chain(attributes).chain(content).flatten());
        }
        let mut searcher = world.searcher(|outcome| outcome != set && outcome != listed, &public);
        hidden_names.retain(|name| name.len() >= SHORTEST);
        let hidden = Searcher::new(hidden_names, &public);
        searcher.secrets += hidden.secrets;
        for (first, forms) in hidden.forms {
            searcher.forms.entry(first).or_default().extend(forms);
        }
        let key = desk.demo.path(&format!("keys/{holder}.age"));
        let entries = zip_entries(&package, set, &key);
        assert!(entries.iter().any(|(name, _)| name.ends_with("manifest.jsonl")));
        searcher.check(set, entries.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        let zips = decrypted(&package, set, &key);
        searcher.check(set, zips.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));

        // And what it lays out.
        let out = desk.fill(&format!("{{dir}}/{holder}"));
        let identity = key.to_str().unwrap();
        let words = [
            "ambit",
            "open",
            &desk.fill("{package}"),
            "--trust",
            &desk.fill("{trust}"),
            "--identity",
            identity,
        ]
        .map(str::to_owned);
        let more = ["--set", set, "--out", &out, "--original-paths"].map(str::to_owned);
        run(words.into_iter().chain(more)).exits(0);
        let files = files_below(Path::new(&out));
        searcher.check(set, files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
    }
}

#[test]
fn a_captured_item_shows_the_case_team_no_name_that_is_out_of_scope() {
    let desk = Desk::with_open_case();
    // Without the owner's rule, this item is in scope by its first name alone; it is captured, and known by that.
    let (seen, hidden) = ("/opt/panel/db/keys.dat", "/root/.cache/keys.dat");
    let owners = "any    = [\"tenant-files\", \"bot-binaries\", \"templates\"]";
    desk.policy_with(&[(owners, &owners.replace("\"tenant-files\", ", ""))]);
    desk.run("ambit policy approve {dir}/policy --case {case} {officer}").exits(0);
    let what = "--policy {dir}/policy --medium {medium} --case {case} --trust {trust}";
    desk.run(&format!("ambit capture {what} {{both}} --jobs 1 --out {{dir}}/KC07.ambit")).exits(0);
    let package = desk.path("KC07.ambit");
    let records = ledger(&package, &desk.demo.path("keys/auditor.age"));
    let names = [seen, hidden].map(RawName::from);
    let record = records.values().find(|record| record.facts.names == names).unwrap();
    assert_eq!(record.decision.outcome.to_string(), "captured");

    let entries = zip_entries(&package, "captured", &desk.demo.path("keys/case-team.age"));
    let (_, manifest) = entries.iter().find(|(name, _)| name.ends_with("manifest.jsonl")).unwrap();
    assert!(contains(manifest, seen.as_bytes()));
    let searcher = Searcher::new([b"/root/.cache".to_vec(), b".cache/keys.dat".to_vec()], b"");
    for (name, bytes) in &entries {
        assert_eq!(searcher.found_in(bytes), BTreeSet::new(), "{name}");
    }
    let open =
        "--trust {trust} --identity {keys}/case-team.age --set captured --out {dir}/opened --original-paths";
    desk.run(&format!("ambit open {{dir}}/KC07.ambit {open}")).exits(0);
    let items = fs::read_to_string(desk.path("opened/items.tsv")).unwrap();
    assert!(items.contains(seen) && !items.contains(hidden));
}
