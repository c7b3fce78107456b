//! `ambit policy import`: a catalogue's definitions, written out as a draft that a person can read.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use catalogue::{Catalogue, Definition, Draft, Reason, Selection, SelectionError};
use scope::{Bundle, Policy};
use serde_json::json;

use crate::cli::{CatalogueArg, ImportArgs};
use crate::console::{Console, Context as _, Exit, Failure};
use crate::load;

pub(super) fn import(args: &ImportArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let catalogue = match args.from {
        CatalogueArg::ForensicArtifacts => Catalogue::ForensicArtifacts,
        CatalogueArg::Uac => Catalogue::Uac,
        CatalogueArg::Kape => Catalogue::Kape,
    };
    let definitions = definitions(catalogue, &args.files, console)?;
    let selection = match args.all {
        true => catalogue::select_all(&definitions),
        false => catalogue::select(&definitions, &args.select),
    };
    let selection = selection.map_err(|error| not_selected(error, &definitions))?;
    refusals(args, &selection, console)?;
    let draft = catalogue::draft(catalogue, &selection);
    if draft.imported.is_empty() {
        return Err(Failure::no("nothing of what was selected can be said by a policy; nothing was written"));
    }
    sweeps(args, &draft, console)?;
    let mut bundle = Bundle::new();
    bundle.insert(Bundle::POLICY, draft.policy.clone()).context("the draft").map_err(
        |failure: Failure| failure.hint("select fewer definitions, and make several policies of them"),
    )?;
    Policy::parse(&bundle).map_err(|problems| {
        Failure::no(format!("the draft is no policy\n\n{problems}"))
            .hint("select fewer definitions, and make several policies of them")
    })?;
    let disk = console.disk().clone();
    disk.create_folder(&args.out).context("draft")?;
    let path = args.out.join(Bundle::POLICY);
    disk.write_new(&path, draft.policy.as_bytes()).context("draft")?;
    said(args, &selection, &draft, console)
}

fn said(
    args: &ImportArgs,
    selection: &Selection<'_>,
    draft: &Draft,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let globs = draft.imported.iter().fold(0_usize, |sum, (_, globs)| sum.saturating_add(*globs));
    let text = format!(
        "{} definitions, {globs} paths: {}\nleft out: {}\nit is a draft: fill in what `ambit policy check {}` names, and take out what the order does not cover",
        draft.imported.len(),
        args.out.join(Bundle::POLICY).display(),
        selection.refused.len(),
        args.out.display(),
    );
    let imported: Vec<_> =
        draft.imported.iter().map(|(name, globs)| json!({ "definition": name, "paths": globs })).collect();
    let refused = selection.refused.iter().map(|(name, refusal)| {
        json!({ "definition": name, "source": refusal.what, "reason": refusal.reason.to_string(), "kind": refusal.reason.kind() })
    });
    let refused: Vec<_> = refused.collect();
    let sweeps = draft
        .sweeps
        .iter()
        .map(|(name, glob, whole)| json!({ "definition": name, "path": glob, "whole_drive": whole }));
    let sweeps: Vec<_> = sweeps.collect();
    let value = json!({ "imported": imported, "refused": refused, "sweeps": sweeps, "policy": args.out.join(Bundle::POLICY) });
    console.result(&value, text)?;
    Ok(Exit::Done)
}

/// The definitions of all files. A file that is not in the catalogue's form is a definition that is refused.
fn definitions(
    catalogue: Catalogue,
    paths: &[PathBuf],
    console: &mut Console<'_>,
) -> Result<Vec<Definition>, Failure> {
    let mut definitions = Vec::new();
    for (path, name) in files(catalogue, paths, console)? {
        let bytes = load::read(&path, catalogue::MAX_FILE as u64)?;
        match catalogue::read(catalogue, &name, &bytes) {
            Ok(found) => definitions.extend(found),
            Err(error) => definitions.push(catalogue::unread(catalogue, &name, &bytes, error)),
        }
    }
    Ok(definitions)
}

