#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use oneclaw_policy_sdk::question::{self, Question};
use oneclaw_policy_sdk::{
    AccessRequest, Decision, Manifest, Needs, PolicyAndGuardrail, Problem, Reason,
    TransactionGuardrail, TransactionRequest, Verdict, reply, settings::problem,
};
use regorus::Engine;
use serde::Deserialize;
use serde_json::{Value, json};

/// A prepared engine with modules and data, which each decision works on a copy of.
pub struct RegoAdapter {
    engine: Engine,
    query: String,
}

/// See `settings.schema.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    modules: Vec<String>,
    #[serde(default)]
    data: serde_json::Map<String, Value>,
    #[serde(default = "query")]
    rule: String,
}

fn query() -> String {
    "data.oneclaw.decision".to_owned()
}

/// What a rule may answer, beside `true` and `false`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    verdict: Word,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Allow,
    Deny,
    Abstain,
}

impl RegoAdapter {
    fn decide(&self, question: Question) -> Decision {
        let mut input = question.context;
        let named = |(kind, id): (&str, String)| json!({"type": kind, "id": id});
        input.insert("principal".to_owned(), named(question.principal));
        input.insert("action".to_owned(), json!(question.action));
        input.insert("resource".to_owned(), named(question.resource));
        let mut engine = self.engine.clone();
        engine.set_input(regorus::Value::from(Value::Object(input)));
        let answer = match engine.eval_rule(self.query.clone()) {
            Ok(answer) => answer,
            // A rule that fails has not answered, whatever it was meant to say.
            Err(error) => return refuse("rego/rule-failed", first_line(&error.to_string())),
        };
        match answer {
            regorus::Value::Bool(true) => reply::allow("rego/allowed"),
            regorus::Value::Bool(false) => reply::deny("rego/denied"),
            regorus::Value::Undefined => reply::deny("rego/undefined"),
            other => read(&other),
        }
    }
}

fn read(answer: &regorus::Value) -> Decision {
    let answer = serde_json::to_value(answer).and_then(serde_json::from_value::<Answer>);
    let Ok(answer) = answer else {
        return refuse(
            "rego/bad-answer",
            "The rule answers neither true nor false, nor with a verdict.".to_owned(),
        );
    };
    let reason = |otherwise: &str| Reason {
        message: answer.message.clone(),
        ..reply::reason(if answer.code.is_empty() {
            otherwise
        } else {
            &answer.code
        })
    };
    match answer.verdict {
        Word::Allow => reply::with_reason(reason("rego/allowed"), Verdict::Allow),
        Word::Deny => reply::with_reason(reason("rego/denied"), Verdict::Deny),
        Word::Abstain => reply::abstain(),
    }
}

fn refuse(code: &str, message: String) -> Decision {
    let reason = Reason {
        message,
        ..reply::reason(code)
    };
    reply::with_reason(reason, Verdict::Deny)
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or_default().trim().chars().take(500).collect()
}

impl TransactionGuardrail for RegoAdapter {
    type Settings = Settings;

    fn manifest() -> Manifest {
        Manifest {
            name: "rego-adapter".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Decides by Rego policies that stand in the settings.".to_owned(),
            settings_schema: include_str!("settings.schema.json").to_owned(),
        }
    }

    fn configure(settings: Settings) -> Result<(Self, Needs), Vec<Problem>> {
        let mut engine = Engine::new();
        let mut problems = Vec::new();
        if settings.modules.is_empty() {
            problems.push(problem("/modules", "must have at least one module"));
        }
        for (at, module) in settings.modules.into_iter().enumerate() {
            if let Err(error) = engine.add_policy(format!("module-{at}.rego"), module) {
                problems.push(problem(format!("/modules/{at}"), &error.to_string()));
            }
        }
        let data = regorus::Value::from(Value::Object(settings.data));
        if let Err(error) = engine.add_data(data) {
            problems.push(problem("/data", &error.to_string()));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        // Compiles the modules, and finds out whether there is such a rule: here, and not with the first request.
        engine.set_input(regorus::Value::new_object());
        if let Err(error) = engine.clone().eval_rule(settings.rule.clone())
            && error.to_string().contains("not a valid rule path")
        {
            return Err(vec![problem("/rule", "is not a rule of these modules")]);
        }
        let needs = Needs {
            budgets: Vec::new(),
            facts: Vec::new(),
        };
        let adapter = Self {
            engine,
            query: settings.rule,
        };
        Ok((adapter, needs))
    }

    fn evaluate(&self, request: &TransactionRequest) -> Decision {
        self.decide(question::of_transaction(request))
    }
}

impl PolicyAndGuardrail for RegoAdapter {
    fn evaluate_access(&self, request: &AccessRequest) -> Decision {
        self.decide(question::of_access(request))
    }
}

oneclaw_policy_sdk::export_policy_and_guardrail!(RegoAdapter);
