//! Signatures, made by the programs that people use: `minisign` and `openssl` must be installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use proptest::prelude::*;

use super::*;

const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 the bytes that were signed";

/// A folder with keys and a component.
struct Workshop(tempfile::TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        workshop.write("x.wasm", COMPONENT);
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = Command::new(program).args(arguments).current_dir(self.0.path()).output();
        let output = output.unwrap_or_else(|error| panic!("these tests need `{program}`: install it ({error})"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn minisign_key(&self, name: &str) -> PathBuf {
        self.run("minisign", &["-G", "-W", "-p", &format!("{name}.pub"), "-s", &format!("{name}.key")]);
        self.path(&format!("{name}.pub"))
    }

    /// Signs `x.wasm`; `extra`: `-l` for the legacy format, `-t` and a trusted comment.
    fn minisign(&self, key: &str, extra: &[&str]) -> Signature {
        let key = format!("{key}.key");
        self.run("minisign", &[&["-S", "-m", "x.wasm", "-s", &key], extra].concat());
        Signature::beside(&self.path("x.wasm")).unwrap().unwrap()
    }

    fn openssl_key(&self, name: &str) -> PathBuf {
        let (key, public) = (format!("{name}.key"), format!("{name}.pem"));
        self.run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", &key]);
        self.run("openssl", &["pkey", "-in", &key, "-pubout", "-out", &public]);
        self.path(&public)
    }

    fn openssl(&self, key: &str) -> Vec<u8> {
        let key = format!("{key}.key");
        self.run("openssl", &["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", "x.wasm", "-out", "x.wasm.sig"]);
        fs::read(self.path("x.wasm.sig")).unwrap()
    }
}

fn trust(paths: &[PathBuf]) -> TrustedKeys {
    TrustedKeys::load(paths).unwrap()
}

fn flipped() -> Vec<u8> {
    let mut bytes = COMPONENT.to_vec();
    bytes[12] ^= 1;
    bytes
}

#[test]
fn minisign_prehashed_and_legacy_are_believed_for_these_bytes_alone() {
    let workshop = Workshop::new();
    let keys = trust(&[workshop.minisign_key("acme")]);
    for format in [&["-H"][..], &["-l"][..]] {
        let signature = workshop.minisign("acme", format);
        let verified = keys.verify(COMPONENT, &signature, Some(("acme-risk", "1.0.0"))).unwrap();
        assert_eq!((&verified.key, verified.name, verified.version), (keys.ids()[0], None, None));
        for other in [flipped(), Vec::new(), [COMPONENT, b"\0"].concat(), COMPONENT[..COMPONENT.len() - 1].to_vec()] {
            let error = keys.verify(&other, &signature, None).unwrap_err();
            assert!(matches!(&error, SignatureError::DoesNotFit { key: Some(key) } if key == keys.ids()[0]), "{error}");
        }
    }
}

#[test]
fn the_key_id_is_the_one_that_minisign_prints() {
    let workshop = Workshop::new();
    let path = workshop.minisign_key("acme");
    let printed = fs::read_to_string(&path).unwrap().lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(trust(&[path]).ids()[0].as_str(), format!("minisign:{printed:0>16}"));
}

#[test]
fn another_key_is_not_believed() {
    let workshop = Workshop::new();
    let (acme, other) = (workshop.minisign_key("acme"), workshop.minisign_key("other"));
    let signature = workshop.minisign("other", &[]);
    let error = trust(std::slice::from_ref(&acme)).verify(COMPONENT, &signature, None).unwrap_err();
    assert!(matches!(error, SignatureError::UnknownKey { .. }), "{error}");
    assert!(TrustedKeys::default().verify(COMPONENT, &signature, None).is_err());
    // A signature that names a trusted key, but was made by another.
    let signed = fs::read_to_string(workshop.path("x.wasm.minisig")).unwrap();
    let renamed = {
        use base64::Engine as _;
        use base64::prelude::BASE64_STANDARD;
        let key = fs::read_to_string(&acme).unwrap();
        let key = BASE64_STANDARD.decode(key.lines().nth(1).unwrap()).unwrap();
        let mut line = BASE64_STANDARD.decode(signed.lines().nth(1).unwrap()).unwrap();
        line[2..10].copy_from_slice(&key[2..10]);
        signed.replace(signed.lines().nth(1).unwrap(), &BASE64_STANDARD.encode(line))
    };
    let renamed = Signature::parse(renamed.as_bytes()).unwrap();
    let error = trust(&[acme, other]).verify(COMPONENT, &renamed, None).unwrap_err();
    assert!(matches!(error, SignatureError::DoesNotFit { .. }), "{error}");
}

#[test]
fn an_old_signed_version_can_not_be_put_in_place_of_a_newer_one() {
    let workshop = Workshop::new();
    let keys = trust(&[workshop.minisign_key("acme")]);
    let old = workshop.minisign("acme", &["-t", "name=acme-risk version=1.3.0 built on Monday"]);
    let verified = keys.verify(COMPONENT, &old, Some(("acme-risk", "1.3.0"))).unwrap();
    assert_eq!((verified.name.as_deref(), verified.version.as_deref()), (Some("acme-risk"), Some("1.3.0")));
    for (expected, words) in [
        (("acme-risk", "1.4.0"), "signed as version `1.3.0`, but version `1.4.0` is expected"),
        (("acme-rusk", "1.3.0"), "signed as name `acme-risk`, but name `acme-rusk` is expected"),
    ] {
        let error = keys.verify(COMPONENT, &old, Some(expected)).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}");
    }
    // Not known yet: checked when it is.
    assert!(keys.verify(COMPONENT, &old, None).unwrap().check("acme-risk", "1.4.0").is_err());
    let unclear = workshop.minisign("acme", &["-t", "version=1.3.0 version=1.4.0"]);
    let error = keys.verify(COMPONENT, &unclear, Some(("acme-risk", "1.4.0"))).unwrap_err();
    assert!(matches!(error, SignatureError::Twice("version")), "{error}");
}

#[test]
fn a_changed_or_swapped_comment_is_not_believed() {
    let workshop = Workshop::new();
    let keys = trust(&[workshop.minisign_key("acme")]);
    workshop.minisign("acme", &["-t", "version=1.4.0"]);
    let new = fs::read_to_string(workshop.path("x.wasm.minisig")).unwrap();
    let forged = Signature::parse(new.replace("version=1.4.0", "version=1.5.0").as_bytes()).unwrap();
    let error = keys.verify(COMPONENT, &forged, Some(("acme-risk", "1.5.0"))).unwrap_err();
    assert!(matches!(error, SignatureError::DoesNotFit { .. }), "{error}");
    // Comment and its signature of the newer file, under the older file's signature.
    workshop.write("x.wasm", &flipped());
    workshop.minisign("acme", &["-t", "version=1.3.0"]);
    let old = fs::read_to_string(workshop.path("x.wasm.minisig")).unwrap();
    let mixed: Vec<&str> = old.lines().take(2).chain(new.lines().skip(2)).collect();
    let mixed = Signature::parse(mixed.join("\n").as_bytes()).unwrap();
    let error = keys.verify(&flipped(), &mixed, Some(("acme-risk", "1.4.0"))).unwrap_err();
    assert!(matches!(error, SignatureError::DoesNotFit { .. }), "{error}");
}

#[test]
fn openssl_signatures_are_believed_raw_and_in_base64() {
    use base64::Engine as _;
    let workshop = Workshop::new();
    let (acme, other) = (workshop.openssl_key("acme"), workshop.openssl_key("other"));
    let raw = workshop.openssl("acme");
    let keys = trust(&[acme, other.clone()]);
    let text = format!("{}\n", base64::prelude::BASE64_STANDARD.encode(&raw));
    for bytes in [raw.as_slice(), text.as_bytes()] {
        let signature = Signature::parse(bytes).unwrap();
        let verified = keys.verify(COMPONENT, &signature, Some(("acme-risk", "1.0.0"))).unwrap();
        assert_eq!(&verified.key, keys.ids()[0]);
        let error = keys.verify(&flipped(), &signature, None).unwrap_err();
        assert!(matches!(error, SignatureError::DoesNotFit { key: None }), "{error}");
        assert!(trust(std::slice::from_ref(&other)).verify(COMPONENT, &signature, None).is_err());
        let minisign_only = trust(&[workshop.minisign_key(&format!("m{}", bytes.len()))]);
        assert!(matches!(minisign_only.verify(COMPONENT, &signature, None), Err(SignatureError::NoKey)));
    }
    let found = Signature::beside(&workshop.path("x.wasm")).unwrap().unwrap();
    assert!(keys.verify(COMPONENT, &found, None).is_ok());
    let printed = Command::new("sh")
        .args(["-c", "openssl pkey -pubin -in acme.pem -outform DER | sha256sum"])
        .current_dir(workshop.0.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    assert_eq!(keys.ids()[0].as_str(), format!("ed25519:{}", printed.split(' ').next().unwrap()));
}

#[test]
fn a_component_without_a_signature_has_none_and_a_broken_one_is_no_signature() {
    let workshop = Workshop::new();
    assert!(Signature::beside(&workshop.path("x.wasm")).unwrap().is_none());
    workshop.minisign_key("acme");
    workshop.minisign("acme", &[]);
    let good = fs::read(workshop.path("x.wasm.minisig")).unwrap();
    for bad in [&b""[..], b"hello", b"untrusted comment: x\n", &[0xff; 63], &[0xff; 65], &good[..good.len() / 2]] {
        assert!(matches!(Signature::parse(bad), Err(SignatureError::Malformed(_))), "{bad:?}");
        workshop.write("x.wasm.minisig", bad);
        assert!(Signature::beside(&workshop.path("x.wasm")).is_err());
    }
}

#[test]
fn keys_come_from_folders_and_every_one_must_be_a_key() {
    let workshop = Workshop::new();
    let empty = tempfile::tempdir().unwrap();
    let error = TrustedKeys::load(&[empty.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("no trusted key in this folder"), "{error}");
    let minisign = workshop.minisign_key("acme");
    workshop.openssl_key("b");
    // Both named alone and in the folder: the same two keys. Private keys in the folder have other ends.
    let keys = trust(&[workshop.0.path().to_owned(), minisign.clone()]);
    assert_eq!(keys.ids().len(), 2);
    // The second line alone is a key, too.
    let line = fs::read_to_string(&minisign).unwrap().lines().nth(1).unwrap().to_owned();
    assert_eq!(trust(&[workshop.write("bare.txt", line.as_bytes())]).ids(), [keys.ids()[0]]);
    let secret = fs::read(workshop.path("acme.key")).unwrap();
    for (bytes, words) in [
        (secret.as_slice(), "not a public key"),
        (&fs::read(workshop.path("b.key")).unwrap(), "this is a private key"),
        (b"nonsense", "this is no public key"),
        (b"", "this is no public key"),
        (b"\xff\xfe", "this is no text"),
    ] {
        let path = workshop.write("zz.pub", bytes);
        let error = TrustedKeys::load(&[workshop.0.path().to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()) && error.contains(words), "{error}");
        assert_eq!(error.matches("zz.pub").count(), 1, "{error}");
    }
    assert!(matches!(TrustedKeys::load(&[workshop.path("none")]), Err(KeysError::Unreadable { .. })));
}

#[test]
fn two_keys_with_one_id_are_refused() {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let workshop = Workshop::new();
    let (one, other) = (workshop.minisign_key("one"), workshop.minisign_key("other"));
    let bytes =
        |path: &PathBuf| BASE64_STANDARD.decode(fs::read_to_string(path).unwrap().lines().nth(1).unwrap()).unwrap();
    let (first, mut second) = (bytes(&one), bytes(&other));
    second[2..10].copy_from_slice(&first[2..10]);
    let twin = workshop.write("twin.pub", BASE64_STANDARD.encode(second).as_bytes());
    assert!(matches!(TrustedKeys::load(&[one, twin]), Err(KeysError::Ambiguous { .. })));
}

proptest! {
    #[test]
    fn no_signature_is_too_odd(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in "\\PC{0,80}\n\\PC{0,80}\n\\PC{0,60}",
    ) {
        drop(Signature::parse(&bytes));
        drop(Signature::parse(text.as_bytes()));
        drop(Signature::parse(format!("untrusted comment: {text}").as_bytes()));
    }
}
