//! Lines `NAME=value`, read and written.

use zeroize::Zeroizing;

/// Variables in the order in which they count: a later one takes the place of an earlier one.
pub type Variables = Vec<(String, Zeroizing<String>)>;

/// Whether every shell would take it for a name.
pub fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads lines. Empty ones and those that start with `#` are skipped, `export` in front is taken off, so are quotes around the
/// value; in double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` mean what they mean in shells.
///
/// # Errors
/// A line that is none of that; says which and why.
pub fn read(text: &str) -> Result<Variables, String> {
    let mut variables = Variables::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("line {}: {what}", index + 1);
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("there is no `=`"))?;
        let name = name.trim();
        if !is_name(name) {
            return Err(wrong(
                "the name has characters other than letters, digits and `_`",
            ));
        }
        let value = unquoted(value.trim()).ok_or_else(|| wrong("a quote is not closed"))?;
        variables.push((name.to_owned(), Zeroizing::new(value)));
    }
    Ok(variables)
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.strip_suffix('\'').map(str::to_owned);
    }
    let Some(rest) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut out = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => return characters.as_str().is_empty().then_some(out),
            '\\' => match characters.next()? {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                c @ ('"' | '\\' | '$' | '`') => out.push(c),
                c => {
                    out.push('\\');
                    out.push(c);
                }
            },
            c => out.push(c),
        }
    }
    None
}

/// Writes lines that [`read`] reads back, and other readers of such files too.
pub fn write(variables: &Variables) -> String {
    let mut out = String::new();
    for (name, value) in variables {
        out.push_str(name);
        out.push('=');
        let is_plain = !value.is_empty()
            && value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c));
        if is_plain {
            out.push_str(value);
        } else {
            out.push('"');
            for c in value.chars() {
                match c {
                    '\n' => out.push_str("\\n"),
                    '\r' => out.push_str("\\r"),
                    '\t' => out.push_str("\\t"),
                    '"' | '\\' | '$' | '`' => {
                        out.push('\\');
                        out.push(c);
                    }
                    c => out.push(c),
                }
            }
            out.push('"');
        }
        out.push('\n');
    }
    out
}

/// Lines that a POSIX shell can evaluate; nothing in a value is.
pub fn shell(variables: &Variables) -> String {
    let mut out = String::new();
    for (name, value) in variables {
        out.push_str(&format!(
            "export {name}='{}'\n",
            value.replace('\'', "'\\''")
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let read = read(text).unwrap();
        read.into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect()
    }

    #[test]
    fn lines_are_read_as_other_readers_read_them() {
        let text = "# comment\n\nA=1\n export B = two words \nC='#$x'\nD=\"a\\n\\\"b\\\"\\\\\"\nE=\nF=a=b\r\n";
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "#$x"),
            ("D", "a\n\"b\"\\"),
            ("E", ""),
            ("F", "a=b"),
        ];
        let expected: Vec<(String, String)> = expected
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        assert_eq!(pairs(text), expected);
        for wrong in ["A", "1A=x", "A B=x", "A=\"x", "A='x", "A=\"x\" y"] {
            assert!(read(wrong).unwrap_err().starts_with("line 1"), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let values = [
            "",
            "plain",
            "two words",
            "a\nb\r\n\t",
            "\"quoted\" 'too'",
            "$HOME `id` \\",
            "# no comment",
            "é世",
        ];
        let variables: Variables = values
            .iter()
            .enumerate()
            .map(|(index, value)| (format!("V{index}"), Zeroizing::new((*value).to_owned())))
            .collect();
        assert_eq!(read(&write(&variables)).unwrap(), variables);
    }
}
