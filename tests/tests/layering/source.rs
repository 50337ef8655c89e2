//! Rust sources as far as these tests need to understand them: which characters are code, and which lines are tests.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A source file.
pub struct Source {
    /// From the root of the workspace, with `/`.
    pub path: String,
    /// As it is.
    pub raw: String,
    /// Without comments and the contents of literals; line by line, numbered from 1, without tests.
    pub code: Vec<(usize, String)>,
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let raw = std::fs::read_to_string(file).unwrap();
        let path = file
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        let bare = without_comments_and_literals(&raw);
        let is_test = if is_test_file(&path) {
            vec![true; bare.lines().count()]
        } else {
            test_lines(&bare)
        };
        let code = bare
            .lines()
            .enumerate()
            .zip(is_test)
            .filter(|(_, is_test)| !is_test)
            .map(|((index, line), _)| (index + 1, line.to_owned()))
            .collect();
        Self { path, raw, code }
    }

    /// The lines, outside tests, on which code names `token`: see [`names`].
    pub fn lines_naming(&self, token: &str) -> Vec<usize> {
        self.code
            .iter()
            .filter(|(_, line)| names(line, token))
            .map(|(number, _)| *number)
            .collect()
    }
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// The folders of the code that ships.
const PRODUCT: &[&str] = &[
    "core",
    "guest-build",
    "builtin",
    "policy-sdk",
    "plugins",
    "policy-host",
    "store",
    "crypto",
    "effects/src",
    "signer",
    "chain",
    "outbound",
    "audit-proof",
    "server",
    "cli",
];

/// Every source file that ships, in order.
pub fn product() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let root = root();
        let mut files = Vec::new();
        for folder in PRODUCT {
            let before = files.len();
            collect(&root.join(folder), &mut files);
            assert!(files.len() > before, "there is no source in `{folder}`");
        }
        files.sort();
        files.iter().map(|file| Source::read(&root, file)).collect()
    });
    &SOURCES
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != "target" {
                collect(&entry.path(), files);
            }
        }
    } else if path.extension().is_some_and(|e| e == "rs") {
        files.push(path.to_owned());
    }
}

/// Tests, and what is run by hand like them.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/examples/")
}

/// Whether a line of code has `token` in it as a whole: not as part of a longer name, and, if it begins with a name, not
/// behind `::`, where that name would belong to something else.
pub fn names(line: &str, token: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins_with_word = token.starts_with(is_word);
    let ends_with_word = token.ends_with(is_word);
    line.match_indices(token).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + token.len()..).unwrap_or_default();
        let free_before =
            !begins_with_word || !(before.ends_with(is_word) || before.ends_with("::"));
        let free_after = !ends_with_word || !after.starts_with(is_word);
        free_before && free_after
    })
}

/// The same text with comments and the contents of string and character literals replaced by spaces.
fn without_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match (at(i), at(i + 1)) {
            ('/', '/') => end_of_line(&chars, i),
            ('/', '*') => end_of_block(&chars, i),
            ('"', _) => end_of_string(&chars, i + 1),
            ('r', '"' | '#') if !is_name(at(i.wrapping_sub(1))) || at(i.wrapping_sub(1)) == 'b' => {
                end_of_raw_string(&chars, i).unwrap_or(i)
            }
            ('\'', '\\') => end_of_character(&chars, i + 2),
            ('\'', _) if at(i + 2) == '\'' => i + 3,
            _ => i,
        };
        if end == i {
            out.push(at(i));
            i += 1;
        } else {
            let blanked = chars.get(i..end.min(chars.len())).unwrap_or_default();
            out.extend(blanked.iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    out
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn end_of_line(chars: &[char], from: usize) -> usize {
    let rest = chars.get(from..).unwrap_or_default();
    from + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
}

fn end_of_block(chars: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut i = from;
    loop {
        match (chars.get(i), chars.get(i + 1)) {
            (Some('/'), Some('*')) => {
                depth += 1;
                i += 2;
            }
            (Some('*'), Some('/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            (Some(_), _) => i += 1,
            (None, _) => return i,
        }
    }
}

fn end_of_string(chars: &[char], from: usize) -> usize {
    let mut i = from;
    loop {
        match chars.get(i) {
            Some('\\') => i += 2,
            Some('"') | None => return i + 1,
            Some(_) => i += 1,
        }
    }
}

fn end_of_raw_string(chars: &[char], from: usize) -> Option<usize> {
    let hashes = chars
        .iter()
        .skip(from + 1)
        .take_while(|c| **c == '#')
        .count();
    let mut i = from + 1 + hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        let closes = chars.get(i) == Some(&'"')
            && chars.iter().skip(i + 1).take_while(|c| **c == '#').count() >= hashes;
        if closes || i >= chars.len() {
            return Some(i + 1 + hashes);
        }
    }
}

fn end_of_character(chars: &[char], from: usize) -> usize {
    // One escaped character, which may itself be a quote.
    let rest = chars.get(from + 1..).unwrap_or_default();
    from + 2 + rest.iter().position(|c| *c == '\'').unwrap_or(rest.len())
}

/// For each line whether it belongs to an item under `#[cfg(test)]`.
fn test_lines(bare: &str) -> Vec<bool> {
    let mut is_test = vec![false; bare.lines().count()];
    for (start, _) in bare.match_indices("#[cfg(test)]") {
        let mut depth = 0;
        let mut end = bare.len();
        for (at, c) in bare.char_indices().skip_while(|(at, _)| *at < start) {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => end = at,
                '}' => depth -= 1,
                ';' if depth == 0 => end = at,
                _ => {}
            }
            if end != bare.len() {
                break;
            }
        }
        let line_of = |at: usize| bare.get(..at).unwrap_or_default().matches('\n').count();
        for line in line_of(start)..=line_of(end) {
            if let Some(flag) = is_test.get_mut(line) {
                *flag = true;
            }
        }
    }
    is_test
}

#[test]
fn comments_literals_and_tests_are_no_code() {
    let text = r##"
use a::b; // use c::d;
/* nested /* e::f */ still */
let s = "g::h \" i::j"; let r = r#"k::l "quoted" "#; let c = '"'; let q = '\'';
fn m<'a>(x: &'a str) { n::o() }
#[cfg(test)]
mod tests {
    fn t() { p::q() }
}
r::s!();
"##;
    let bare = without_comments_and_literals(text);
    let kept: String = bare
        .lines()
        .zip(test_lines(&bare))
        .filter(|(_, is_test)| !is_test)
        .map(|(line, _)| format!("{line}\n"))
        .collect();
    for code in ["a::b", "n::o", "r::s"] {
        assert!(kept.contains(code), "{code} in {kept}");
    }
    for not in ["c::d", "e::f", "g::h", "i::j", "k::l", "quoted", "p::q"] {
        assert!(!kept.contains(not), "{not} in {kept}");
    }
}

#[test]
fn a_token_is_named_only_as_a_whole() {
    assert!(names("use http::Uri;", "http::"));
    assert!(!names("use crate::http::Uri;", "http::"));
    assert!(names("use crate::http::Uri;", "crate::http"));
    assert!(!names("use crate::https;", "crate::http"));
    assert!(names("let x = y.unwrap();", ".unwrap()"));
    assert!(!names("let x = y.unwrap_or(1);", ".unwrap()"));
    assert!(names("println!()", "println!"));
    assert!(!names("eprintln!()", "println!"));
}
