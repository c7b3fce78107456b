//! People, statements and endings for a package that is made in a test.

use custody::{Ending, SecretKey, Signer};
use evidence::acquisition::Extent;
use evidence::custody_log::Statement;
use evidence::event::{Action, Clock, Note, Person, Tool};
use evidence::trust::Role;
use scope::Digest;

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
