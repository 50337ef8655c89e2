//! From a line and a column to a JSON pointer.

/// A container that is open at some place of a JSON text.
enum Open {
    /// With the text of the last key, unescaped no further than the pointer needs.
    Object(String),
    /// With the index of the current element.
    Array(usize),
}

/// The JSON pointer of what stands at (or ends just before) `line` and `column`, both counted from 1 and in bytes, of a
/// JSON text that is well-formed up to there.
pub fn pointer(text: &str, line: usize, column: usize) -> String {
    let end = offset(text, line, column);
    let mut open: Vec<Open> = Vec::new();
    let mut bytes = text.bytes().enumerate();
    // A string directly inside an object is a key unless a colon came after the last comma or brace.
    let mut key_is_next = false;
    while let Some((at, byte)) = bytes.next() {
        if at >= end {
            break;
        }
        match byte {
            b'{' => {
                open.push(Open::Object(String::new()));
                key_is_next = true;
            }
            b'[' => {
                open.push(Open::Array(0));
                key_is_next = false;
            }
            b'}' | b']' => {
                open.pop();
                key_is_next = false;
            }
            b',' => match open.last_mut() {
                Some(Open::Array(index)) => *index += 1,
                Some(Open::Object(_)) => key_is_next = true,
                None => {}
            },
            b':' => key_is_next = false,
            b'"' => {
                let close = end_of_string(&mut bytes).unwrap_or(text.len());
                if let (true, Some(Open::Object(key))) = (key_is_next, open.last_mut()) {
                    *key = unescape(text.get(at..=close).unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    open.iter().map(step).collect()
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    before + column
}

/// The offset of the quote that ends the string whose first quote has just been taken.
fn end_of_string(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(at),
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
    None
}

fn unescape(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

fn step(open: &Open) -> String {
    match open {
        Open::Object(key) if key.is_empty() => String::new(),
        Open::Object(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
        Open::Array(index) => format!("/{index}"),
    }
}
