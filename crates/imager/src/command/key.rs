//! `ambit key`: keys for a person, or for the custody log.

use std::fs;

use chrono::Local;
use custody::durable::Disk;
use custody::identities;
use custody::keys::{SecretKey, public_path};
use serde::Serialize;

use crate::cli::{KeyNewArgs, KeyRecipientArgs, KeyUse};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load::{self, Passphrases};

#[derive(Serialize)]
struct NewKeys {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    files: Vec<String>,
    protected: bool,
}

pub(super) fn new(args: &KeyNewArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let name = &args.name;
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) || name.starts_with('-') {
        return Err(Failure::new(format!("`{}` cannot name a key", name.escape_debug()))
            .hint("use small letters, digits and hyphens, at most 32: examiner, court-officer"));
    }
    let passphrase = match args.unprotected {
        true => None,
        false => Some(Passphrases::new(args.passphrase_file.as_deref())?.invent(name)?),
    };
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    fs::create_dir_all(&args.dir).context(args.dir.display())?;
    let disk = Disk::new();
    let created = Local::now().fixed_offset();
    let mut new = NewKeys {
        name: name.clone(),
        signing_key: None,
        recipient: None,
        files: Vec::new(),
        protected: passphrase.is_some(),
    };
    let mut text = String::new();
    if args.only != Some(KeyUse::Opening) {
        let path = args.dir.join(name);
        let key = SecretKey::generate(name).context("signing key")?;
        key.save(&disk, &path, passphrase).context("signing key")?;
        let line = key.public_line();
        text += &format!("signing key  {}\n             {line}\n", path.display());
        new.files.extend([path.display().to_string(), public_path(&path).display().to_string()]);
        new.signing_key = Some(line);
    }
    if args.only != Some(KeyUse::Signing) {
        let path = args.dir.join(format!("{name}.age"));
        let recipient = identities::save(&disk, &path, &identities::generate(), created, passphrase)
            .context("identity")?;
        text += &format!("identity     {}\n             {recipient}\n", path.display());
        new.files.push(path.display().to_string());
        new.recipient = Some(recipient);
    }
    if args.unprotected {
        console.say("these keys have no passphrase: whoever can read the files can sign and open with them");
    }
    console.result(&new, text)?;
    Ok(Exit::Done)
}

/// The public side of a key for opening. A file with a passphrase does not show it to a reader.
pub(super) fn recipient(args: &KeyRecipientArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let keys = load::identity_keys(&args.identity, args.passphrase_file.as_deref(), console)?;
    console.result(&serde_json::json!({ "recipients": keys.recipients }), keys.recipients.join("\n"))?;
    Ok(Exit::Done)
}
