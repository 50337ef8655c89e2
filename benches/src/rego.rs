//! The same policies in Rego, for regorus: written out as rules or held as data, interpreted or compiled for its virtual
//! machine.

use std::fmt::Write as _;
use std::sync::Arc;

use oneclaw_core::conditions::PolicyRule;
use oneclaw_core::request::{AccessRequest, Permission};
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};
use serde_json::json;

use crate::Result;
use crate::cedar::grants;
use crate::paths::{Pattern, depth};
use crate::wall_time::{Local, zone_key};
use crate::workload::Workload;

const ENTRY_POINT: &str = "data.access.allow";

/// How the policies are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A rule for each policy, paths matched by `glob.match`.
    Rules,
    /// A rule for each policy, each pattern rewritten by hand into the cheapest tests of strings that decide it, some of
    /// them on parts of the path that the input has to carry for the purpose.
    Tuned,
    /// One rule, and the policies as data; paths matched by `glob.match`.
    Data,
}

/// What evaluates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// The interpreter.
    Interpreter,
    /// The virtual machine, `RegoVM`.
    Vm,
}

/// The ways to ask regorus, with their names.
pub const WAYS: [(&str, Form, Machine); 6] = [
    (
        "regorus rules interpreter",
        Form::Rules,
        Machine::Interpreter,
    ),
    ("regorus rules vm", Form::Rules, Machine::Vm),
    (
        "regorus tuned interpreter",
        Form::Tuned,
        Machine::Interpreter,
    ),
    ("regorus tuned vm", Form::Tuned, Machine::Vm),
    ("regorus data interpreter", Form::Data, Machine::Interpreter),
    ("regorus data vm", Form::Data, Machine::Vm),
];

/// Regorus with the policies of a workload.
pub struct Rego(Running);

enum Running {
    Interpreter(Engine),
    Vm(RegoVM),
}

impl Rego {
    /// Translates and compiles the policies.
    ///
    /// # Errors
    /// What regorus says of them.
    pub fn new(workload: &Workload, form: Form, machine: Machine) -> Result<Self> {
        // The default of 128 is less than the patterns of a large set, and every miss compiles one.
        regorus::cache::configure(regorus::cache::Config {
            glob: 8192,
            ..regorus::cache::Config::default()
        });
        let (module, data) = match form {
            Form::Rules => (rules(workload, glob_condition)?, json!({})),
            Form::Tuned => (rules(workload, tuned_condition)?, json!({})),
            Form::Data => (DATA_MODULE.to_owned(), data(workload)),
        };
        let data = Value::from(data);
        let mut engine = Engine::new();
        engine.add_policy("access.rego".to_owned(), module)?;
        engine.add_data(data.clone())?;
        Ok(Self(match machine {
            Machine::Interpreter => Running::Interpreter(engine),
            Machine::Vm => {
                let compiled = engine.compile_with_entrypoint(&ENTRY_POINT.into())?;
                let program = Compiler::compile_from_policy(&compiled, &[ENTRY_POINT])
                    .map_err(|error| error.to_string())?;
                let mut vm = RegoVM::new_with_policy(compiled);
                // The default of 25,000 stops large sets in the middle.
                vm.set_max_instructions(usize::MAX);
                vm.load_program(Arc::clone(&program));
                vm.set_data(data).map_err(|error| error.to_string())?;
                Running::Vm(vm)
            }
        }))
    }

    /// Asks.
    ///
    /// # Errors
    /// When regorus could not evaluate.
    pub fn decide(&mut self, input: &Value) -> Result<bool> {
        let answer = match &mut self.0 {
            Running::Interpreter(engine) => {
                engine.set_input(input.clone());
                engine.eval_rule(ENTRY_POINT.to_owned())?
            }
            Running::Vm(vm) => {
                vm.set_input(input.clone());
                vm.execute_entry_point_by_index(0)
                    .map_err(|error| error.to_string())?
            }
        };
        Ok(answer == Value::from(true))
    }
}

/// A request as regorus is asked it.
#[must_use]
pub fn input(workload: &Workload, request: &AccessRequest) -> Value {
    let path = request.path.as_str();
    let local: serde_json::Map<_, _> = workload
        .settings
        .zones
        .iter()
        .map(|(zone, table)| {
            let local = Local::of(table, request.at);
            let value = json!({
                "minute": local.minute, "day": local.day, "yesterday": local.yesterday,
            });
            (zone_key(zone), value)
        })
        .collect();
    Value::from(json!({
        "path": path,
        // So that `a/b` begins like `a/b/`, which spares a second rule for each `a/b/**`.
        "path_and_slash": format!("{path}/"),
        "last": path.rsplit('/').next(),
        "depth": depth(path),
        "permission": request.permission.as_str(),
        "now": request.at.as_millis(),
        "client": request.client.to_string(),
        "environment": request.environment,
        "local": local,
    }))
}

