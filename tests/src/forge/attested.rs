//! What is put on the log after the seal: an attestation, as somebody with the keys of the case would lie in one.

use evidence::acquisition::Acquisition;
use evidence::attestation::{Attestation, Part, Replay, Statement as Said, Verdict};
use evidence::checkpoint::Checkpoint;
use evidence::custody_log::{Entry, Log, Statement, folder};
use evidence::event::{Action, Attested, Person, SealSignature, TreeHead};
use evidence::sshsig;
use evidence::trust::{Role, Trust};

use super::{Sealed, Signing, digest};

/// An attestation, who signs it, and what the event says of it.
pub struct Attesting {
    /// The text.
    pub text: Vec<u8>,
    /// Who signs the text.
    pub signed: Vec<Signing>,
    /// Which kind of event puts it on the log.
    pub action: fn(Attested) -> Action,
    /// Lies in what the event quotes.
    pub quoted: fn(&mut Attested),
}

impl Sealed {
    fn file(&self, name: &str) -> &[u8] {
        self.files.get(name).expect(name)
    }

    fn statement(&self) -> Acquisition {
        Acquisition::from_bytes(self.file("meta/acquisition.json")).expect("a statement")
    }

    /// A principal of the trust file who signs with their own key, in the role.
    #[must_use]
    pub fn signing(&self, principal: &str, role: Role, namespace: &'static str) -> Signing {
        let trust = Trust::parse(self.trust.as_bytes()).expect("a trust file");
        let known = trust.principal(principal).expect(principal);
        let person = Person {
            principal: principal.to_owned(),
            role,
            person: known.person.clone(),
            organisation: known.organisation.clone(),
        };
        Signing { person, key: principal.to_owned(), namespace }
    }

    /// What an auditor signs who has found everything in order.
    #[must_use]
    pub fn attesting(&self) -> (Attestation, Attesting) {
        let acquisition = self.statement();
        let log = Log::read(&self.memory());
        let head = log.head().and_then(|head| head.tree()).expect("a log");
        let last = &log.entries.last().expect("an entry").event;
        let ledger = acquisition.sets.iter().find(|set| set.set.to_string() == "ledger").expect("a ledger");
        let parts = ledger.parts.iter().map(|part| Part { file: part.file.clone(), sha256: part.sha256 });
        let attestation = Attestation {
            origin: acquisition.origin.clone(),
            medium: acquisition.medium.label.clone(),
            package: acquisition.package,
            tagmanifest: digest(self.file("tagmanifest-sha256.txt")),
            log: TreeHead { size: head.size, root: head.root },
            policy: acquisition.policy,
            inventory: TreeHead { size: acquisition.inventory.lines, root: acquisition.inventory.root },
            statement: Said::Replay(Replay {
                parts: parts.collect(),
                records: acquisition.inventory.lines,
                intact: Verdict::Yes,
                followed: Verdict::Yes,
                matched: Verdict::NotChecked,
                other_medium: None,
                compared: None,
                listing: None,
                findings: Vec::new(),
                departures: 0,
            }),
            trust: "naive bird father enemy gap rare vendor sweet".to_owned(),
            trust_compared: true,
            when: last.when.clone(),
            tool: last.tool.clone(),
        };
        let auditor = self.signing("auditor", Role::Auditor, sshsig::ATTESTATION);
        let text = attestation.to_bytes();
        (
            attestation,
            Attesting { text, signed: vec![auditor], action: Action::AuditorReplay, quoted: |_| {} },
        )
    }

    /// The package with one entry more on its log, signed by the examiner and with a new head.
    #[must_use]
    pub fn attested(&self, attesting: &Attesting) -> Self {
        let mut sealed = self.clone();
        let log = Log::read(&self.memory());
        let mut head = log.head().expect("a log");
        let last = &log.entries.last().expect("an entry").event;
        let at = folder(head.size());

        sealed.files.insert(format!("{at}/attestation.txt"), attesting.text.clone());
        let acquisition = self.statement();
        let mut quoted = Attested {
            package: acquisition.package,
            attestation: digest(&attesting.text),
            signatures: Vec::new(),
        };
        for who in &attesting.signed {
            let principal = who.person.principal.clone();
            let signature = self.keys.signing(&who.key).sign(who.namespace, &attesting.text).into_bytes();
            quoted
                .signatures
                .push(SealSignature { principal: principal.clone(), signature: digest(&signature) });
            sealed.files.insert(format!("{at}/attestation.txt.{principal}.sig"), signature);
        }
        quoted.signatures.sort();
        (attesting.quoted)(&mut quoted);

        let examiner = self.signing("examiner", Role::Examiner, sshsig::CUSTODY_EVENT).person;
        let event = head.next_event(Statement {
            who: vec![examiner],
            action: (attesting.action)(quoted),
            when: last.when.clone(),
            tool: last.tool.clone(),
            reason: "an auditor has looked".to_owned(),
            clock: last.clock.clone(),
        });
        let bytes = event.to_bytes();
        let signature = self.keys.signing("examiner").sign(sshsig::CUSTODY_EVENT, &bytes).into_bytes();
        let signatures = [("examiner".to_owned(), signature.clone())];
        let entry = Entry::of(&event, &bytes, &signatures).to_bytes();
        head.push(entry.clone());
        let tree = head.tree().expect("an entry");
        let checkpoint = Checkpoint { origin: head.origin().to_owned(), size: tree.size, root: tree.root };
        let key = self.keys.signing("log");
        let signed = key.sign_raw(checkpoint.body().as_bytes());
        let note = checkpoint.signed(&key.public_bytes(), &signed);
        for (name, bytes) in [
            ("event.json", bytes),
            ("entry.txt", entry),
            ("examiner.sig", signature),
            ("checkpoint", note.to_string().into_bytes()),
        ] {
            sealed.files.insert(format!("{at}/{name}"), bytes);
        }
        sealed
    }
}
