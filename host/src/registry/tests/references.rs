//! References: what is one, and what is wrong with the others, and where.

use proptest::prelude::*;

use super::*;

#[test]
fn parts_are_told_apart_and_come_back_as_they_were() {
    let digest = Digest::of(b"x");
    let full = format!("oci://registry.example:5000/acme/risk.report_meta:1.0.0-rc.1@{digest}");
    let parsed = reference(&full);
    assert_eq!(parsed.to_string(), full);
    assert_eq!((parsed.host(), parsed.authority().as_str()), ("registry.example", "registry.example:5000"));
    assert_eq!((parsed.repository(), parsed.tag()), ("acme/risk.report_meta", Some("1.0.0-rc.1")));
    assert_eq!((parsed.digest(), parsed.is_pinned()), (Some(&digest), true));
    for text in [
        "oci://h/a",
        "oci://[::1]:5000/a__b/c--d:_x",
        "oci://10.0.0.1/a",
        "oci://3par:5000/a",
        "oci://0xyz/a",
        "oci://Host.Example/a:Z",
    ] {
        let parsed = reference(text);
        assert_eq!((parsed.to_string().as_str(), parsed.is_pinned()), (text, false));
        assert_eq!(parsed.pinned(&digest).to_string(), format!("{text}@{digest}"));
    }
}

#[test]
fn only_this_machine_is_loopback() {
    for host in ["localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "[::1]", "[0:0::1]"] {
        assert!(reference(&format!("oci://{host}:1/a")).is_loopback(), "{host}");
    }
    for host in ["128.0.0.1", "localhost.example", "127.0.0.1.example", "[::2]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        assert!(!reference(&format!("oci://{host}:1/a")).is_loopback(), "{host}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let long = "a".repeat(2000);
    for (text, column, why) in [
        ("", 1, "it does not begin with `oci://`"),
        ("https://h/a", 1, "it does not begin with `oci://`"),
        ("oci://", 7, "there is no repository behind the host"),
        ("oci://h", 8, "there is no repository behind the host"),
        ("oci://h/", 9, "there is no repository behind the host"),
        ("oci:///a", 7, "the host is missing"),
        ("oci://me:secret@h/a", 16, "it holds a user name before the host"),
        ("oci://h_/a", 8, "`_` is not allowed in a host"),
        ("oci://hö/a", 8, "`ö` is not allowed in a host"),
        ("oci://a..b/a", 9, "`` is no part of a host"),
        ("oci://-a/a", 7, "`-a` is no part of a host"),
        ("oci://127.1/a", 7, "this is no IPv4 address"),
        ("oci://0x7F000001:1/a", 7, "this is no IPv4 address"),
        ("oci://010.0.0.1/a", 7, "this is no IPv4 address"),
        ("oci://h:/a", 9, "this is no port: 1 to 65535 is"),
        ("oci://h:0/a", 9, "this is no port: 1 to 65535 is"),
        ("oci://h:65536/a", 9, "this is no port: 1 to 65535 is"),
        ("oci://h:+1/a", 9, "this is no port: 1 to 65535 is"),
        ("oci://[::1/a", 7, "`[` is not closed"),
        ("oci://[::g]/a", 8, "this is no IPv6 address"),
        ("oci://[::1]5/a", 12, "`:` and a port are expected here"),
        ("oci://h/Acme", 9, "the upper-case `A` is not allowed in a repository"),
        ("oci://h/a b", 10, "` ` is not allowed in a repository"),
        ("oci://h/a\n", 10, "`\\n` is not allowed in a repository"),
        ("oci://h/a//b", 11, "`` is no part of a repository"),
        ("oci://h/../b", 9, "`..` is no part of a repository"),
        ("oci://h/a/b-", 12, "`b-` is no part of a repository"),
        ("oci://h/a..b", 10, "`a..b` is no part of a repository"),
        ("oci://h/a___b", 10, "`a___b` is no part of a repository"),
        ("oci://h/a:", 11, "the tag is missing behind `:`"),
        ("oci://h/a:-x", 11, "`-` is not allowed here in a tag"),
        ("oci://h/a:x:y", 12, "`:` is not allowed here in a tag"),
        ("oci://h/a:x/y", 12, "`/` is not allowed here in a tag"),
        ("oci://h/a?x", 10, "`?` is not allowed in a repository"),
        ("oci://h/a@sha512:00", 11, "the algorithm `sha512` is not known here"),
        ("oci://h/a@", 11, "it does not begin with `sha256:`"),
        ("oci://h/a@sha256:0G", 19, "`G` is no lower-case hexadecimal digit"),
        ("oci://h/a@sha256:00", 20, "it has 2 digits"),
        (&format!("oci://h/{long}"), 1025, "it is longer than 1024 bytes"),
        (&format!("oci://h/{}", &long[..256]), 264, "the repository is longer than 255 characters"),
        (&format!("oci://h/a:{}", &long[..129]), 139, "the tag is longer than 128 characters"),
    ] {
        let error = Reference::parse(text).unwrap_err();
        assert!(error.why.starts_with(why), "{text}: {error}");
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.to_string().contains(&format!("(character {column}); ")) && error.to_string().len() < 500);
    }
    let error = Reference::parse("oci://h/Acme").unwrap_err().to_string();
    assert_eq!(
        error,
        "`oci://h/Acme` is no OCI reference: the upper-case `A` is not allowed in a repository (character 9); a \
         repository has parts of a-z and 0-9, inside them also `.`, `_`, `__` and `-`, with `/` between them"
    );
}

proptest! {
    #[test]
    fn whatever_is_accepted_comes_back(
        text in "oci://[a-z0-9.:\\[\\]-]{1,12}/[a-z0-9._/-]{1,20}(:[A-Za-z0-9._-]{1,8})?(@sha256:[0-9a-f]{64})?",
    ) {
        if let Ok(parsed) = Reference::parse(&text) {
            let again = parsed.to_string();
            // An IPv6 address has many forms; everything else has one.
            prop_assert!(again == text || text.contains('['), "{} {}", again, text);
            prop_assert_eq!(Reference::parse(&again), Ok(parsed));
        }
    }

    #[test]
    fn good_ones_are_accepted(
        host in "[a-z][a-z0-9]{0,9}(\\.[a-z]{2,5})?(:[1-9][0-9]{0,3})?",
        repository in "[a-z0-9]{1,5}([._-][a-z0-9]{1,4}){0,2}",
        rest in "(:[A-Za-z0-9_][A-Za-z0-9._-]{0,8})?(@sha256:[0-9a-f]{64})?",
    ) {
        let text = format!("oci://{host}/{repository}{rest}");
        prop_assert_eq!(reference(&text).to_string(), text);
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,60}", digest in "\\PC{0,80}") {
        for text in [text.clone(), format!("oci://{text}"), format!("oci://h/{text}"), format!("oci://h/a@{digest}")] {
            if let Err(error) = Reference::parse(&text) {
                prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
            }
        }
    }
}
