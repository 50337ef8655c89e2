//! What a person types, and values that must not stand on a command line, where every user of the machine can read them.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Most bytes of a value that is read; the server takes 1 MiB.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Where the value of a secret comes from.
pub enum ValueSource<'a> {
    /// All of standard input, without one line break at its end.
    Stdin,
    /// `@file`: the file as it is.
    File(&'a Path),
    /// Standing on the command line.
    Literal(&'a str),
    /// Typed, without being shown.
    Prompt,
}

impl<'a> ValueSource<'a> {
    /// `--stdin` wins, then `@file`, then the literal, then a prompt.
    pub fn choose(argument: Option<&'a str>, stdin: bool) -> Result<Self, Failure> {
        match (argument, stdin) {
            (Some(_), true) => Err(Failure::Usage(
                "a value on the command line and --stdin exclude each other".to_owned(),
            )),
            (None, true) => Ok(Self::Stdin),
            (Some(argument), false) => Ok(match argument.strip_prefix('@') {
                Some(file) => Self::File(Path::new(file)),
                None => Self::Literal(argument),
            }),
            (None, false) => Ok(Self::Prompt),
        }
    }

    /// Gets the value.
    ///
    /// # Errors
    /// It cannot be read, is too large or is not text.
    pub fn read(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        match self {
            Self::Stdin => {
                let mut value = read_limited(std::io::stdin().lock(), "standard input")?;
                if value.ends_with('\n') {
                    value.pop();
                    if value.ends_with('\r') {
                        value.pop();
                    }
                }
                Ok(value)
            }
            Self::File(path) => read_file(path),
            Self::Literal(value) => Ok(Zeroizing::new((*value).to_owned())),
            Self::Prompt => hidden(prompt, "use --stdin or @file"),
        }
    }
}

/// A file, as text.
///
/// # Errors
/// It cannot be read, is too large or is not text.
pub fn read_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    read_limited(file, &path.display().to_string())
}

fn read_limited(from: impl std::io::Read, what: &str) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    from.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::local(format!("{what}: {error}")))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::local(format!(
            "{what} is larger than {MOST_BYTES} bytes"
        )));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::hinted(
            format!("{what} is not text in UTF-8"),
            "encode it first, for example with base64",
        )),
    }
}

/// Asks for something that is not shown while it is typed. Without a terminal, says what to do instead.
///
/// # Errors
/// There is no terminal, or nothing was typed.
pub fn hidden(prompt: &str, instead: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::hinted(
            format!(
                "there is no terminal to ask on ({})",
                prompt.trim_end_matches([':', ' '])
            ),
            instead,
        ));
    }
    let typed = rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .map_err(|error| Failure::local(format!("the terminal cannot be read: {error}")))?;
    if typed.is_empty() {
        return Err(Failure::local("nothing was typed"));
    }
    Ok(typed)
}

/// Asks on standard error, reads a line.
///
/// # Errors
/// Standard input cannot be read.
pub fn line(prompt: &str) -> Result<String, Failure> {
    let mut stderr = std::io::stderr().lock();
    let _ = write!(stderr, "{prompt}");
    let _ = stderr.flush();
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .take(MOST_BYTES)
        .read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// Asks; only `y` and `yes` are a yes.
///
/// # Errors
/// Standard input cannot be read.
pub fn yes_or_no(question: &str) -> Result<bool, Failure> {
    let answer = line(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// The account's password, for what needs it once more: from standard input with `--password-stdin`, else typed.
///
/// # Errors
/// Neither is there.
pub fn password(stdin: bool) -> Result<Zeroizing<String>, Failure> {
    if stdin {
        ValueSource::Stdin.read("")
    } else {
        hidden("Password: ", "give it with --password-stdin")
    }
}
