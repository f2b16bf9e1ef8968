use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::*;

fn refusal(text: &str) -> String {
    let error = SigningKey::load(key_file(text).path()).unwrap_err();
    assert!(matches!(error, KeyError::Unusable { .. }));
    error.to_string()
}

#[test]
fn the_id_is_the_digest_of_the_public_key() {
    // As `openssl pkey -pubin -outform DER | sha256sum` prints it.
    let id = "06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9";
    assert_eq!(public_key(PUBLIC).key_id(), id);
    assert_eq!(private_key().key_id(), id);
    assert_eq!(private_key().public_key(), public_key(PUBLIC));
}

#[test]
fn a_key_never_shows_itself() {
    let shown = format!("{:?}", private_key());
    assert!(shown.contains("06e3fd8f") && !shown.contains("9d61b19d") && !shown.contains("nWGx"), "{shown}");
    let seed = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    for damaged in
        [PRIVATE.replace("IEIJ", "IEIQ"), PRIVATE.replace("MC4CAQ", "MC4CAg"), PRIVATE.replace("9g\n", "9\n")]
    {
        let message = refusal(&damaged);
        assert!(!message.contains("hsZ3v") && !message.contains(&seed[4..12]), "{message}");
    }
}

#[test]
fn wrong_formats_are_named() {
    let block = |label: &str| PRIVATE.replace("PRIVATE KEY", label);
    for (text, expected) in [
        ("", "no PEM file"),
        ("\u{1}\u{2}raw", "no PEM file"),
        (&block("ENCRYPTED PRIVATE KEY"), "encrypted"),
        (&block("OPENSSH PRIVATE KEY"), "OpenSSH"),
        (&block("RSA PRIVATE KEY"), "no Ed25519 key"),
        (&block("CERTIFICATE"), "no PKCS#8"),
        (PUBLIC, "public key"),
        ("-----BEGIN PRIVATE KEY-----\nMC4C", "no PEM file"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected) && message.contains("openssl"), "{message}");
    }
    let public = |text: &str| PublicKey::load(key_file(text).path()).unwrap_err().to_string();
    assert!(public(PRIVATE).contains("private key"));
    assert!(public("x").contains("no PEM file"));
    assert!(public(&PUBLIC.replace("PUBLIC KEY", "CERTIFICATE")).contains("certificate"));
    // The identity element, a point of small order.
    let weak =
        PUBLIC.replace("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert!(public(&weak).contains("weak"));
}

#[test]
fn text_around_the_key_and_line_ends_of_windows_do_not_matter() {
    let text = format!("Bag Attributes\n{PRIVATE}\ntrailing").replace('\n', "\r\n");
    assert_eq!(SigningKey::load(key_file(&text).path()).unwrap().key_id(), private_key().key_id());
}

#[test]
fn flag_before_file_variable_before_text_variable() {
    let file = key_file(PRIVATE);
    let path = file.path().as_os_str().to_owned();
    let find = |flag: Option<&Path>, variables: &[(&str, OsString)]| {
        SigningKey::find(flag, |name| variables.iter().find(|(known, _)| *known == name).map(|(_, v)| v.clone()))
    };
    assert!(find(None, &[]).unwrap().is_none());
    assert!(find(None, &[(KEY_VARIABLE, "".into()), (KEY_PEM_VARIABLE, "".into())]).unwrap().is_none());
    assert!(find(Some(file.path()), &[(KEY_VARIABLE, "/nowhere".into())]).unwrap().is_some());
    assert!(find(None, &[(KEY_VARIABLE, path.clone())]).unwrap().is_some());
    assert!(find(None, &[(KEY_PEM_VARIABLE, PRIVATE.into())]).unwrap().is_some());
    assert!(matches!(find(None, &[(KEY_VARIABLE, path), (KEY_PEM_VARIABLE, PRIVATE.into())]), Err(KeyError::Two)));
    assert!(matches!(find(None, &[(KEY_VARIABLE, "/nowhere".into())]), Err(KeyError::Unreadable { .. })));
    let error = find(None, &[(KEY_PEM_VARIABLE, "hunter2".into())]).unwrap_err().to_string();
    assert!(error.contains(KEY_PEM_VARIABLE) && !error.contains("hunter2"), "{error}");
}

/// Keys as OpenSSL makes them. Where there is no `openssl`, there is nothing to compare with.
#[test]
fn keys_made_by_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .output()
            .is_ok_and(|o| o.status.success())
    };
    if !openssl("version") {
        eprintln!("skipped: there is no openssl");
        return;
    }
    let path = |name: &str| folder.path().join(name);
    assert!(openssl("genpkey -algorithm ed25519 -out key.pem") && openssl("pkey -in key.pem -pubout -out pub.pem"));
    let (key, public) = (SigningKey::load(&path("key.pem")).unwrap(), PublicKey::load(&path("pub.pem")).unwrap());
    assert_eq!(key.public_key(), public);
    // OpenSSL's own check of our signature.
    let run = Run::ended();
    sign(&run.dir, &fs::read(run.path(RECORD)).unwrap(), &key, NOW).unwrap();
    assert!(verify(&run.dir, Some(&public)).unwrap().intact);
    fs::write(path("message"), b"a message").unwrap();
    fs::write(path("signature"), key.sign(b"a message")).unwrap();
    let check = "pkeyutl -verify -pubin -inkey pub.pem -rawin -in message -sigfile signature";
    assert!(openssl(check));
    fs::write(path("message"), b"another message").unwrap();
    assert!(!openssl(check));
    // Keys of other kinds are named.
    for (arguments, expected) in [
        ("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "RSA"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "elliptic curve"),
        ("genpkey -algorithm ed448", "Ed448"),
        ("genpkey -algorithm x25519", "X25519"),
        ("genpkey -algorithm ed25519 -aes256 -pass pass:x", "encrypted"),
    ] {
        assert!(openssl(&format!("{arguments} -out other.pem")), "{arguments}");
        let message = SigningKey::load(&path("other.pem")).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
    assert!(openssl("genpkey -algorithm ed448 -out other.pem") && openssl("pkey -in other.pem -pubout -out other.pub"));
    assert!(PublicKey::load(&path("other.pub")).unwrap_err().to_string().contains("Ed448"));
}
