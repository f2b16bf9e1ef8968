use base64ct::{Base64, Encoding as _};

use super::*;
use crate::evidence::dsse::{Envelope, EnvelopeError, pae};
use crate::evidence::statement::PAYLOAD_TYPE;
use crate::files::sha256;

fn signed() -> Run {
    let run = Run::ended();
    run.sign();
    run
}

/// The envelope in the file, changed, and back.
fn edit_envelope(run: &Run, edit: impl FnOnce(&mut Value)) {
    let mut envelope: Value = serde_json::from_slice(&fs::read(run.path(SIGNATURE)).unwrap()).unwrap();
    edit(&mut envelope);
    run.write(SIGNATURE, envelope.to_string().as_bytes());
}

/// Signs any payload with the real key.
fn put(run: &Run, payload_type: &str, payload: &[u8]) {
    run.write(SIGNATURE, &serde_json::to_vec(&Envelope::seal(&private_key(), payload_type, payload)).unwrap());
}

fn statement(run: &Run) -> Value {
    let envelope: Value = serde_json::from_slice(&fs::read(run.path(SIGNATURE)).unwrap()).unwrap();
    serde_json::from_slice(&Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap()).unwrap()
}

fn why(verdict: &Verdict) -> &str {
    assert!(!verdict.intact);
    match &verdict.signature {
        SignatureState::Invalid { why } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn names_every_file_and_the_record() {
    let run = Run::ended();
    let signed = run.sign();
    assert_eq!((signed.subjects, signed.key_id.as_str()), (7, public_key(PUBLIC).key_id().as_str()));
    let statement = statement(&run);
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], PREDICATE_TYPE);
    let subjects: Vec<_> =
        statement["subject"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(subjects.is_sorted() && subjects.contains(&"run.json") && subjects.contains(&"data/empty"), "{subjects:?}");
    assert_eq!(statement["predicate"]["runId"], "run-1");
    assert_eq!(statement["predicate"]["signedOn"], crate::clock::utc(NOW, 9));
    let verdict = run.verify_signed();
    assert!(verdict.intact, "{verdict:?}");
    assert!(matches!(&verdict.signature, SignatureState::Valid { run_id, .. } if run_id == "run-1"));
}

#[test]
fn a_record_edited_to_fit_a_changed_file_is_caught_by_the_signature_alone() {
    let run = signed();
    run.write("data/a.csv", b"9,9,9\n");
    run.edit_record(|record| record["evidence"]["files"][0]["sha256"] = sha256(b"9,9,9\n").into());
    let verdict = run.verify();
    assert!(verdict.intact, "without a key nobody can tell: {verdict:?}");
    let verdict = run.verify_signed();
    assert!(!verdict.intact && matches!(verdict.signature, SignatureState::Valid { .. }));
    assert_eq!(paths(&verdict), (vec!["data/a.csv", "run.json"], vec![], vec![]));
    assert!(verdict.changed.iter().all(|change| change.against == Against::Signature));
    assert_eq!(verdict.changed[0].expected.sha256, Some(sha256(b"1,2,3\n")));
}

#[test]
fn files_slipped_into_or_out_of_an_edited_record_are_caught() {
    let run = signed();
    run.write("data/zz", b"new");
    fs::remove_file(run.path("data/a.csv")).unwrap();
    run.seal();
    assert!(run.verify().intact);
    assert_eq!(paths(&run.verify_signed()), (vec!["run.json"], vec!["data/zz"], vec!["data/a.csv"]));
}

#[test]
fn each_difference_is_told_once() {
    let run = signed();
    run.write("data/a.csv", b"9,9,9\n");
    run.write("data/zz", b"new");
    fs::remove_file(run.path("data/b.csv")).unwrap();
    let verdict = run.verify_signed();
    assert_eq!(paths(&verdict), (vec!["data/a.csv"], vec!["data/zz"], vec!["data/b.csv"]));
    // The record's word is the richer one: it knows sizes.
    assert_eq!((verdict.changed[0].against, verdict.removed[0].size), (Against::Record, Some(6)));
}

#[test]
fn a_removed_record_is_told_from_the_signature() {
    let run = signed();
    fs::remove_file(run.path(RECORD)).unwrap();
    let verdict = run.verify_signed();
    assert!(!verdict.intact && verdict.run_id.as_deref() == Some("run-1"));
    assert_eq!(paths(&verdict), (vec![], vec![], vec!["run.json"]));
    let verdict = run.verify();
    assert!(matches!(verdict.record, RecordState::Problem { .. }) && !verdict.intact);
}

#[test]
fn evidence_taken_out_of_a_signed_record_is_told() {
    let run = signed();
    run.edit_record(|record| {
        record["result"] = "running".into();
        record.as_object_mut().unwrap().remove("evidence");
    });
    let verdict = run.verify();
    assert!(matches!(verdict.record, RecordState::Problem { .. }) && !verdict.intact, "{verdict:?}");
    assert_eq!(paths(&run.verify_signed()).0, ["run.json"]);
}

#[test]
fn with_a_key_a_missing_signature_is_a_failure() {
    let run = Run::ended();
    assert!(run.verify().intact);
    let verdict = run.verify_signed();
    assert!(!verdict.intact && verdict.signature == SignatureState::Absent);
}

#[test]
fn a_signature_by_another_key_is_unknown() {
    let run = signed();
    let verdict = verify(&run.dir, Some(&public_key(OTHER_PUBLIC))).unwrap();
    let key_ids = vec![public_key(PUBLIC).key_id()];
    assert!(!verdict.intact && verdict.signature == SignatureState::UnknownKey { key_ids: key_ids.clone() });
    assert_eq!(run.verify().signature, SignatureState::NotChecked { key_ids });
}

#[test]
fn a_changed_payload_type_signature_or_key_id() {
    let run = signed();
    let mut forged = statement(&run);
    forged["predicate"]["result"] = "failure".into();
    edit_envelope(&run, |e| e["payload"] = Base64::encode_string(forged.to_string().as_bytes()).into());
    assert!(why(&run.verify_signed()).contains("changed after it was signed"));

    let run = signed();
    edit_envelope(&run, |e| e["payloadType"] = "text/plain".into());
    assert!(why(&run.verify_signed()).contains("changed after it was signed"));

    let run = signed();
    edit_envelope(&run, |e| e["signatures"][0]["sig"] = "not base64!".into());
    assert!(why(&run.verify_signed()).contains("base64"));
    edit_envelope(&run, |e| e["signatures"][0]["sig"] = "AAAA".into());
    assert!(why(&run.verify_signed()).contains("does not fit"));
    edit_envelope(&run, |e| e["signatures"] = json!([]));
    assert!(why(&run.verify_signed()).contains("no signature"));

    // The id is a hint: neither a wrong one nor none makes a good signature bad.
    for id in [json!("another"), json!(""), Value::Null] {
        let run = signed();
        edit_envelope(&run, |e| e["signatures"][0]["keyid"] = id);
        assert!(run.verify_signed().intact);
    }
}

#[test]
fn what_the_key_signed_must_be_a_statement_about_a_run() {
    let run = signed();
    let good = statement(&run);
    put(&run, "application/vnd.example+json", good.to_string().as_bytes());
    assert!(why(&run.verify_signed()).contains("application/vnd.example+json"));
    let wrong = |edit: &dyn Fn(&mut Value), expected: &str| {
        let mut statement = good.clone();
        edit(&mut statement);
        put(&run, PAYLOAD_TYPE, statement.to_string().as_bytes());
        let verdict = run.verify_signed();
        assert!(why(&verdict).contains(expected), "{verdict:?}");
    };
    wrong(&|s| s["predicateType"] = "https://slsa.dev/provenance/v1".into(), "no statement about a run");
    wrong(&|s| s["_type"] = "https://in-toto.io/Statement/v9".into(), "no statement about a run");
    wrong(&|s| s["subject"][0]["digest"] = json!({ "md5": "00" }), "no SHA-256");
    wrong(&|s| s["subject"][0]["digest"]["sha256"] = "AB".repeat(32).into(), "no SHA-256");
    wrong(&|s| s["subject"][1]["name"] = s["subject"][0]["name"].clone(), "twice");
    wrong(&|s| drop(s["subject"][0].as_object_mut().unwrap().remove("name")), "malformed");
    wrong(&|s| s["subject"].as_array_mut().unwrap().retain(|s| s["name"] != "run.json"), "does not name run.json");
    put(&run, PAYLOAD_TYPE, b"{");
    assert!(why(&run.verify_signed()).contains("holds no statement"));
}

#[test]
fn a_signature_of_another_run_does_not_fit() {
    let other = Run::with(&[("data/x", b"x")]);
    other.seal();
    other.sign();
    let run = Run::ended();
    fs::copy(other.path(SIGNATURE), run.path(SIGNATURE)).unwrap();
    let verdict = run.verify_signed();
    assert!(!verdict.intact && verdict.changed.iter().any(|change| change.path == "run.json"), "{verdict:?}");
}

#[test]
fn a_second_signature_stays_beside_the_first_in_any_order() {
    let run = signed();
    run.write("data/a.csv", b"7\n");
    let record = run.seal();
    sign(&run.dir, &record, &private_key(), NOW + 1).unwrap();
    let text = fs::read_to_string(run.path(SIGNATURE)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(run.verify_signed().intact);
    // Lines of others and in any order: `bundle.md` wants them ignored.
    run.write(SIGNATURE, format!("\n{}\nnot an envelope\n{{\"x\":1}}\n{}", lines[1], lines[0]).as_bytes());
    assert!(run.verify_signed().intact);
    // With neither record in place, the newest is what the run is compared with.
    run.edit_record(|record| record["result"] = "failure".into());
    assert_eq!(paths(&run.verify_signed()).0, ["run.json"]);
}

#[test]
fn an_unfinished_run_is_not_signed() {
    let run = Run::ended();
    run.edit_record(|record| record["result"] = "running".into());
    let record = fs::read(run.path(RECORD)).unwrap();
    assert!(matches!(sign(&run.dir, &record, &private_key(), NOW), Err(SignError::Record(_))));
    assert!(!run.path(SIGNATURE).exists());
}

#[test]
fn a_file_that_a_stage_left_under_the_signatures_name_is_replaced() {
    let run = Run::with(&[("data/a", b"a"), (SIGNATURE, b"garbage \xff\n")]);
    run.seal();
    run.sign();
    assert_eq!(fs::read(run.path(SIGNATURE)).unwrap().iter().filter(|&&byte| byte == b'\n').count(), 1);
    assert!(run.verify_signed().intact);
}

/// Made with Python's `cryptography` from the keys of RFC 8032 and the definition of PAE.
#[test]
fn envelopes_of_another_implementation() {
    const SIGNATURE_A: &str =
        "P8a+W7d/VQESqk3zbJEW/UUnkTRhc8Yn/D6U7PstkVXjNyAPm63A6bhmPZcdj/iTK57EfmEW/y/B8gCO3xDxCA==";
    const SIGNATURE_B: &str =
        "njg988igfeeFOV8TLN0Wak28YVE7PqQZMwgsouj9f/zWvIltiJu9arSijqGL5wdcznCDDJt4nWf552O8vwmPCA==";
    const UMLAUT_A: &str = "9yvGc0ll8yA2dD06/JgBJ1f7co1OBSq6g/klxqWD+HyYyvkHnhMx/FhBN0ugOjQ3oWU+5yjKTuISHLXq0iz4Dg==";
    let body = b"\xfb\xff\xbe\x3f>?a run";
    let open = |kind: &str, payload: &str, signatures: &[&str]| {
        let signatures: Vec<_> = signatures.iter().map(|sig| json!({ "sig": sig })).collect();
        let envelope = json!({ "payloadType": kind, "payload": payload, "signatures": signatures, "more": 1 });
        serde_json::from_value::<Envelope>(envelope).unwrap().open(&public_key(PUBLIC))
    };
    let payload = "+/++Pz4/YSBydW4=";
    assert_eq!(open(PAYLOAD_TYPE, payload, &[SIGNATURE_A]).unwrap(), body);
    let url = |text: &str| text.replace('+', "-").replace('/', "_");
    assert_eq!(open(PAYLOAD_TYPE, &url(payload), &[&url(SIGNATURE_A)]).unwrap(), body);
    assert_eq!(open(PAYLOAD_TYPE, payload, &[SIGNATURE_B, SIGNATURE_A]).unwrap(), body);
    // The length of the type counts bytes.
    assert_eq!(open("text/prüfung", payload, &[UMLAUT_A]).unwrap(), body);
    assert_eq!(open("text/pruefung", payload, &[UMLAUT_A]), Err(EnvelopeError::OtherKeys(vec![])));
    assert_eq!(open(PAYLOAD_TYPE, payload, &[SIGNATURE_B]), Err(EnvelopeError::OtherKeys(vec![])));
    assert_eq!(open(PAYLOAD_TYPE, "AAAA", &[SIGNATURE_A]), Err(EnvelopeError::OtherKeys(vec![])));
    // Ed25519 leaves no choice: our own signature must be the same.
    let ours = serde_json::to_value(Envelope::seal(&private_key(), PAYLOAD_TYPE, body)).unwrap();
    assert_eq!(ours["signatures"][0]["sig"], SIGNATURE_A);
}

/// The example of the specification.
#[test]
fn the_encoding_is_that_of_the_specification() {
    let encoded = pae("http://example.com/HelloWorld", b"hello world");
    assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}
