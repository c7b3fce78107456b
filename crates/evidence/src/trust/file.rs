//! Reading a trust file: TOML, strictly, with the line of each problem.

use std::collections::{BTreeMap, BTreeSet};

use scope::Digest;
use serde::Deserialize;
use toml::Spanned;

use super::{MAX_QUORUM, MAX_TRUST, Principal, Required, Role, Step, Trust, TrustError};
use super::{all_filled, is_invisible, is_origin, is_principal, same_person};
use crate::event::{Moment, TreeHead};
use crate::sshsig::{self, PublicKey};

impl Trust {
    /// Reads a trust file. Everything in it is checked here, so that no later step has to doubt it.
    ///
    /// # Errors
    ///
    /// [`TrustError`] with the line of the first problem.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        let at_start = |what: &str| TrustError { line: 1, what: what.to_owned() };
        if bytes.len() > MAX_TRUST {
            return Err(at_start("longer than 1 MiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| at_start("the file is not UTF-8"))?;
        let lines = Lines(text);
        let file: TrustFile = toml::from_str(text).map_err(|e| TrustError {
            line: lines.of(e.span().map_or(0, |span| span.start)),
            what: e.message().to_owned(),
        })?;
        lines.require(
            file.format.get_ref() == "ambit/trust/1",
            &file.format,
            "format: expected `ambit/trust/1`",
        )?;
        lines.require(
            is_origin(file.origin.get_ref()),
            &file.origin,
            "origin: expected 1 to 200 characters of [A-Za-z0-9._/:-]",
        )?;
        let log_key = lines.key(&file.log_key)?;
        lines.require(
            matches!(log_key, PublicKey::Ed25519(_)),
            &file.log_key,
            "log_key: expected an ssh-ed25519 key",
        )?;

        let principals = file.principal.iter().map(|p| lines.principal(p)).collect::<Result<Vec<_>, _>>()?;
        let trust = Self {
            digest: Digest::of(bytes),
            origin: file.origin.get_ref().clone(),
            quorums: lines.quorums(&file.quorum, &principals)?,
            checkpoint: file.checkpoint.as_ref().map(|head| TreeHead { size: head.size, root: head.root }),
            require: file.require.clone(),
            log_key,
            principals,
        };
        lines.distinct(&file, &trust)?;
        Ok(trust)
    }
}

/// Longest name of a person or an organisation, in characters.
const MAX_TEXT: usize = 200;

/// The file as TOML gives it, with places for the errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustFile {
    format: Spanned<String>,
    origin: Spanned<String>,
    log_key: Spanned<String>,
    checkpoint: Option<CheckpointEntry>,
    #[serde(default)]
    require: Vec<Required>,
    #[serde(default)]
    principal: Vec<PrincipalEntry>,
    #[serde(default)]
    quorum: Vec<QuorumEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointEntry {
    size: u64,
    root: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PrincipalEntry {
    name: Spanned<String>,
    person: Spanned<String>,
    organisation: Spanned<String>,
    roles: Spanned<Vec<Role>>,
    #[serde(default)]
    keys: Vec<Spanned<String>>,
    #[serde(default)]
    age: Vec<Spanned<String>>,
    valid_from: Option<Spanned<String>>,
    valid_until: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuorumEntry {
    step: Spanned<Step>,
    roles: Spanned<Vec<Role>>,
}

/// Finds the line of a problem.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn of(&self, offset: usize) -> usize {
        1 + self.0.bytes().take(offset).filter(|c| *c == b'\n').count()
    }

    fn require<T>(&self, holds: bool, place: &Spanned<T>, what: &str) -> Result<(), TrustError> {
        if holds {
            Ok(())
        } else {
            Err(TrustError { line: self.of(place.span().start), what: what.to_owned() })
        }
    }

    fn key(&self, line: &Spanned<String>) -> Result<PublicKey, TrustError> {
        self.require(
            line.get_ref().split(' ').count() == 2,
            line,
            "a key is its type, one space and its base64; no comment",
        )?;
        line.get_ref().parse().map_err(|e: sshsig::SshsigError| TrustError {
            line: self.of(line.span().start),
            what: e.to_string(),
        })
    }

    fn text(&self, text: &Spanned<String>) -> Result<String, TrustError> {
        let value = text.get_ref();
        let holds = !value.is_empty()
            && value.trim() == value
            && value.chars().count() <= MAX_TEXT
            && !value.chars().any(|c| c.is_control() || is_invisible(c));
        self.require(holds, text, "expected 1 to 200 visible characters, no blank at either end")?;
        Ok(value.clone())
    }

    fn moment(&self, text: Option<&Spanned<String>>) -> Result<Option<Moment>, TrustError> {
        let Some(text) = text else { return Ok(None) };
        match text.get_ref().parse() {
            Ok(moment) => Ok(Some(moment)),
            Err(e) => self.require(false, text, &format!("{e}")).map(|()| None),
        }
    }

    fn principal(&self, entry: &PrincipalEntry) -> Result<Principal, TrustError> {
        self.require(
            is_principal(entry.name.get_ref()),
            &entry.name,
            "name: expected [a-z0-9][a-z0-9-]{0,31}",
        )?;
        let mut roles = entry.roles.get_ref().clone();
        roles.sort();
        roles.dedup();
        self.require(
            !roles.is_empty() && roles.len() == entry.roles.get_ref().len(),
            &entry.roles,
            "roles: expected at least one, none twice",
        )?;
        let signs = [Role::Examiner, Role::Witness, Role::Authority, Role::Log];
        self.require(
            !entry.keys.is_empty() || !roles.iter().any(|r| signs.contains(r)),
            &entry.name,
            "an examiner, witness, authority or log keeper needs a signing key",
        )?;
        self.require(
            !entry.keys.is_empty() || !entry.age.is_empty(),
            &entry.name,
            "a principal needs a signing key or an age recipient",
        )?;
        for recipient in &entry.age {
            let parsed = recipient.get_ref().parse::<age::x25519::Recipient>();
            // One spelling per recipient: what is compared as text must be what is meant.
            let canonical = parsed.is_ok_and(|r| r.to_string() == *recipient.get_ref());
            self.require(
                canonical,
                recipient,
                "not an age recipient: expected age1 and 58 small letters or digits",
            )?;
        }
        let valid_from = self.moment(entry.valid_from.as_ref())?;
        let valid_until = self.moment(entry.valid_until.as_ref())?;
        if let (Some(from), Some(until)) = (&valid_from, &valid_until) {
            self.require(from.at() < until.at(), &entry.name, "valid_from is not before valid_until")?;
        }
        Ok(Principal {
            name: entry.name.get_ref().clone(),
            person: self.text(&entry.person)?,
            organisation: self.text(&entry.organisation)?,
            roles,
            keys: entry.keys.iter().map(|key| self.key(key)).collect::<Result<_, _>>()?,
            age: entry.age.iter().map(|recipient| recipient.get_ref().clone()).collect(),
            valid_from,
            valid_until,
        })
    }

    fn quorums(
        &self,
        entries: &[QuorumEntry],
        principals: &[Principal],
    ) -> Result<BTreeMap<Step, Vec<Vec<Role>>>, TrustError> {
        let mut quorums = BTreeMap::new();
        for entry in entries {
            let roles = entry.roles.get_ref();
            self.require((1..=MAX_QUORUM).contains(&roles.len()), &entry.roles, "roles: expected 1 to 16")?;
            let filled = roles.iter().map(|role| {
                let with_role = principals.iter().filter(|p| p.roles.contains(role));
                with_role.map(|p| same_person(&p.person)).collect()
            });
            self.require(
                all_filled(&filled.collect::<Vec<_>>()),
                &entry.roles,
                "the principals of this file can never fill these roles, each by another person",
            )?;
            let slots = roles.iter().map(|role| vec![*role]).collect();
            let new = quorums.insert(*entry.step.get_ref(), slots).is_none();
            self.require(new, &entry.step, "this step has a quorum already")?;
        }
        Ok(quorums)
    }

    /// Names, signing keys and recipients belong to one principal each.
    fn distinct(&self, file: &TrustFile, trust: &Trust) -> Result<(), TrustError> {
        self.require(!trust.principals.is_empty(), &file.format, "no principal")?;
        let (mut names, mut keys, mut recipients) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (entry, principal) in file.principal.iter().zip(&trust.principals) {
            self.require(names.insert(&principal.name), &entry.name, "this name is taken")?;
            for (place, key) in entry.keys.iter().zip(&principal.keys) {
                self.require(
                    keys.insert(key),
                    place,
                    "this key belongs to another principal, or stands here twice",
                )?;
                let keeps_log = principal.roles.contains(&Role::Log);
                self.require(
                    *key != trust.log_key || keeps_log,
                    place,
                    "the log key may belong to a principal with the role `log` alone",
                )?;
            }
            for place in &entry.age {
                self.require(
                    recipients.insert(place.get_ref()),
                    place,
                    "this recipient belongs to another principal, or stands here twice",
                )?;
            }
        }
        Ok(())
    }
}
