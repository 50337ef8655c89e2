//! Everything that is printed. Answers go to standard output, in one of three formats; words about them go to standard error.

mod column;
mod table;
mod text;

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

pub use self::column::{Column, plain};
pub use self::text::{one_line, visible};
use crate::failure::Failure;

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Padded columns for people.
    Table,
    /// JSON, indented by two; a list is a bare array.
    Json,
    /// Columns between tabs, without a header.
    Plain,
}

impl Format {
    /// From the settings; what nobody can have written is a table.
    pub fn from_setting(word: &str) -> Self {
        match word {
            "json" => Self::Json,
            "plain" => Self::Plain,
            _ => Self::Table,
        }
    }
}

/// Pace of what moves.
const TICK: Duration = Duration::from_millis(120);

/// See the module.
pub struct Output {
    format: Format,
    is_terminal: bool,
    color: bool,
}

impl Output {
    /// Colours are for terminals, and for those who did not say no.
    pub fn new(format: Format, no_color: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        Self {
            format,
            is_terminal,
            color: is_terminal && !no_color,
        }
    }

    /// A sign that something is being worked on, for a person who waits for it. Whoever asked for it takes it away.
    pub fn waiting(&self, for_what: &'static str) -> ProgressBar {
        if !self.is_terminal {
            return ProgressBar::hidden();
        }
        let sign = ProgressBar::new_spinner().with_message(for_what);
        sign.enable_steady_tick(TICK);
        sign
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether a person looks at standard output.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether there are colours.
    pub fn color(&self) -> bool {
        self.color
    }

    /// A list.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn list(&self, items: &[Value], columns: &[Column]) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(&Value::Array(items.to_vec())),
            Format::Plain => {
                let mut out = String::new();
                for item in items {
                    let cells: Vec<String> =
                        columns.iter().map(|column| column.cell(item)).collect();
                    out.push_str(&cells.join("\t"));
                    out.push('\n');
                }
                self.raw(&out)
            }
            Format::Table if items.is_empty() => self.raw("No results.\n"),
            Format::Table => self.raw(&table::render(items, columns, self.color, self.is_terminal)),
        }
    }

    /// One thing, field by field.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn item(&self, item: &Value, fields: &[Column]) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(item),
            Format::Plain => {
                let mut out = String::new();
                for field in fields {
                    out.push_str(&format!("{}\t{}\n", field.title, field.cell(item)));
                }
                self.raw(&out)
            }
            Format::Table => self.raw(&table::fields(item, fields, self.color)),
        }
    }

    /// Something was done: a line for people, the server's answer for programs.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn done(&self, sentence: &str, answer: &Value) -> Result<(), Failure> {
        match self.format {
            Format::Json if answer.is_null() => Ok(()),
            Format::Json => self.json(answer),
            Format::Table | Format::Plain => {
                let sentence = one_line(sentence);
                if self.color {
                    self.raw(&format!("\u{1b}[32m✓\u{1b}[0m {sentence}\n"))
                } else {
                    self.raw(&format!("✓ {sentence}\n"))
                }
            }
        }
    }

    /// JSON, whatever the format.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn json(&self, value: &Value) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::local(error.to_string()))?;
        self.raw(&format!("{}\n", text::json_safe(&text)))
    }

    /// Exactly this.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn raw(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())
    }

    /// Exactly these.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// A word beside the answer, on standard error.
    pub fn note(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", visible(text));
    }
}

/// Says on standard error why a command ended, and what to do. A closed pipe is the wish of whoever closed it.
pub fn report(failure: &Failure) {
    if matches!(failure, Failure::ClosedPipe) {
        return;
    }
    let stderr = std::io::stderr();
    let color = stderr.is_terminal() && !crate::environment::Environment::read().no_color;
    let mut out = stderr.lock();
    let mark = if color {
        "\u{1b}[31m✗\u{1b}[0m"
    } else {
        "✗"
    };
    let _ = writeln!(out, "{mark} {}", visible(&failure.to_string()));
    if let Some(hint) = failure.hint() {
        let _ = writeln!(out, "  {}", visible(&hint));
    }
}
