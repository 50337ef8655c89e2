//! The same policies in Cedar.
//!
//! Each policy becomes a `permit` or `forbid`; where a policy needs to know the wall time of a zone, the request carries
//! it, because Cedar knows no zones.

use std::fmt::Write as _;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityId, EntityTypeName, EntityUid, PolicySet,
    Request, RestrictedExpression,
};
use oneclaw_core::conditions::{PolicyRule, ZoneTable};
use oneclaw_core::request::{AccessRequest, Permission};

use crate::Result;
use crate::paths::{Pattern, depth};
use crate::wall_time::{Local, zone_key};
use crate::workload::Workload;

/// An authorizer with the policies of a workload.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    agent: EntityTypeName,
    secret: EntityTypeName,
    /// In the order of [`Permission::ALL`].
    actions: [EntityUid; 4],
    zones: Vec<(String, ZoneTable)>,
}

impl Cedar {
    /// Translates and parses the policies.
    ///
    /// # Errors
    /// What Cedar says of them.
    pub fn new(workload: &Workload) -> Result<Self> {
        let mut source = String::new();
        for (rule, pattern) in workload.settings.policies.iter().zip(&workload.patterns) {
            write_policy(&mut source, rule, pattern, workload)?;
        }
        let actions = EntityTypeName::from_str("Action")?;
        let action = |permission: Permission| {
            let id = EntityId::new(permission.as_str());
            EntityUid::from_type_name_and_id(actions.clone(), id)
        };
        Ok(Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(&source)?,
            entities: Entities::empty(),
            agent: EntityTypeName::from_str("Agent")?,
            secret: EntityTypeName::from_str("Secret")?,
            actions: [
                action(Permission::Read),
                action(Permission::Write),
                action(Permission::Delete),
                action(Permission::Rotate),
            ],
            zones: workload.settings.zones.clone().into_iter().collect(),
        })
    }

    /// Builds the request that Cedar is asked.
    ///
    /// # Errors
    /// What Cedar says of it.
    pub fn request(&self, request: &AccessRequest) -> Result<Request> {
        let path = request.path.as_str();
        let [read, write, delete, rotate] = &self.actions;
        let action = match request.permission {
            Permission::Read => read,
            Permission::Write => write,
            Permission::Delete => delete,
            Permission::Rotate => rotate,
        };
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let number = RestrictedExpression::new_long;
        let mut context = Vec::with_capacity(12);
        context.push(("path".to_owned(), text(path)));
        context.push(("depth".to_owned(), number(depth(path) as i64)));
        context.push(("now".to_owned(), number(request.at.as_millis())));
        let client = request.client.to_string();
        context.push(("client".to_owned(), RestrictedExpression::new_ip(client)));
        let environment = request.environment.as_deref().unwrap_or("");
        context.push(("environment".to_owned(), text(environment)));
        for (zone, table) in &self.zones {
            let local = Local::of(table, request.at);
            let key = zone_key(zone);
            context.push((format!("{key}_minute"), number(local.minute)));
            context.push((format!("{key}_day"), number(local.day)));
            context.push((format!("{key}_yesterday"), number(local.yesterday)));
        }
        let id = |text: &str| EntityId::new(text);
        Ok(Request::new(
            EntityUid::from_type_name_and_id(
                self.agent.clone(),
                id(&request.principal.uuid().to_string()),
            ),
            action.clone(),
            EntityUid::from_type_name_and_id(self.secret.clone(), id(path)),
            Context::from_pairs(context)?,
            None,
        )?)
    }

    /// Asks.
    ///
    /// # Errors
    /// When Cedar could not evaluate some policy: that would leave it out of the decision.
    pub fn decide(&self, request: &Request) -> Result<bool> {
        let response = self
            .authorizer
            .is_authorized(request, &self.policies, &self.entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string().into());
        }
        Ok(response.decision() == Decision::Allow)
    }
}

fn write_policy(
    out: &mut String,
    rule: &PolicyRule,
    pattern: &Pattern,
    workload: &Workload,
) -> Result<()> {
    let effect = if rule.allow { "permit" } else { "forbid" };
    let caller = workload
        .requests
        .first()
        .map(|r| r.principal.uuid().to_string())
        .unwrap_or_default();
    let actions: Vec<String> = Permission::ALL
        .iter()
        .filter(|p| grants(rule, **p))
        .map(|p| format!("Action::\"{}\"", p.as_str()))
        .collect();
    writeln!(
        out,
        "{effect} (principal == Agent::\"{caller}\", action in [{}], resource) when {{ {}",
        actions.join(", "),
        path_condition(pattern)
    )?;
    if let Some(end) = rule.expires_at_ms {
        writeln!(out, " && context.now < {end}")?;
    }
    if let Some(networks) = &rule.networks {
        let any: Vec<String> = networks
            .iter()
            .map(|network| format!("context.client.isInRange(ip(\"{network}\"))"))
            .collect();
        writeln!(out, " && ({})", any.join(" || "))?;
    }
    if let Some(window) = &rule.time_window {
        let key = zone_key(&window.zone);
        let days: Vec<String> = (0..7)
            .filter(|day| window.days >> day & 1 == 1)
            .map(|day| day.to_string())
            .collect();
        let days = days.join(", ");
        let (after, before) = (window.after_minute, window.before_minute);
        let today = format!("[{days}].contains(context.{key}_day)");
        if after < before {
            writeln!(
                out,
                " && context.{key}_minute >= {after} && context.{key}_minute < {before} && {today}"
            )?;
        } else {
            writeln!(
                out,
                " && ((context.{key}_minute >= {after} && {today}) || (context.{key}_minute < {before} \
                 && [{days}].contains(context.{key}_yesterday)))"
            )?;
        }
    }
    if let Some(environments) = &rule.environments {
        writeln!(out, " && {environments:?}.contains(context.environment)")?;
    }
    writeln!(out, "}};")?;
    Ok(())
}

/// Whether a policy grants a permission: `write` covers delete and rotate.
#[must_use]
pub fn grants(rule: &PolicyRule, permission: Permission) -> bool {
    let covered = matches!(permission, Permission::Delete | Permission::Rotate);
    rule.permissions.contains(&permission.as_str())
        || covered && rule.permissions.contains(&"write")
}

/// In Cedar a `*` also stands for slashes, so patterns that must not reach deeper ask for the depth as well.
fn path_condition(pattern: &Pattern) -> String {
    let deep = depth(&pattern.to_string());
    match pattern {
        Pattern::Literal(path) => format!("context.path == \"{path}\""),
        Pattern::Children(path) => {
            format!("context.depth == {deep} && context.path like \"{path}/*\"")
        }
        Pattern::Below(path) => {
            format!("(context.path like \"{path}/*\" || context.path == \"{path}\")")
        }
        Pattern::Middle(first, last) => {
            format!("context.depth == {deep} && context.path like \"{first}/*/{last}\"")
        }
        Pattern::Beginning(path) => {
            format!("context.depth == {deep} && context.path like \"{path}*\"")
        }
        Pattern::Named(last) => {
            format!("(context.path like \"*/{last}\" || context.path == \"{last}\")")
        }
    }
}
