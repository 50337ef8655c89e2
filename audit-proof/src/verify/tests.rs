use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;

use super::*;
use crate::export::EventRecord;

const ORG: &str = "0b7ad7a5-0000-7000-8000-000000000001";

fn key() -> (SigningKey, VerifierKey) {
    let secret = SigningKey::from_bytes(&[5; 32]);
    let public = VerifierKey::new(secret.verifying_key().as_bytes()).unwrap();
    (secret, public)
}

fn event(seq: u64) -> Event {
    let id = |seq: u64| format!("event-{seq}");
    Event {
        action: "secret.read".to_owned(),
        actor_id: "a".to_owned(),
        actor_type: "agent".to_owned(),
        created_at: "2026-01-01T00:00:00Z".to_owned(),
        details: json!({"version": seq}),
        id: id(seq),
        integrity_hash: "00".repeat(32),
        ip_address: Some("192.0.2.1".to_owned()),
        org_id: ORG.to_owned(),
        prev_event_id: (seq > 1).then(|| id(seq - 1)),
        record: EventRecord::Event,
        resource_id: "api-keys/x".to_owned(),
        resource_type: "secret".to_owned(),
        seq,
        vault_id: None,
    }
}

fn tree(size: u64) -> Frontier {
    let mut tree = Frontier::default();
    for seq in 1..=size {
        tree.push(export::leaf(&event(seq).line()));
    }
    tree
}

fn note(size: u64) -> String {
    let (secret, public) = key();
    let checkpoint = Checkpoint {
        origin: origin(ORG),
        size,
        root: tree(size).root(),
    };
    checkpoint.sign(&public, |text| secret.sign(text).to_bytes())
}

/// The lines of a whole export of events `after + 1` to `through`, in pages of four.
fn lines(after: u64, through: u64, checkpoints: &[u64]) -> Vec<String> {
    let start = tree(after);
    let mut lines = vec![export::line(&Line::Header(Header {
        format: export::FORMAT,
        org_id: ORG.to_owned(),
        origin: origin(ORG),
        exported_at: "2026-01-02T00:00:00Z".to_owned(),
        after,
        after_event_id: (after > 0).then(|| event(after).id),
        after_roots: export::hashes(start.roots()),
        through,
        key: key().1.to_string(),
    }))];
    for size in checkpoints {
        lines.push(export::line(&Line::Checkpoint { note: note(*size) }));
    }
    let numbers: Vec<u64> = (after + 1..=through).collect();
    for page in numbers.chunks(4) {
        let texts: Vec<String> = page.iter().map(|seq| event(*seq).line()).collect();
        let hashes: Vec<Hash> = texts.iter().map(|text| export::leaf(text)).collect();
        lines.extend(texts);
        lines.push(export::line(&Line::Leaves {
            first: page[0],
            hashes: export::hashes(&hashes),
        }));
    }
    lines.push(export::line(&Line::End {
        events: through - after,
    }));
    lines
}

fn verify(lines: &[String]) -> Report {
    verify_holding(lines, &[])
}

fn verify_holding(lines: &[String], held: &[String]) -> Report {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Verifier::new(key().1)
        .holding(held.iter().map(String::as_str))
        .unwrap()
        .verify(text.as_bytes())
        .unwrap()
}

/// The line of an event.
fn at(lines: &[String], seq: u64) -> usize {
    let wanted = event(seq).line();
    lines.iter().position(|line| *line == wanted).unwrap()
}

#[track_caller]
fn assert_wrong(report: &Report, expected: &[Wrong]) {
    let wrong: Vec<_> = report.problems.iter().map(|p| p.what.clone()).collect();
    assert_eq!(wrong, expected, "{report:#?}");
}

fn edited(seq: u64) -> Wrong {
    Wrong::Edited {
        seq,
        event_id: event(seq).id,
    }
}

#[test]
fn a_whole_export_verifies_and_says_how_far_it_is_covered() {
    let report = verify(&lines(0, 11, &[3, 8]));
    assert!(report.is_valid(), "{report:#?}");
    assert_eq!(
        (
            report.first,
            report.last,
            report.events,
            report.checkpoints,
            report.covered
        ),
        (1, 11, 11, 2, 8)
    );
    let rest = verify(&lines(3, 11, &[3, 11]));
    assert!(rest.is_valid(), "{rest:#?}");
    assert_eq!((rest.first, rest.events, rest.covered), (4, 8, 11));
}

#[test]
fn an_edited_event_is_named() {
    let mut lines = lines(0, 11, &[3, 11]);
    let index = at(&lines, 6);
    lines[index] = lines[index].replace("api-keys/x", "api-keys/y");
    assert_wrong(&verify(&lines), &[edited(6)]);
}

#[test]
fn an_event_that_was_edited_with_its_hash_is_narrowed_down_to_its_checkpoint() {
    let mut lines = lines(0, 11, &[3, 8, 11]);
    let index = at(&lines, 6);
    let old = hex::encode(export::leaf(&lines[index]));
    lines[index] = lines[index].replace("api-keys/x", "api-keys/y");
    let new = hex::encode(export::leaf(&lines[index]));
    for line in &mut lines {
        *line = line.replace(&old, &new);
    }
    assert_wrong(
        &verify(&lines),
        &[
            Wrong::Altered { first: 4, last: 8 },
            Wrong::Altered { first: 4, last: 11 },
        ],
    );
}

