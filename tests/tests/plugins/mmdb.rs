//! Small databases of addresses in the format of MaxMind, for IPv4.

use std::net::Ipv4Addr;

/// What may stand in a record.
pub enum Value {
    Text(&'static str),
    Number(u32),
    Map(Vec<(&'static str, Value)>),
}

/// A network of 2^(32 - bits) addresses, and what is known of it.
pub type Entry = (Ipv4Addr, u8, Value);

/// The file.
pub fn database(entries: &[Entry]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut nodes = vec![[Record::Nothing; 2]];
    for (network, bits, value) in entries {
        let at = data.len();
        value.write(&mut data);
        insert(&mut nodes, u32::from(*network), *bits, at);
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        // What is no node lies behind all of them: nothing first, then the data, behind 16 zeros.
        let number = match record {
            Record::Nothing => count,
            Record::Node(node) => *node,
            Record::Data(at) => count + 16 + at,
        };
        file.extend_from_slice(&u32::try_from(number).unwrap().to_be_bytes()[1..]);
    }
    file.extend_from_slice(&[0; 16]);
    file.extend_from_slice(&data);
    file.extend_from_slice(b"\xAB\xCD\xEFMaxMind.com");
    metadata(&mut file, u32::try_from(count).unwrap());
    file
}

#[derive(Clone, Copy)]
enum Record {
    Nothing,
    Node(usize),
    Data(usize),
}

fn insert(nodes: &mut Vec<[Record; 2]>, network: u32, bits: u8, data: usize) {
    let mut node = 0;
    for depth in 0..bits {
        let side = usize::from(network & (1 << (31 - depth)) != 0);
        if depth + 1 == bits {
            nodes[node][side] = Record::Data(data);
            return;
        }
        node = match nodes[node][side] {
            Record::Node(next) => next,
            _ => {
                nodes.push([Record::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[node][side] = Record::Node(next);
                next
            }
        };
    }
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write_text(out, text),
            Self::Number(number) => {
                out.push(6 << 5 | 4);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Map(entries) => {
                out.push(7 << 5 | u8::try_from(entries.len()).unwrap());
                for (key, value) in entries {
                    write_text(out, key);
                    value.write(out);
                }
            }
        }
    }
}

/// Of up to 28 bytes.
fn write_text(out: &mut Vec<u8>, text: &str) {
    assert!(text.len() < 29, "{text}");
    out.push(2 << 5 | u8::try_from(text.len()).unwrap());
    out.extend_from_slice(text.as_bytes());
}

fn metadata(out: &mut Vec<u8>, nodes: u32) {
    out.push(7 << 5 | 9);
    for (key, number) in [
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
        ("ip_version", 4_u16),
        ("record_size", 24),
    ] {
        write_text(out, key);
        out.push(5 << 5 | 2);
        out.extend_from_slice(&number.to_be_bytes());
    }
    write_text(out, "node_count");
    Value::Number(nodes).write(out);
    write_text(out, "build_epoch");
    // Of 64 bits, without a byte: 0. Such numbers and lists are written with a second byte for their type.
    out.extend_from_slice(&[0, 2]);
    write_text(out, "database_type");
    write_text(out, "Test");
    write_text(out, "description");
    Value::Map(Vec::new()).write(out);
    write_text(out, "languages");
    out.extend_from_slice(&[0, 4]);
}
