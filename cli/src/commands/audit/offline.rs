//! Exports of the trail, and checking them without the server.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use oneclaw_audit_proof::{Report, Verifier, VerifierKey};
use serde_json::{Value, json};

use crate::client::text;
use crate::commands::text_argument;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// Most problems that are told one by one.
const TOLD: usize = 20;

/// Save the trail, with what it takes to check it without the server
#[derive(Args)]
#[command(after_help = "Examples:
  1claw audit export --output trail.jsonl
  1claw audit export --since 10000 > rest.jsonl")]
pub struct ExportArgs {
    /// A file that only you can read; standard output otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only what came after the checkpoint of this size
    #[arg(long, value_name = "N")]
    since: Option<u64>,
}

impl ExportArgs {
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let since = self.since.map(|size| size.to_string());
        let query = crate::client::query(&[("since", since.as_deref())]);
        let route = format!("/v1/audit/export{query}");
        let Some(path) = &self.output else {
            return context
                .client()?
                .download(&route, &mut |bytes| context.output.bytes(bytes));
        };
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| Failure::file(path, &error))?;
        context.client()?.download(&route, &mut |bytes| {
            file.write_all(bytes)
                .map_err(|error| Failure::file(path, &error))
        })?;
        file.sync_all()
            .map_err(|error| Failure::file(path, &error))?;
        context
            .output
            .done(&format!("the trail is in {}", path.display()), &Value::Null)
    }
}

/// Checks an export.
///
/// # Errors
/// It cannot be read, or is not as it was recorded.
pub fn verify(
    context: &Context,
    path: &Path,
    key: Option<&str>,
    checkpoints: &[String],
) -> Result<(), Failure> {
    let key = match key {
        Some(key) => text_argument(key)?,
        None => {
            context
                .output
                .note("the server is asked for its key; --key checks against one that you kept");
            let answer = context.anonymous().get("/v1/audit/checkpoint-key")?;
            text(&answer, "verifier_key").to_owned()
        }
    };
    let key: VerifierKey = key
        .trim()
        .parse()
        .map_err(|error| Failure::Usage(format!("--key: {error}")))?;
    let held: Vec<String> = checkpoints
        .iter()
        .map(|checkpoint| text_argument(checkpoint))
        .collect::<Result<_, _>>()?;
    let verifier = Verifier::new(key)
        .holding(held.iter().map(String::as_str))
        .map_err(|error| Failure::Usage(format!("--checkpoint: {error}")))?;
    let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    let report = verifier
        .verify(BufReader::new(file))
        .map_err(|error| Failure::local(format!("{}: {error}", path.display())))?;
    tell(context, &report)
}

fn tell(context: &Context, report: &Report) -> Result<(), Failure> {
    let problems: Vec<Value> = report
        .problems
        .iter()
        .map(|problem| json!({ "line": problem.line, "what": problem.what.to_string() }))
        .collect();
    let all = json!({
        "valid": report.is_valid(),
        "org_id": report.org_id,
        "events": report.events,
        "first": report.first,
        "last": report.last,
        "covered": report.covered,
        "checkpoints": report.checkpoints,
        "problems": problems,
    });
    if report.is_valid() {
        let mut sentence = format!(
            "{} events checked against {} checkpoints, and all are as they were recorded",
            report.events, report.checkpoints
        );
        if report.covered < report.last {
            sentence.push_str(&format!(
                "; no checkpoint covers those after {} yet",
                report.covered
            ));
        }
        return context.output.done(&sentence, &all);
    }
    if context.output.format() == Format::Json {
        context.output.json(&all)?;
    }
    for problem in report.problems.iter().take(TOLD) {
        context.output.note(&format!("  {problem}"));
    }
    let count = report
        .more_problems
        .saturating_add(report.problems.len() as u64);
    Err(Failure::hinted(
        format!("the trail is not as it was recorded: {count} problems"),
        "compare with the checkpoints and exports that you kept elsewhere",
    ))
}