#[test]
fn a_dropped_event_is_named_wherever_it_was() {
    for seq in 1..=11 {
        let mut lines = lines(0, 11, &[3, 11]);
        lines.remove(at(&lines, seq));
        let report = verify(&lines);
        assert!(
            report.problems.iter().any(|p| p.what
                == Wrong::Missing {
                    first: seq,
                    last: seq
                }),
            "{seq}: {report:#?}"
        );
    }
}

#[test]
fn reordered_and_repeated_events_are_named() {
    let mut swapped = lines(0, 11, &[11]);
    let (one, other) = (at(&swapped, 5), at(&swapped, 6));
    swapped.swap(one, other);
    let report = verify(&swapped);
    assert!(
        report.problems.iter().any(|p| p.what
            == Wrong::Order {
                seq: 5,
                event_id: event(5).id
            }),
        "{report:#?}"
    );
    let mut twice = lines(0, 11, &[11]);
    twice.insert(at(&twice, 6), event(5).line());
    let report = verify(&twice);
    assert!(!report.is_valid());
    assert_eq!(
        report.problems[0].line as usize,
        at(&lines(0, 11, &[11]), 6) + 1
    );
}

#[test]
fn events_that_swapped_numbers_as_well_are_found() {
    let mut lines = lines(0, 11, &[11]);
    let (one, other) = (at(&lines, 5), at(&lines, 6));
    let text = |seq: u64, as_if: u64| {
        Event {
            seq: as_if,
            prev_event_id: event(as_if).prev_event_id,
            id: event(as_if).id,
            ..event(seq)
        }
        .line()
    };
    lines[one] = text(6, 5);
    lines[other] = text(5, 6);
    assert_wrong(&verify(&lines), &[edited(5), edited(6)]);
}

#[test]
fn an_end_that_was_cut_off_is_missed() {
    let whole = lines(0, 11, &[3, 11]);
    for kept in 3..whole.len() {
        let report = verify(&whole[..kept]);
        assert!(
            report.problems.iter().any(|p| p.what == Wrong::CutOff),
            "{kept}: {report:#?}"
        );
    }
    // With everything else made to fit, the checkpoints know how many there were.
    let mut short = lines(0, 7, &[3]);
    short.insert(1, export::line(&Line::Checkpoint { note: note(11) }));
    assert_wrong(
        &verify(&short),
        &[Wrong::Truncated {
            signed: 11,
            found: 7,
        }],
    );
}

#[test]
fn an_old_copy_of_everything_is_found_by_a_checkpoint_that_was_kept_elsewhere() {
    let old = lines(0, 7, &[3, 7]);
    assert!(verify(&old).is_valid());
    assert_wrong(
        &verify_holding(&old, &[note(11)]),
        &[Wrong::Truncated {
            signed: 11,
            found: 7,
        }],
    );
    assert!(verify_holding(&lines(0, 11, &[3, 7, 11]), &[note(11), note(5)]).is_valid());
}

#[test]
fn a_rewritten_history_does_not_fit_the_checkpoint_that_was_kept() {
    let (secret, public) = key();
    let forged = Checkpoint {
        origin: origin(ORG),
        size: 7,
        root: [1; 32],
    };
    let forged = forged.sign(&public, |text| secret.sign(text).to_bytes());
    let report = verify_holding(&lines(0, 7, &[7]), &[forged]);
    assert_eq!(report.problems[0].what, Wrong::Forked { size: 7 });
}

#[test]
fn a_checkpoint_that_nobody_signed_is_refused() {
    let mut lines = lines(0, 4, &[4]);
    lines[1] = lines[1].replace("\\n4\\n", "\\n3\\n");
    let report = verify(&lines);
    assert!(
        matches!(report.problems[0].what, Wrong::Unsigned(_)),
        "{report:#?}"
    );
    let (_, public) = key();
    let other = SigningKey::from_bytes(&[6; 32]);
    let other = VerifierKey::new(other.verifying_key().as_bytes()).unwrap();
    assert_ne!(other, public);
    let error = Verifier::new(other)
        .holding([note(4).as_str()])
        .unwrap_err();
    assert!(matches!(error, VerifyError::Given { number: 1, .. }));
}

#[test]
fn a_file_without_a_checkpoint_proves_nothing() {
    assert_wrong(&verify(&lines(0, 4, &[])), &[Wrong::Uncovered]);
    assert_wrong(
        &verify(&lines(4, 8, &[8])),
        &[Wrong::UnsignedStart { after: 4 }],
    );
}

#[test]
fn what_is_no_export_is_said_to_be_none() {
    let verifier = Verifier::new(key().1);
    for text in ["", "\n", "{}\n", "[1]\n", "not json"] {
        assert!(
            matches!(
                verifier.verify(text.as_bytes()),
                Err(VerifyError::NotAnExport(_))
            ),
            "{text}"
        );
    }
    let mut other = lines(0, 4, &[4]);
    other[0] = other[0].replace("\"format\":1", "\"format\":2");
    let text = other.join("\n");
    assert!(verifier.verify(text.as_bytes()).is_err());
    let mut long = lines(0, 1, &[1]).join("\n");
    long.push('\n');
    long.push_str(&"x".repeat(5 * 1024 * 1024));
    assert!(matches!(
        verifier.verify(long.as_bytes()),
        Err(VerifyError::Read { .. })
    ));
}
