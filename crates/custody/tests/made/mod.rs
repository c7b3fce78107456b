//! People, statements and endings for a package that is made in a test.

use custody::{Ending, SecretKey, Signer};
use evidence::acquisition::{Extent, MediumStatement, RunNumber};
use evidence::custody_log::Statement;
use evidence::event::{AcquisitionStart, Action, Clock, Note, Person, Tool};
use evidence::trust::Role;
use scope::facts::{CaseRule, Facts, Kind, Look};
use scope::{Digest, RawName};

pub fn signer(name: &str, role: Role) -> Signer {
    let person = Person {
        principal: name.to_owned(),
        role,
        person: format!("{name} person"),
        organisation: "LKA".to_owned(),
    };
    Signer { person, key: SecretKey::generate(name).unwrap() }
}

pub fn statement() -> Statement {
    Statement {
        when: "2026-11-23T09:14:00+01:00".parse().unwrap(),
        clock: Clock { source: "system".to_owned(), offset_seconds: None },
        who: Vec::new(),
        action: Action::Note(Note { text: String::new() }),
        reason: String::new(),
        tool: tool(),
    }
}

pub fn tool() -> Tool {
    Tool { name: "ambit".to_owned(), version: "0.1.0".to_owned(), digest: Digest::of(b"tool") }
}

pub fn ending() -> Ending {
    let when = || "2026-11-23T09:20:00+01:00".parse().unwrap();
    Ending {
        tool: tool(),
        began: when(),
        ended: when(),
        limits: Vec::new(),
        layers: Vec::new(),
        extent: Extent::Files,
        walk: Vec::new(),
        departures: Vec::new(),
        issues: 0,
        interrupted: false,
        medium: custody::Medium::default(),
        crew: String::new(),
    }
}

pub fn medium() -> MediumStatement {
    MediumStatement { label: "KC07".to_owned(), form: "mounted tree".to_owned(), size: None, ids: Vec::new() }
}

/// acquisition.start of a run.
pub fn started(package: RunNumber, run_key: String) -> Statement {
    let start = AcquisitionStart {
        package,
        run_key,
        policy: Digest::of(b"policy"),
        medium: medium(),
        freshness: "not checked".to_owned(),
        writable_source: None,
        without_approval: Some("a test".to_owned()),
        write_blocker: None,
    };
    Statement { action: Action::AcquisitionStart(start), ..statement() }
}

pub fn facts(node: usize, kind: Kind, names: &[String], size: Option<u64>) -> Facts {
    Facts {
        volume: "tree".to_owned(),
        case_rule: CaseRule::Sensitive,
        node: format!("inode:{node}"),
        kind,
        names: names.iter().map(|name| RawName(name.as_bytes().to_vec())).collect(),
        links: None,
        size,
        allocated: None,
        slack: None,
        member: None,
        times: Vec::new(),
        uid: None,
        gid: None,
        sid: None,
        mode: None,
        link_target: None,
        attributes: Vec::new(),
        type_fact: None,
        hash: None,
        keywords: Vec::new(),
        mail: Vec::new(),
        container: None,
        failures: Vec::new(),
        looks: vec![Look::Metadata],
    }
}
