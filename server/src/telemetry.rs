//! Logging: lines on standard error, as text or JSON.
//!
//! What is never logged, at any level: bodies of requests and responses, values of secrets, tokens, keys, passwords, the
//! `Authorization` header, what a policy component was asked beyond the identifiers, and the database URL.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogFormat};

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Directives that were not checked when they were read.
    #[error("the log level is not valid: {0}")]
    Level(#[from] ParseError),
    /// Something else logs already.
    #[error("logging was already set up: {0}")]
    Init(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends the log of this process to standard error. Call it once, from `main`.
///
/// # Errors
/// If the level is not valid, or something else logs already.
pub fn init(log: &LogConfig) -> Result<(), TelemetryError> {
    let colours = std::io::stderr().is_terminal();
    subscriber(log, std::io::stderr, colours)?.try_init()?;
    Ok(())
}

/// The same, written elsewhere: for tests that read the log.
///
/// # Errors
/// If the level is not valid.
pub fn subscriber<W>(
    log: &LogConfig,
    writer: W,
    colours: bool,
) -> Result<impl Subscriber + Send + Sync, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter: Targets = log.level.parse()?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => Box::new(lines.with_ansi(colours)),
        // Fields at the top level, so that a log store needs no unpacking.
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_current_span(true)),
    };
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let log = LogConfig {
            format,
            level: level.to_owned(),
        };
        let subscriber = subscriber(&log, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(vault.id = "v1", "vault made");
            tracing::debug!("detail");
            tracing::warn!(target: "elsewhere", "noise");
        });
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_lines_name_level_message_and_fields() {
        let log = logged(LogFormat::Text, "info");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(
            lines[0].contains("INFO") && lines[0].ends_with("vault made vault.id=\"v1\""),
            "{log}"
        );
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_on_top() {
        let log = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "vault made");
        assert_eq!(line["vault.id"], "v1");
    }

    #[test]
    fn directives_choose_by_target() {
        let log = logged(LogFormat::Text, "debug,elsewhere=error");
        assert!(log.contains("detail") && !log.contains("noise"), "{log}");
        assert_eq!(logged(LogFormat::Text, "off"), "");
    }
}