/// The files that are given, and those in folders that are and in folders in them, in the order of their names; each
/// with the name that it has within the catalogue.
fn files(
    catalogue: Catalogue,
    paths: &[PathBuf],
    console: &mut Console<'_>,
) -> Result<Vec<(PathBuf, String)>, Failure> {
    let endings: &[&str] = match catalogue {
        Catalogue::Kape => &["tkape"],
        Catalogue::ForensicArtifacts | Catalogue::Uac => &["yaml", "yml"],
    };
    let fits = |path: &Path| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        endings.iter().any(|own| own.eq_ignore_ascii_case(ending))
    };
    let mut files = Vec::new();
    let mut entries = 0_usize;
    for path in paths {
        if !path.is_dir() {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.push((path.clone(), name));
            continue;
        }
        let mut own = Vec::new();
        let mut folders = vec![(path.clone(), String::new(), 0_usize)];
        while let Some((folder, within, depth)) = folders.pop() {
            for entry in std::fs::read_dir(&folder).context(folder.display())? {
                let entry = entry.context(folder.display())?;
                entries = entries.saturating_add(1);
                if entries > MAX_ENTRIES {
                    return Err(Failure::new(format!(
                        "{}: more than {MAX_ENTRIES} files and folders in it",
                        path.display()
                    ))
                    .hint("give the folder of the catalogue alone"));
                }
                let name = format!("{within}{}", entry.file_name().to_string_lossy());
                // A link to a folder is not followed, so that no folder holds itself.
                if !entry.file_type().context(folder.display())?.is_dir() {
                    if entry.path().is_file() && fits(&entry.path()) {
                        own.push((entry.path(), name));
                    }
                } else if catalogue == Catalogue::Kape && entry.file_name() == "!Disabled" {
                    console.say(format_args!(
                        "passed over: {}: KAPE does not run what is in it; give it by itself",
                        entry.path().display()
                    ));
                } else if depth < MAX_DEPTH {
                    folders.push((entry.path(), format!("{name}/"), depth.saturating_add(1)));
                } else {
                    return Err(Failure::new(format!(
                        "{}: more than {MAX_DEPTH} folders deep",
                        entry.path().display()
                    ))
                    .hint("give the folder of the catalogue alone"));
                }
            }
        }
        if own.is_empty() {
            return Err(Failure::new(format!(
                "{}: no file in it ends in .{}",
                path.display(),
                endings.join(" or .")
            ))
            .hint("is it a folder of that catalogue? --from says whose it is"));
        }
        own.sort_by(|a, b| a.1.cmp(&b.1));
        files.append(&mut own);
    }
    if files.len() > MAX_FILES {
        return Err(Failure::new(format!("{} files; at most {MAX_FILES} are read at once", files.len())));
    }
    Ok(files)
}

/// Why nothing is selected, and what to do.
fn not_selected(error: SelectionError, definitions: &[Definition]) -> Failure {
    let unread =
        |own: &&Definition| own.refusals().any(|refusal| matches!(refusal.reason, Reason::Unread(_)));
    let unread: Vec<&str> = definitions.iter().filter(unread).map(|own| own.file.as_str()).collect();
    let hint = match error {
        SelectionError::Several { .. } => "give it with its folders".to_owned(),
        SelectionError::Doubled { .. } => {
            "give each file once; of two folders, give the one that both lie in, so that names keep their folders".to_owned()
        }
        _ if !unread.is_empty() => format!("not in the form of the catalogue, and not read: {}", unread.join(", ")),
        _ => "names are case-sensitive but for KAPE; give the files that have the definitions, each once".to_owned(),
    };
    Failure::no(error.to_string()).hint(hint)
}

/// What cannot be said, by name: an answer of no, unless the person wants the rest.
fn refusals(args: &ImportArgs, selection: &Selection<'_>, console: &mut Console<'_>) -> Result<(), Failure> {
    for (name, refusal) in &selection.refused {
        console.say(format_args!("left out: {name}, {}: {}", refusal.what, refusal.reason));
    }
    if selection.refused.is_empty() || args.leave_out_refused {
        return Ok(());
    }
    Err(Failure::no(format!("{} parts of what was selected cannot be said by a policy; nothing was written", selection.refused.len()))
        .hint("select other definitions, or give --leave-out-refused to have the rest; the draft then says what is left out"))
}

/// Sweeps are asked about: catalogues are made to miss nothing, an order to take no more than it says.
fn sweeps(args: &ImportArgs, draft: &Draft, console: &mut Console<'_>) -> Result<(), Failure> {
    if draft.sweeps.is_empty() || args.accept_sweeps {
        return Ok(());
    }
    for (name, glob, whole) in &draft.sweeps {
        let how = match (whole, glob.contains("**")) {
            (true, _) => "over the whole drive",
            (false, true) => "to any depth",
            (false, false) => "deep, by no name",
        };
        console.say(format_args!("{how}: {name}: {glob}"));
    }
    let drives = draft.sweeps.iter().filter(|(_, _, whole)| *whole).count();
    let count = draft.sweeps.len();
    if std::io::stdin().is_terminal() {
        console.say(format_args!(
            "These {count} paths sweep, {drives} of them over the whole drive. Type yes to take them into the draft:"
        ));
        let mut answer = String::new();
        if std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes" {
            return Ok(());
        }
    }
    Err(Failure::no(format!(
        "{count} paths sweep, {drives} of them over the whole drive, and nobody accepted them; nothing was written"
    ))
    .hint("select narrower definitions, or give --accept-sweeps; the draft names each, and a person can take it out there"))
}

/// Most files of one import: the catalogues have some hundreds.
const MAX_FILES: usize = 5000;

/// Most files and folders that are looked at for them.
const MAX_ENTRIES: usize = 50_000;

/// Deepest folder: UAC's catalogue goes to three.
const MAX_DEPTH: usize = 8;