fn rules(workload: &Workload, path_condition: fn(&Pattern) -> String) -> Result<String> {
    let mut source = String::from(
        "package access\nimport rego.v1\ndefault allow := false\nallow if { not denied; granted }\n\
         default denied := false\ndefault granted := false\n",
    );
    for (rule, pattern) in workload.settings.policies.iter().zip(&workload.patterns) {
        let granting = Permission::ALL.iter().filter(|p| grants(rule, **p));
        let words: Vec<String> = granting.map(|p| format!("{:?}", p.as_str())).collect();
        let permission = match words.as_slice() {
            [word] => format!("input.permission == {word}"),
            words => format!("input.permission in {{{}}}", words.join(", ")),
        };
        let mut body = vec![permission, path_condition(pattern)];
        if let Some(end) = rule.expires_at_ms {
            body.push(format!("input.now < {end}"));
        }
        // Each alternative becomes a rule of its own, which is how Rego says "or".
        let networks = match &rule.networks {
            None => vec![String::new()],
            Some(networks) => networks
                .iter()
                .map(|network| format!("; net.cidr_contains({network:?}, input.client)"))
                .collect(),
        };
        if let Some(environments) = &rule.environments {
            body.push(format!("input.environment in {environments:?}"));
        }
        let windows = windows(rule);
        let name = if rule.allow { "granted" } else { "denied" };
        for network in &networks {
            for window in &windows {
                writeln!(
                    source,
                    "{name} if {{ {}{window}{network} }}",
                    body.join("; ")
                )?;
            }
        }
    }
    Ok(source)
}

fn windows(rule: &PolicyRule) -> Vec<String> {
    let Some(window) = &rule.time_window else {
        return vec![String::new()];
    };
    let local = format!("input.local.{}", zone_key(&window.zone));
    let days = format!("{:?}", days(window.days));
    let (after, before) = (window.after_minute, window.before_minute);
    if after < before {
        return vec![format!(
            "; {local}.minute >= {after}; {local}.minute < {before}; {local}.day in {days}"
        )];
    }
    vec![
        format!("; {local}.minute >= {after}; {local}.day in {days}"),
        format!("; {local}.minute < {before}; {local}.yesterday in {days}"),
    ]
}

fn days(bits: u8) -> Vec<u8> {
    (0..7).filter(|day| bits >> day & 1 == 1).collect()
}

fn glob_condition(pattern: &Pattern) -> String {
    format!("glob.match({:?}, [\"/\"], input.path)", glob(pattern))
}

/// The pattern as `glob.match` takes it.
fn glob(pattern: &Pattern) -> String {
    match pattern {
        // Without the alternative it would not match `a/b` itself.
        Pattern::Below(path) => format!("{{{path},{path}/**}}"),
        other => other.to_string(),
    }
}

fn tuned_condition(pattern: &Pattern) -> String {
    let deep = depth(&pattern.to_string());
    match pattern {
        Pattern::Literal(path) => format!("input.path == {path:?}"),
        Pattern::Children(path) => {
            format!("startswith(input.path, \"{path}/\"); input.depth == {deep}")
        }
        Pattern::Below(path) => format!("startswith(input.path_and_slash, \"{path}/\")"),
        Pattern::Middle(first, last) => format!(
            "input.last == {last:?}; input.depth == {deep}; startswith(input.path, \"{first}/\")"
        ),
        Pattern::Beginning(path) => {
            format!("startswith(input.path, {path:?}); input.depth == {deep}")
        }
        Pattern::Named(last) => format!("input.last == {last:?}"),
    }
}

const DATA_MODULE: &str = r#"
package access
import rego.v1
default allow := false
allow if { not denied; granted }
denied if { some p in data.denies; applies(p) }
granted if { some p in data.allows; applies(p) }
applies(p) if {
    glob.match(p.glob, ["/"], input.path)
    input.permission in p.permissions
    input.now < p.expires
    environment(p)
    network(p)
    window(p)
}
environment(p) if not p.environments
environment(p) if input.environment in p.environments
network(p) if not p.networks
network(p) if { some n in p.networks; net.cidr_contains(n, input.client) }
window(p) if not p.window
window(p) if {
    w := p.window
    w.after < w.before
    local := input.local[w.zone]
    local.minute >= w.after
    local.minute < w.before
    local.day in w.days
}
window(p) if {
    w := p.window
    w.after > w.before
    local := input.local[w.zone]
    local.minute >= w.after
    local.day in w.days
}
window(p) if {
    w := p.window
    w.after > w.before
    local := input.local[w.zone]
    local.minute < w.before
    local.yesterday in w.days
}
"#;

fn data(workload: &Workload) -> serde_json::Value {
    let mut allows = Vec::new();
    let mut denies = Vec::new();
    for (rule, pattern) in workload.settings.policies.iter().zip(&workload.patterns) {
        let granting = Permission::ALL.iter().filter(|p| grants(rule, **p));
        let mut policy = json!({
            "glob": glob(pattern),
            "permissions": granting.map(|p| p.as_str()).collect::<Vec<_>>(),
            "expires": rule.expires_at_ms.unwrap_or(i64::MAX),
        });
        if let Some(fields) = policy.as_object_mut() {
            if let Some(networks) = &rule.networks {
                fields.insert("networks".to_owned(), json!(networks));
            }
            if let Some(environments) = &rule.environments {
                fields.insert("environments".to_owned(), json!(environments));
            }
            if let Some(window) = &rule.time_window {
                let window = json!({
                    "after": window.after_minute, "before": window.before_minute,
                    "zone": zone_key(&window.zone), "days": days(window.days),
                });
                fields.insert("window".to_owned(), window);
            }
        }
        if rule.allow {
            allows.push(policy);
        } else {
            denies.push(policy);
        }
    }
    json!({"allows": allows, "denies": denies})
}
