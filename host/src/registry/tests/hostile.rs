//! Against servers that lie, that never end, and that send us elsewhere.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use super::hostile_server::{Asked, HostileServer, answer, endless};
use super::*;
use crate::registry::transport::Transport;

/// A good manifest of a component of this size and digest.
fn manifest(digest: &Digest, size: u64) -> Vec<u8> {
    format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"{CONFIG_TYPE}\",\"digest\":\"{digest}\",\"size\":2}},\
         \"layers\":[{{\"mediaType\":\"{LAYER_TYPE}\",\"digest\":\"{digest}\",\"size\":{size}}}]}}"
    )
    .into_bytes()
}

fn good_manifest() -> Vec<u8> {
    manifest(&Digest::of(COMPONENT), COMPONENT.len() as u64)
}

/// A server with this manifest, and whose blobs are answered by `blob`.
fn with_blob(manifest: Vec<u8>, blob: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> HostileServer {
    HostileServer::start(move |asked, stream| {
        if asked.path.contains("/manifests/") { answer(stream, "200 OK", &manifest) } else { blob(asked, stream) }
    })
}

fn at(server: &HostileServer) -> Reference {
    reference(&format!("oci://{}/acme/risk:1", server.address()))
}

fn refused(server: &HostileServer) -> RegistryError {
    pull(&at(server), &options()).unwrap_err()
}

/// So much may be on its way in the buffers of two sockets when the reader stops.
const IN_FLIGHT: u64 = 64 << 20;

#[test]
fn the_good_case_works_here_too() {
    let server = with_blob(good_manifest(), |_, stream| answer(stream, "200 OK", COMPONENT));
    assert_eq!(pull(&at(&server), &options()).unwrap().component, COMPONENT);
}

#[test]
fn a_body_without_end_is_cut_off_wherever_it_comes() {
    let (tell, told) = mpsc::channel();
    let server = HostileServer::start(move |_, stream| tell.send(endless(stream, "200 OK")).unwrap());
    let error = refused(&server);
    assert!(matches!(error, RegistryError::TooLarge { what: "manifest", limit: 0x40_0000, .. }), "{error}");
    assert!(told.recv().unwrap() < IN_FLIGHT);

    let (tell, told) = mpsc::channel();
    let server = with_blob(good_manifest(), move |_, stream| tell.send(endless(stream, "200 OK")).unwrap());
    let error = refused(&server);
    assert!(
        matches!(error, RegistryError::TooLarge { what: "component", limit, .. } if limit == COMPONENT.len() as u64),
        "{error}"
    );
    assert!(told.recv().unwrap() < IN_FLIGHT);

    // An error's body: the status has said it all.
    let (tell, told) = mpsc::channel();
    let server = HostileServer::start(move |_, stream| tell.send(endless(stream, "500 Oops")).unwrap());
    let error = refused(&server);
    assert!(matches!(error, RegistryError::Status { status: 500, .. }), "{error}");
    assert!(told.recv().unwrap() < IN_FLIGHT);
}

#[test]
fn a_component_above_the_limit_is_not_even_asked_for() {
    let server = with_blob(manifest(&Digest::of(COMPONENT), 1 << 40), |_, stream| answer(stream, "200 OK", COMPONENT));
    let error = refused(&server);
    assert!(matches!(error, RegistryError::TooLarge { limit: 0x400_0000, .. }), "{error}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn other_bytes_than_the_digest_says_are_not_taken() {
    let server = with_blob(good_manifest(), |_, stream| answer(stream, "200 OK", &[b'x'; COMPONENT.len()]));
    assert!(matches!(refused(&server), RegistryError::Digest { what: "component", .. }));
    let server = with_blob(good_manifest(), |_, stream| answer(stream, "200 OK", &COMPONENT[1..]));
    assert!(matches!(refused(&server), RegistryError::Short { found, expected, .. } if found + 1 == expected));
    // A good manifest, but not the one with this digest.
    let server = with_blob(good_manifest(), |_, stream| answer(stream, "200 OK", COMPONENT));
    let error = pull(&at(&server).pinned(&Digest::of(b"other")), &options()).unwrap_err();
    assert!(matches!(error, RegistryError::Digest { what: "manifest", .. }), "{error}");
    assert!(error.to_string().contains("do not use it"), "{error}");
    // One that its own registry calls by another digest.
    let server = HostileServer::start(|_, stream| {
        let head = format!("200 OK\nDocker-Content-Digest: {}", Digest::of(b"other"));
        answer(stream, &head, &good_manifest());
    });
    assert!(matches!(refused(&server), RegistryError::Digest { what: "manifest", .. }));
}

#[test]
fn a_connection_that_breaks_is_told() {
    let half = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\n\0asm");
    };
    let server = with_blob(good_manifest(), move |_, stream| half(stream));
    let error = refused(&server);
    assert!(matches!(error, RegistryError::Broken { .. }), "{error}");
    assert!(error.to_string().contains("reading the component failed at 127.0.0.1:"), "{error}");
    for odd in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"", b"HTTP/1.1 200 OK\r\nX: \r\n", b"\0\xff\r\n\r\n"] {
        let server = HostileServer::start(move |_, stream| drop(stream.write_all(odd)));
        let error = refused(&server);
        assert!(matches!(error, RegistryError::Broken { .. }), "{odd:?}: {error}");
    }
    let server = HostileServer::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(&[&b"X-Flood: "[..], &[b'x'; 8000], b"\r\n"].concat()).is_ok() {}
    });
    assert!(matches!(refused(&server), RegistryError::Broken { .. }));
}

