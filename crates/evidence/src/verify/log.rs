//! Checks `log`, `checkpoint` and `consistency`: the custody log and its signed head.

use super::{Checked, Context, Stop, attested, history, none_or_fail};
use crate::sshsig::PublicKey;

/// The log from its first entry: indices, chain, tree, signatures, quorums, and what may follow what.
pub(crate) fn check(context: &mut Context<'_>) -> Checked {
    let trust = context.trust()?;
    let log = &context.package.log;
    if let Some(stop) = &log.unfinished {
        return Err(Stop::Unfinished(stop.clone()));
    }
    let replayed = log.replay(trust);
    let mut problems: Vec<String> = log.problems.iter().cloned().chain(replayed.problems).collect();
    let entries = log.entries.len();
    let history = history::of(log, context.package.run(), context.package.policy_id());
    if problems.is_empty() {
        let package = &context.package;
        let attested =
            attested::of(log, trust, package.acquisition.as_ref().ok(), package.policy.as_ref().ok());
        problems = attested.problems;
        context.departures.extend(attested.refuted);
        context.attested.extend(attested.told);
        context.holders.extend(attested.holders);
    }
    context.departures.extend(replayed.departures);
    context.departures.extend(history.departures);
    context.limits.extend(history.limits);
    none_or_fail(&problems, || {
        format!("{entries} entries, chained and signed; keys judged at each event's own time")
    })
}

/// Every checkpoint: signed by the log key, over a tree that is this log's; the last one holds package.seal.
pub(crate) fn checkpoint(context: &mut Context<'_>) -> Checked {
    let trust = context.trust()?;
    let log = &context.package.log;
    let PublicKey::Ed25519(log_key) = trust.log_key() else {
        return Err(Stop::Fail("the log key is not an ssh-ed25519 key".to_owned()));
    };
    let (last, mut problems) = log.heads(trust.origin(), log_key);
    let Some(head) = last else {
        problems.push("no entry of the custody log has a checkpoint that can be read".to_owned());
        return none_or_fail(&problems, String::new);
    };
    match context.package.seal_event() {
        Some((logged, _)) if logged.event.index < head.size => {}
        Some(_) => problems.push("package.seal does not lie under the last checkpoint".to_owned()),
        None => problems.push(context.package.unsealed()),
    }
    none_or_fail(&problems, || format!("signed by the log key: {} entries, root {}", head.size, head.root))
}

/// The trust file's least acceptable head must be a prefix of this log.
pub(crate) fn consistency(context: &mut Context<'_>) -> Checked {
    let Some(least) = context.trust()?.checkpoint() else {
        return Err(Stop::NotChecked("the trust file gives no earlier head of the log".to_owned()));
    };
    let log = &context.package.log;
    let Some(tree) = log.head_at(least.size).and_then(|head| head.tree()) else {
        return Err(Stop::Fail(format!(
            "the trust file knows a head of {} entries, the log has {}: it was cut",
            least.size,
            log.entries.len()
        )));
    };
    if tree.root != least.root {
        return Err(Stop::Fail(format!(
            "at {} entries the root is {}, the trust file has {}: the log was forked or changed",
            least.size, tree.root, least.root
        )));
    }
    Ok(format!("the head of {} entries that the trust file gives is a prefix of this log", least.size))
}
