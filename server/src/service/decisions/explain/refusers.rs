//! Every plugin that refuses, and not only the one whose code the decision has.

use oneclaw_core::verdict::Verdict;

use super::Remedy;
use crate::service::decisions::body::{Answer, PluginBody, Recorded};

/// A plugin whose answer counts and is a refusal: it failed, denies, or wants approval first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refuser<'a> {
    pub plugin: &'a PluginBody,
    pub answer: &'a Answer,
}

impl Refuser<'_> {
    /// Name and version, with the attachment where the organisation has attached it.
    pub(super) fn name(&self) -> String {
        let PluginBody { name, version, .. } = self.plugin;
        match &self.plugin.attachment {
            Some(id) => format!("`{name}` {version} (attachment {id})"),
            None => format!("`{name}` {version}"),
        }
    }
}

/// Those of a decision, in the order in which they were asked.
pub(super) fn of(recorded: &Recorded) -> Vec<Refuser<'_>> {
    let plugins = recorded.basis.plugins.iter().zip(&recorded.answers);
    plugins
        .filter(|(plugin, answer)| plugin.is_enforced() && refuses(answer))
        .map(|(plugin, answer)| Refuser { plugin, answer })
        .collect()
}

fn refuses(answer: &Answer) -> bool {
    !matches!(answer.verdict, Some(Verdict::Allow(_) | Verdict::Abstain))
}

/// What would have to be different for all of them: first that it takes all of them, then the ways of each.
pub(super) fn together<'a>(several: &[Refuser<'a>], one: impl Fn(Refuser<'a>) -> Remedy) -> Remedy {
    let names: Vec<String> = several.iter().map(Refuser::name).collect();
    let mut ways = vec![format!(
        "{} plugins refuse, and every one of them has to let it pass: {}",
        names.len(),
        names.join(", ")
    )];
    // Time alone opens it when time alone opens each of them.
    let mut from = Some(None);
    for (refuser, name) in several.iter().zip(&names) {
        let remedy = one(*refuser);
        from = match (from, remedy.from) {
            (Some(latest), Some(opens)) => Some(latest.max(Some(opens))),
            _ => None,
        };
        ways.extend(
            remedy
                .ways
                .into_iter()
                .map(|way| format!("for plugin {name}: {way}")),
        );
    }
    Remedy {
        ways,
        from: from.flatten(),
    }
}