#[test]
fn a_server_that_hangs_is_left_at_the_deadline() {
    let soon = PullOptions { access: Access { timeout: Duration::from_millis(300), ..access() }, ..options() };
    // Nobody ever accepts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = reference(&format!("oci://{}/acme/risk:1", listener.local_addr().unwrap()));
    let error = pull(&to, &soon).unwrap_err();
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
    assert!(
        error.to_string().contains("not done within 300ms, stopped while reading the manifest at 127.0.0.1:"),
        "{error}"
    );
    let wait = |stream: &mut TcpStream| drop(stream.read(&mut [0]));
    let server = with_blob(good_manifest(), move |_, stream| wait(stream));
    let error = pull(&at(&server), &soon).unwrap_err();
    assert!(error.to_string().contains("stopped while reading the component"), "{error}");
    // A byte now and then, for ever.
    let server = with_blob(manifest(&Digest::of(COMPONENT), 60 << 20), |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 62914560\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let error = pull(&at(&server), &soon).unwrap_err();
    assert!(matches!(error, RegistryError::Timeout { .. }), "{error}");
}

#[test]
fn what_is_no_wasm_component_is_refused_in_words() {
    let digest = Digest::of(COMPONENT);
    let image = "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\
                 \"digest\":\"sha256:0\",\"size\":1}]}";
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[\
                         {{\"mediaType\":\"x\",\"digest\":\"{digest}\",\"size\":1}}]}}"
    );
    let deep = format!("{{\"schemaVersion\":2,\"layers\":{}", "[".repeat(100_000));
    for (body, words) in [
        ("<html>hello</html>", "its manifest can't be read"),
        ("", "its manifest can't be read"),
        ("{\"schemaVersion\":2", "its manifest can't be read"),
        (&deep, "its manifest can't be read"),
        (image, "it is a container image"),
        (&index, "an index of several artifacts; name one of them by its digest"),
    ] {
        let body = body.to_owned();
        let server = HostileServer::start(move |_, stream| answer(stream, "200 OK", body.as_bytes()));
        let error = refused(&server);
        assert!(matches!(error, RegistryError::Manifest { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn redirects_of_a_local_registry_stay_on_this_machine() {
    let storage = HostileServer::start(|_, stream| answer(stream, "200 OK", COMPONENT));
    let to = format!("http://{}/storage?secret=1", storage.address());
    let server = with_blob(good_manifest(), move |_, stream| {
        answer(stream, &format!("307 Temporary Redirect\nLocation: {to}"), b"");
    });
    assert_eq!(pull(&at(&server), &options()).unwrap().component, COMPONENT);
    for (to, words) in [
        ("http://169.254.169.254/latest/meta-data?token=secret", "may refer to this machine alone"),
        ("https://registry.example/blob", "may refer to this machine alone"),
        ("file:///etc/passwd", "it is no address"),
        ("gopher://127.0.0.1/x", "only https is followed"),
        ("http://user:password@127.0.0.1/", "it holds a login"),
        ("", "it is no address"),
        ("blob", "only https is followed"),
        ("?x=1", "it is no address"),
        ("//127.0.0.1/x", "it is neither a whole address nor a path"),
    ] {
        let server = with_blob(good_manifest(), move |_, stream| {
            answer(stream, &format!("302 Found\nLocation: {to}"), b"");
        });
        let error = refused(&server);
        assert!(matches!(error, RegistryError::Elsewhere { .. }), "{to}: {error}");
        assert!(error.to_string().contains(words) && !error.to_string().contains("secret"), "{to}: {error}");
    }
    let server = HostileServer::start(|asked, stream| {
        answer(stream, &format!("301 Moved Permanently\nLocation: {}", asked.path), b"");
    });
    let error = refused(&server);
    assert!(error.to_string().contains("more than 5 redirects in a row"), "{error}");
    assert_eq!(server.asked().len(), 6);
}

#[test]
fn a_distant_registry_refers_neither_to_http_nor_to_this_machine() {
    let certificate = rcgen::generate_simple_self_signed(["registry.example".to_owned()]).unwrap().cert.pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let with_ca = Access { ca_file: Some(file.path().to_owned()), ..access() };
    // A transport has timers, and those need a runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let resolve = |from: &str, to: &str| {
        let _entered = runtime.enter();
        let transport = Transport::new(&reference(from), &with_ca).unwrap();
        let base = format!("https://{}/v2/a/", reference(from).authority()).parse().unwrap();
        transport.resolve(&base, to).map(|uri| uri.to_string()).map_err(|error| error.to_string())
    };
    let distant = "oci://registry.example/a";
    assert_eq!(resolve(distant, "https://cdn.example/x?y=1#z"), Ok("https://cdn.example/x?y=1".to_owned()));
    assert_eq!(resolve(distant, "/v2/b"), Ok("https://registry.example/v2/b".to_owned()));
    assert!(resolve(distant, "http://cdn.example/x").unwrap_err().contains("only https is followed"));
    for local in [
        "localhost",
        "127.8.8.8:1",
        "[::1]",
        "LOCALHOST.",
        "a.localhost",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "127.1",
        "2130706433",
        "0x7f000001:443",
        "127.0.0.1.",
    ] {
        let outcome = resolve(distant, &format!("https://{local}/x"));
        assert!(
            outcome.as_ref().is_err_and(|error| error.contains("may not refer to this machine")),
            "{local}: {outcome:?}"
        );
    }
    assert!(resolve(distant, "http://127.0.0.1/x").is_err());
    // With TLS on this machine, both may be.
    assert!(resolve("oci://localhost:5000/a", "https://127.0.0.1:9/x").is_ok());
    assert!(resolve("oci://localhost:5000/a", "http://127.0.0.1:9/x").is_err());
}

#[test]
fn a_login_goes_to_the_registry_alone_and_a_token_is_bounded() {
    let (_folder, config) = docker_config_with("{\"auths\": {\"LOCAL\": {\"auth\": \"Y2k6c2VjcmV0\"}}}");
    let storage = HostileServer::start(|_, stream| answer(stream, "200 OK", COMPONENT));
    let token_service = HostileServer::start(|_, stream| answer(stream, "200 OK", b"{\"token\": \"t0k\"}"));
    let realm = format!("http://{}/token?x=1", token_service.address());
    let to = format!("http://{}/blob", storage.address());
    let server = HostileServer::start(move |asked, stream| match asked.header("authorization") {
        Some("Bearer t0k") if asked.path.contains("/manifests/") => answer(stream, "200 OK", &good_manifest()),
        Some("Bearer t0k") => answer(stream, &format!("307 Temporary Redirect\nLocation: {to}"), b""),
        _ => {
            let challenge =
                format!("Bearer realm=\"{realm}\",service=\"a \\\"b\\\" & c\",scope=\"repository:other:*\"");
            answer(stream, &format!("401 Unauthorized\nWWW-Authenticate: {challenge}"), b"");
        }
    });
    let text = std::fs::read_to_string(&config).unwrap().replace("LOCAL", &server.address());
    std::fs::write(&config, text).unwrap();
    let with = PullOptions { access: Access { docker_config: Some(config), ..access() }, ..options() };
    assert_eq!(pull(&at(&server), &with).unwrap().component, COMPONENT);
    let asked = token_service.asked();
    assert_eq!(asked[0].header("authorization"), Some("Basic Y2k6c2VjcmV0"));
    // Our own scope, whatever the registry would like us to ask for.
    assert_eq!(asked[0].path, "/token?x=1&service=a%20%22b%22%20%26%20c&scope=repository%3Aacme%2Frisk%3Apull");
    assert_eq!((asked.len(), storage.asked()[0].header("authorization")), (1, None));

    let long = format!("{{\"token\": \"{}\"}}", "x".repeat(300_000));
    for (body, words) in [
        (&b"{\"token\": \"a\\nb\"}"[..], "the answer holds no token"),
        (b"{\"token\": \"\"}", "the answer holds no token"),
        (b"[]", "the answer holds no token"),
        (long.as_bytes(), "the answer holds no token"),
    ] {
        let body = body.to_vec();
        let service = HostileServer::start(move |_, stream| answer(stream, "200 OK", &body));
        let realm = format!("http://{}/", service.address());
        let error = refused(&asking_for_token(realm));
        assert!(error.to_string().contains(words), "{error}");
    }
    let error = refused(&asking_for_token("http://169.254.169.254/token".to_owned()));
    assert!(matches!(error, RegistryError::Elsewhere { .. }), "{error}");
    // A token that is never enough.
    let realm = format!("http://{}/", token_service.address());
    let stubborn = asking_for_token(realm);
    assert!(matches!(refused(&stubborn), RegistryError::Refused { status: 401, .. }));
    assert_eq!(stubborn.asked().len(), 2);
}

fn asking_for_token(realm: String) -> HostileServer {
    HostileServer::start(move |_, stream| {
        answer(stream, &format!("401 Unauthorized\nWWW-Authenticate: Bearer realm=\"{realm}\""), b"");
    })
}

#[test]
fn what_a_registry_says_can_not_break_the_line() {
    let server = HostileServer::start(|_, stream| {
        let text =
            format!("{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"a\\u001b[2J\\n{}\"}}]}}", "x".repeat(5000));
        answer(stream, "403 Forbidden", text.as_bytes());
    });
    let error = refused(&server).to_string();
    assert!(error.contains("refuses access (403) (DENIED: a [2J xxx"), "{error}");
    assert!(!error.contains(char::is_control) && error.len() < 700, "{error}");
    let server = HostileServer::start(|_, stream| answer(stream, "429 Too Many Requests", b"slow down"));
    assert!(refused(&server).to_string().contains("too many requests: wait, or log in"));
}

#[test]
fn tls_is_not_given_up_where_nobody_speaks_it() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate).unwrap();
    let with_ca = PullOptions { access: Access { ca_file: Some(file.path().to_owned()), ..access() }, ..options() };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = reference(&format!("oci://{}/acme/risk:1", listener.local_addr().unwrap()));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            answer(&mut stream, "200 OK", &good_manifest());
        }
    });
    let error = pull(&to, &with_ca).unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error}");
}

#[test]
fn an_upload_is_not_sent_elsewhere() {
    let server = HostileServer::start(|asked, stream| match asked.method.as_str() {
        "POST" => answer(stream, "202 Accepted\nLocation: http://169.254.169.254/upload", b""),
        _ => answer(stream, "404 Not Found", b""),
    });
    let error = push_component(&at(&server), COMPONENT, &access()).unwrap_err();
    assert!(matches!(error, RegistryError::Elsewhere { .. }), "{error}");
}
