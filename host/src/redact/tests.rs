//! The table of cases, and what holds for every text. Tokens are put together here (`~` is dropped), so that no scanner of repositories
//! takes them for real.

use proptest::prelude::*;

use super::*;

/// What is secret in a case stands between `«` and `»`; a text without them is to stay as it is.
const TEXTS: &[&str] = &[
    // Provider tokens.
    "«AK~IAIOSFODNN7EXAMPLE»",
    "id «AS~IAIOSFODNN7EXAMPLE» used",
    "«gh~p_abcdefghijklmnopqrstuvwxyz0123456789»",
    "remote: «gh~s_abcdefghijklmnopqrstuvwxyz0123456789» rejected",
    "«github_~pat_11ABCDEFG0abcdefghijkl_abcdefghijklmnop»",
    "«gl~pat-abcdefghij0123456789»",
    "«xo~xb-123456789012-abcdefghijkl»",
    "x=«sk_~live_abcdefghij0123456789»",
    "«sk_~test_abcdefghij0123456789»",
    "«AI~zaSyA1234567890abcdefghijklmnopqrstuv»",
    "«np~m_abcdefghijklmnopqrstuvwxyz0123456789»",
    "«pyp~i-AgEIcHlwaS5vcmcCJGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6»",
    "«S~G.abcdefghijklmnopqrstuv.abcdefghijklmnopqrstuvwxyz0123456789abcdefg»",
    "«h~f_abcdefghijklmnopqrstuvwxyzABCDEFGH»",
    "using «sk-~ant-api03-abcdefghijklmnopqrst»",
    "«sk-~proj-abcdefghijklmnopqrst»",
    "«sk~-abcdefghijklmnopqrstuvwxyz0123456789»",
    "«hv~s.CAESIabcdefghijklmnopqrstuv»",
    "«gl~sa_abcdefghijklmnopqrstuvwxyz012345_abcd»",
    "«AGE-SECRET~-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ»",
    "«da~pi0123456789abcdef0123456789abcdef»",
    "«shp~at_0123456789abcdef0123456789abcdef»",
    "«S~K0123456789abcdef0123456789abcdef»",
    "«ey~JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijkl»",
    "t: «123456789:A~Aabcdefghijklmnopqrstuvwxyz0123456» ok",
    "«ya~29.a0AfH6SMBabcdefghijklmnop»",
    "«GOC~SPX-abcdefghijklmnopqrst»",
    "%3D«gh~p_abcdefghijklmnopqrstuvwxyz0123456789»%26",
    r"\n«AK~IAIOSFODNN7EXAMPLE»\n",
    "«do~p_v1_0123456789abcdef0123456789abcdef0123456789abcdef»",
    "«gs~k_abcdefghijklmnopqrstuvwxyz0123456789abcdefgh»",
    "«ab~cdefghijklmn.atlasv1.abcdefghijklmnopqrstuvwxyz0123456789abcdefgh»",
    // Webhooks and URLs.
    "https://hooks.sl~ack.com/services/«T000/B000/XXXXabcd1234»",
    "post https://disc~ord.com/api/webhooks/«1234567/abcdefg_hij-klm» failed",
    "postgres://app:«hunter2»@db.local:5432/x",
    "redis://:«hunter2»@cache",
    "https://oauth2:«abc123def»@git.local/x.git",
    "https://«abcdefgh01234567»:x-oauth-basic@github.com/a/b",
    "https://«abcdefghij0123456789abcdef»@host/x",
    "amqp://u:«p%40ss»@mq/v?x=1",
    "mongodb+srv://root:«a@b»@c.example.com/db",
    "login root:«hunter2»@10.0.0.1:3306 ok",
    "dsn=app:«hunter2»@localhost/db",
    "https://h/x?token=«abcdef»&page=2",
    "https://h/x?page=2&access_token=«abcdef»",
    "GET /cb?code=1&client_secret=«abcdef»&x=y",
    "https://a.blob/x?sv=2024&sig=«abc%2Fdef%3D»&se=1",
    "redirect=https%3A%2F%2Fh%2Fx%3Ftoken%3D«abcdef»%26page%3D2",
    // Headers.
    "Authorization: Bearer «abcdef123456»",
    "authorization: Basic «dXNlcjpwYXNz»",
    "-H 'Authorization: Bearer «abcdef123456»' https://h",
    "Authorization: Digest «username=\"joe\", response=\"0123\"»",
    "Cookie: «sid=abc; theme=dark»",
    "Set-Cookie: «sid=abc; Path=/; HttpOnly»",
    "sent Bearer «abcDEF123456ghi» to host",
    "authorization=Bearer%20«abcdef0123456789»",
    "X-Api-Key: «abcdef»",
    "Proxy-Authorization: Basic «dXNlcjpwYXNz»",
    "{\"Authorization\": \"Bearer «abc»\"}",
    "Authorization: «rawtoken123»",
    // Pairs.
    "password=«hunter2»",
    "PASSWORD=«hunter2» ./run --fast",
    "DB_PASSWORD=«a,b;c)d»",
    "PGPASSWORD=«hunter2»",
    "password: «hunter2»",
    "password = «hunter2»",
    "{\"password\":\"«hunter2»\"}",
    "{\"password\": \"«hun\\\"ter2»\", \"user\": \"joe\"}",
    r#"{\"password\":\"«hunter2»\",\"u\":1}"#,
    r#"\\\"secret\\\": \\\"«abc»\\\","#,
    "{'api_key': '«abc»', 'n': 3}",
    "apiKey: «abcdef», user: joe",
    "client_secret => '«abc»'",
    ":token => \"«abc»\"",
    "<password>«hunter2»</password>",
    "<add key=\"x\"/><Secret>«abc»</Secret>",
    "Server=db;User=sa;Password=«hunter2»;Timeout=3",
    "aws_secret_access_key = «wJalrXUtnFEMIK7MDENGbPxRfiCY»",
    "AccountKey=«abc+/def==»;EndpointSuffix=x",
    "Config { password: Some(\"«hunter2»\"), n: 1 }",
    "SecretString: SecretString(\"«hunter2»\")",
    "config['password'] = '«hunter2»'",
    "password=b'«hunter2»'",
    "retry with (token=«abcdef12»), then",
    "my_refresh_token=«abc»",
    "mnemonic: «apple banana cherry»",
    "recovery_phrase=«apple banana cherry»",
    "\"passwords\": [\"«a\", \"b»\"]",
    "\x1b[31mtoken\x1b[0m=\x1b[32m«abcdef»\x1b[0m",
    "password:«hunter2»",
    "passphrase: \"«correct horse battery»\"",
    "https: token=«abcdef»",
    "secret=«[REDACTED]tail»",
    "password=«p@ssw0rd!»",
    "&quot;password&quot;:&quot;«hunter2»&quot;",
    "jwt=«abcdef»",
    "the password is: «hunter2x»",
    "pwd=«hunter2»",
    "OTEL_EXPORTER_OTLP_HEADERS=«x-key=abcdef»",
    "export API_TOKEN=\"«abcdef»\"",
    "privateKey: «abcdef»",
    "auth=«abcdefg»",
    "signature=«0123abcdef»",
    "Password = «12345678»",
    "credentials: «abc:def»",
    "encryption_key: «abcdef»",
    "clientsecret=«abcdef»",
    // Command lines.
    "run --password «hunter2» --fast",
    "run --password=«hunter2» --fast",
    "run --api-key '«abc def»' x",
    "[\"run\", \"--token\", \"«abc123»\", \"x\"]",
    "java -password «hunter2» -jar x.jar",
    "curl -u joe:«hunter2» https://h",
    "curl -ujoe:«hunter2» https://h",
    "+ mysql -uroot -p«hunter2» db",
    "sshpass -p «hunter2» ssh h",
    "redis-cli -h r -a «hunter2» ping",
    "docker login -u joe -p «hunter2» reg.io",
    "openssl rsa -passin pass:«hunter2» -in k",
    "aws configure set aws_secret_access_key «abcdef»",
    "npm config set //r.io/:_authToken «abcdef»",
    "machine h login joe password «hunter2»",
    "  password «hunter2!»",
    "smbclient //h/x -U joe%«hunter2»",
    "[\"mysql\", \"-p«hunter2»\", \"db\"]",
    "unzip -P «hunter2» a.zip",
    "cmd: 'curl -u joe:«hunter2» h'",
    "sqlcmd -S h -P «hunter2»",
    "/usr/bin/curl --user 'joe:«hunter2»' h",
    // Randomness.
    "got «aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY» back",
    "«qL8+vX2/nR7tYb3KzPw9Gd5JhF1mCsE6==»",
    "password=«${USER}hunter2»",
    "password=«<hunter2»",
    "data «Zx8Kq2Lm9Pv4Rt7Wy1Bn6Cd3Fg5Hj0Ts8Uu»,",
    // What is to stay.
    "",
    "abc",
    "the author wrote token_count=15 and session=abc",
    "tokens: 512",
    "max_tokens=4096",
    "author: joe",
    "session: morning",
    "tokenizer: bpe",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "550e8400-e29b-41d4-a716-446655440000",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "integrity sha512-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ9kL1mN3pQ5rQ==",
    "SHA256:aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ",
    "golang.org/x/net v0.1.0 h1:aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ=",
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY joe@host",
    "-----BEGIN CERTIFICATE-----\nMIIDaB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ9kL1mN3pQ5rS7tU9v\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIBaB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xYaB3dE5fG7hJ9kL1mN3pQ5rS7tU9v\n-----END PUBLIC KEY-----",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
    "/home/joe/Projects/ForensicHost/target/release/deps/forensic_host-0a1b2c3d4e5f6071",
    "C:\\Users\\Joe\\AppData\\Local\\Programs\\Python311\\python.exe",
    "getUserPasswordFromRequestContextFactory2",
    "password=$DB_PASSWORD",
    "password=${DB_PASSWORD}",
    "token: ${{ secrets.TOKEN }}",
    "password=%DB_PASSWORD%",
    "password=<unset>",
    "<a>password=</a>",
    "password=$(cat /run/db pw)",
    "password=***",
    "password=",
    "password: null",
    "{\"password\": null, \"n\": 1}",
    "password=[REDACTED]",
    "Authorization: Bearer [REDACTED]",
    "https://u:[REDACTED]@h/x",
    "curl -u joe:[REDACTED] https://h",
    "--password-file /run/secrets/db",
    "--password-stdin",
    "password_file=/run/secrets/db",
    "secret_name=db-main",
    "Bearer authentication required",
    "Basic authentication is disabled",
    "WWW-Authenticate: Bearer realm=\"x\"",
    "Unexpected token: }",
    "unexpected token: identifier at line 3",
    "Invalid token: expired",
    "password: required",
    "auth: failed",
    "pass: 12, fail: 3",
    "https://example.com:8080/a/b?page=2",
    "git@github.com:a/b.git",
    "ssh://git@github.com/a/b.git",
    "mailto:joe@example.com",
    "nginx:1.25@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "npm:foo@1.2.3",
    "joe@example.com",
    "forensic.stage.id=build",
    "AWS_ACCESS_KEY_ID=",
    "public_key=abcdef",
    "if password == other { }",
    "let token: String = x;",
    "password = get_password()",
    "password=os.environ[\"X\"]",
    "PWD=/home/joe/work",
    "OLDPWD=/tmp",
    "12:30:45 started",
    "a::secret::b",
    "secret::Key",
    "use --token to log in",
    "the --password flag is required",
    "secrets: 3",
    "std::thread::Builder",
    "Forensic-Host-2026-11-22-Run-Stage-Build01",
    "_ZN4core9panicking9panic_fmt17h3a1b2c3d4e5f6a7bE",
    "docker run -p 8080:80 nginx",
    "mkdir -p build/out",
    "cp -p a b",
    "ps -u joe",
    "task-abcdefghijklmnopqrstuvwxyz0123456789abcd",
    "disk-usage",
    "monkey: banana",
    "keyboard=us",
    "compass: north",
    "bypass=1",
    "0xDeadBeef0123456789aBcDeF0123456789AbCdEf",
    "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG",
    "main.aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY.js",
    "{\"id\": \"aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY\"}",
    "etag=\"aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY\"",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "zip -r out.zip dir",
    "Ünïcödé text: päßword",
    "token_type=bearer",
    "password_hash=abc",
    "cookie_count: 3",
    "expires_at: 2026-11-22T09:16:00Z",
    "x := y",
    "a => b",
    "auth.method=none",
    "error[E0308]: mismatched types",
    "--secret-name db-main",
    "curl -sSf https://sh.rustup.rs",
    "mysql --port 3306 -uroot",
    "mongo -p",
    "docker: -p is a port",
    "fn word(token: Token<u8>) -> X",
    "{\"auth\":\"token\"}",
    "2014-01-13:52D44CC6.4050707@gmail.com",
    "cvs://:pserver:anoncvs@sources.example.com:/cvs/src",
    "SinglePass => \"single_pass\"",
    "status installed passwd:amd64 1:4.13",
    "status installed python3-jwt:all 2.6.0-1",
    "rpassword = \"7.3.1\"",
    "\"password-validator\": \"^5.3.0\"",
];

/// Key, value, whether it is masked.
const VALUES: &[(&str, &str, bool)] = &[
    ("password", "hunter2", true),
    ("http.request.header.authorization", "Bearer x", true),
    ("http.request.header.set-cookie", "a=b", true),
    ("process.env.GITHUB_TOKEN", "abc", true),
    ("dbPassword", "a b", true),
    ("AWS_SECRET_ACCESS_KEY", "abc", true),
    ("APIKey", "abc", true),
    ("X-Api-Key", "abc", true),
    ("id_token", "abc", true),
    ("stripeSignature", "abc", true),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=b", true),
    ("PGPASSWORD", "abc", true),
    ("jwt", "abc", true),
    ("user.credentials", "a:b", true),
    ("password1", "abc", true),
    ("client-key-data", "abc", true),
    ("mnemonic", "apple banana", true),
    ("storage_key", "abc", true),
    ("PWD", "hunter2", true),
    ("x_auth", "abc", true),
    ("password", "[REDACTED]", false),
    ("password", "", false),
    ("password", "true", false),
    ("token", "15", false),
    ("author", "joe", false),
    ("token_count", "15", false),
    ("session", "morning", false),
    ("session.id", "abc", false),
    ("password_policy", "strict", false),
    ("PWD", "/home/joe", false),
    ("secret_name", "db", false),
    ("auth.method", "none", false),
    ("token.type", "bearer", false),
    ("public_key", "abc", false),
    ("forensic.stage.id", "build", false),
    ("vcs.ref.head.revision", "0123456789abcdef0123456789abcdef01234567", false),
    ("key", "abc", false),
    ("etag", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY", false),
    ("monkey", "abc", false),
    ("password_file", "/run/x", false),
    ("secretary", "joe", false),
    ("passed", "12", false),
    ("api_key", "${KEY}", false),
    ("tokenizer", "bpe", false),
    ("cookie_enabled", "abc", false),
];

/// A command line, its words apart by `|`.
const ARGS: &[&str] = &[
    "curl|-u|joe:«hunter2»|h",
    "curl|--user=joe:x|h~",
    "mysql|-p«hunter 2»|db",
    "x|--password|«a b»",
    "x|--password=«a b»",
    "x|--token|--fast",
    "x|--no-password|y",
    "env|DB_PASSWORD=«a b»|x",
    "sudo|sshpass|-p|«hunter2»|ssh|h",
    "docker|login|-p|«x1»",
    "docker|run|-p|80:80|x",
    "x|--password-file|/run/x",
    "x|--password|[REDACTED]",
    "openssl|-passin|file:/k",
    "openssl|-passin|pass:«x1»",
    "sh|-c|curl -u joe:«hunter2» h",
    "x|-H|Authorization: Bearer «abc»",
    "git|clone|https://u:«p1»@h/x",
    "x|--api-key|$KEY",
    "aws|configure|set|aws_secret_access_key|«abc»",
    "redis-cli|-a«x1»",
    "x|--author|joe",
    "smbclient|-U|joe%«x1»",
];

fn plain() -> Redactor {
    Redactor::new(&Rules::default()).unwrap()
}

/// The text of a case, and what is expected of it.
fn case(case: &str) -> (String, String) {
    let case = case.replace('~', "");
    let text = case.replace(['«', '»'], "");
    let mut expected = String::new();
    for (i, part) in case.split('«').enumerate() {
        match part.split_once('»') {
            Some((_, rest)) => {
                expected.push_str(MARK);
                expected.push_str(rest);
            }
            None => expected.push_str(if i == 0 { part } else { MARK }),
        }
    }
    (text, expected)
}

#[test]
fn texts() {
    let redactor = plain();
    assert!(TEXTS.len() + VALUES.len() + ARGS.len() >= 150);
    let mut wrong = Vec::new();
    for raw in TEXTS {
        let (text, expected) = case(raw);
        let got = redactor.text(&text);
        if got.text != expected || (got.count > 0) != (got.text != text) {
            wrong.push(format!("{text:?}\n  expected {expected:?}\n  got      {:?}", got.text));
        }
        let mut lines = redactor.lines();
        let mut streamed = lines.push(text.as_bytes());
        streamed.extend(lines.finish());
        if !text.contains("\n") && streamed != expected.as_bytes() {
            wrong.push(format!("stream {text:?}\n  got {:?}", String::from_utf8_lossy(&streamed)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn values() {
    let redactor = plain();
    for (key, value, masked) in VALUES {
        assert_eq!(redactor.value(Some(key), value).text == MARK && *value != MARK, *masked, "{key}={value}");
    }
}

#[test]
fn a_stand_in_that_held_a_secret_is_no_stand_in() {
    let redactor = plain();
    let once = redactor.value(Some("password"), "<api_key:\">");
    assert_eq!((&*once.text, once.count), (MARK, 1));
}

#[test]
fn argument_vectors() {
    let redactor = plain();
    for raw in ARGS {
        let (text, expected) = case(raw);
        let argv: Vec<String> = text.split('|').map(String::from).collect();
        let (got, _) = redactor.args(&argv);
        assert_eq!(got.join("|"), expected);
        assert_eq!(redactor.args(&got), (got, 0));
    }
}

/// A variable's name and value: whether the value is searched for everywhere.
const BY_NAME: &[(&str, &str, bool)] = &[
    ("DB_PASSWORD", "hunter22", true),
    ("API_KEY", "k9-2f7c1b", true),
    ("AWS_SECRET_ACCESS_KEY", "wJalr/XUtnFEMI+K7MDENG/bPxRfiCY", true),
    ("SECRET", "/aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY", true),
    ("WALLET_MNEMONIC", "apple banana cherry dog", true),
    ("PASSPHRASE", "correct horse battery", true),
    ("PIN_PASSWORD", "123456789012", true),
    ("PASSWORD", "p@ssword", true),
    ("PASSWORD", "abcdefghijklmnopqrstuvwxyz", true),
    ("BROKER_SECRET", "amqp://u:pw@mq/v", true),
    ("PASSWORD", "hunter2", false),
    ("PASSWORD", "production", false),
    ("PASSWORD", "PRODUCTION", false),
    ("PASSWORD", "Disabled by policy", true),
    ("API_TOKEN", "github-actions", false),
    ("API_TOKEN", "oauth2-proxy", false),
    ("API_TOKEN", "us-east-1", false),
    ("SERVICE_KEY", "us-east1.example.com", false),
    ("SERVICE_KEY", "localhost:8080", false),
    ("CREDENTIALS", "https://vault.example.com/v1", false),
    ("CREDENTIALS", "/etc/app/credentials.json", false),
    ("CREDENTIALS", "C:\\keys\\k1.json", false),
    ("TOKEN", "1.7976931348", false),
    ("TOKEN", "2026-11-22T09:16:00Z", false),
    ("SECRET", "${VAULT_SECRET1}", false),
    ("SECRET", "xxxxxxxxxxxx", false),
    ("SECRET", "[REDACTED]", false),
    ("SSH_AUTH_SOCK", "aB3dE5fG7hJ9", false),
    ("GPG_TTY", "aB3dE5fG7hJ9", false),
    ("TOKEN_FILE", "aB3dE5fG7hJ9", false),
    ("SECRET_PATH", "aB3dE5fG7hJ9", false),
    ("PATH", "aB3dE5fG7hJ9", false),
];

#[test]
fn variables_by_name() {
    let redactor = plain();
    for (name, value, secret) in BY_NAME {
        assert_eq!(redactor.secret_by_name(name, value), *secret, "{name}={value}");
    }
}

#[test]
fn patterns_and_keys_can_be_checked_alone() {
    assert_eq!(check_pattern("ORD-[0-9]{8}"), Ok(()));
    for (pattern, why) in [
        ("(", "unclosed group"),
        ("a*", "it matches the empty text, and so everywhere"),
        ("(?=a)b", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(?:a{1000}){1000}", "compiled it is larger than 256 KiB"),
    ] {
        assert_eq!(check_pattern(pattern).unwrap_err().why, why, "{pattern}");
    }
    assert_eq!(key_words("walletAddress2"), key_words("WALLET-ADDRESS"));
    assert!(key_words("--").is_empty());
}

#[test]
fn declared_secrets_are_found_in_every_encoding() {
    let secret = "p\"ä/&s's + wörd";
    let redactor =
        Redactor::new(&Rules { secrets: vec![format!("{secret}\n"), "hunter2".into()], ..Rules::default() }).unwrap();
    let json = "p\\\"ä/&s's + wörd";
    for form in [
        secret,
        json,
        "p\\\"\\u00e4\\/\\u0026s's + w\\u00F6rd",
        &json.replace('\\', "\\\\").replace('"', "\\\""),
        "p%22%C3%A4%2F%26s%27s%20%2B%20w%C3%B6rd",
        "p%22%c3%a4/&s's%20+%20w%c3%b6rd",
        "p%2522%25C3%25A4%252F%2526s%2527s%2520%252B%2520w%25C3%25B6rd",
        "p&quot;ä/&amp;s&#39;s + wörd",
        "p&#x22;ä/&amp;s&#x27;s + wörd",
        "cCLDpC8mcydzICsgd8O2cmQ=",
        "cCLDpC8mcydzICsgd8O2cmQ",
        "7022c3a42f26732773202b2077c3b67264",
        "p\"ä/&s'\\''s + wörd",
    ] {
        assert_eq!(redactor.text(&format!("a {form} b")).text, format!("a {MARK} b"), "{form}");
    }
    // Within other base64: `joe:hunter2`, `xxhunter2yy`, `x:hunter2`.
    for (text, gone) in
        [("am9lOmh1bnRlcjI=", "h1bnRlcjI"), ("eHhodW50ZXIyeXk=", "dW50ZXIy"), ("eDpodW50ZXIy", "dW50ZXIy")]
    {
        assert!(!redactor.text(text).text.contains(gone), "{text}");
    }
    assert_eq!(redactor.text("xhunter2y").text, "x[REDACTED]y");
}

#[test]
fn private_keys_are_masked_over_lines() {
    let key =
        "-----BEGIN RSA PRIV~ATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEabc\nabc=\n-----END RSA PRIV~ATE KEY-----"
            .replace('~', "");
    let redactor = plain();
    assert_eq!(redactor.text(&format!("a\n{key}\nb")).text, "a\n[REDACTED]\nb");
    assert_eq!(redactor.text(&key[..60]).text, MARK);
    assert_eq!(redactor.text(&key.replace('\n', "\\n")).text, MARK);
    for size in 1..key.len() {
        let input = format!("a\r\n{key}\nb\n\n");
        let mut lines = redactor.lines();
        let mut out = Vec::new();
        input.as_bytes().chunks(size).for_each(|chunk| out.extend(lines.push(chunk)));
        out.extend(lines.finish());
        assert_eq!(String::from_utf8(out).unwrap(), "a\r\n[REDACTED]\nb\n\n");
    }
    // A key that doesn't go on: the log does.
    let mut lines = redactor.lines();
    let mut out = lines.push(format!("{}\nhello there: world\n", &key[..31]).as_bytes());
    out.extend(lines.finish());
    assert_eq!(String::from_utf8(out).unwrap(), "[REDACTED]\nhello there: world\n");
}

#[test]
fn endless_lines_are_bounded_and_masked() {
    let redactor = Redactor::new(&Rules { secrets: vec!["hunter2hunter2".into()], ..Rules::default() }).unwrap();
    let mut lines = redactor.lines();
    let (mut input, mut out) = (Vec::new(), Vec::new());
    for i in 0..40_000 {
        input.extend_from_slice(if i % 7 == 0 { b"hunter2hunter2 " } else { b"word \xff\xfe " });
    }
    for chunk in input.chunks(777) {
        out.extend(lines.push(chunk));
        assert!(lines.line.len() <= MAX_FOR_TEST);
    }
    out.extend(lines.finish());
    let expected = String::from_utf8_lossy(&input).replace("hunter2hunter2", MARK);
    assert_eq!(String::from_utf8_lossy(&out), expected);
    // A token without an end.
    let mut lines = redactor.lines();
    let mut out = lines.push(b"token=");
    (0..300).for_each(|_| out.extend(lines.push(&[b'q'; 1024])));
    out.extend(lines.push(b" end\n"));
    assert_eq!(String::from_utf8_lossy(&out), "token=[REDACTED] end\n");
}

const MAX_FOR_TEST: usize = (64 + 8) << 10;

#[test]
fn rules_that_cannot_be_used_say_so() {
    let error = |rules: Rules| Redactor::new(&rules).unwrap_err().to_string();
    let short = error(Rules { secrets: vec!["long enough".into(), "abc\n".into()], ..Rules::default() });
    assert!(short.starts_with("declared secret 2 has 3 characters"), "{short}");
    assert!(
        error(Rules { extra_patterns: vec![("x".into(), "(".into())], ..Rules::default() })
            .contains("extra pattern \"x\"")
    );
    assert!(
        error(Rules { extra_patterns: vec![("x".into(), "a*".into())], ..Rules::default() }).contains("empty text")
    );
    assert!(
        error(Rules { extra_patterns: vec![("x".into(), "a".into()); 65], ..Rules::default() })
            .contains("more than 64")
    );
    assert!(
        error(Rules { extra_patterns: vec![("x".into(), "\\w{9999}".repeat(50))], ..Rules::default() })
            .contains("\"x\"")
    );
    assert!(error(Rules { allow_keys: vec!["--".into()], ..Rules::default() }).contains("allow_keys"));
    assert!(!format!("{:?}", Rules { secrets: vec!["hunter2".into()], ..Rules::default() }).contains("hunter2"));
}

#[test]
fn extra_rules_and_exceptions() {
    let redactor = Redactor::new(&Rules {
        secrets: vec!["allowed1".into()],
        extra_keys: vec!["wallet_address".into()],
        extra_patterns: vec![("case".into(), r"\bCASE-\d{4}\b".into()), ("any".into(), "ä.".into())],
        allow_keys: vec!["market-token".into()],
        allow_patterns: vec![("demo".into(), "demo-[a-z]+".into()), ("a".into(), "allowed1".into())],
    })
    .unwrap();
    assert_eq!(
        redactor.text("userWalletAddress=abc CASE-1234 äé").text,
        "userWalletAddress=[REDACTED] [REDACTED] [REDACTED]"
    );
    assert_eq!(
        redactor.text("MARKET_TOKEN=abc password=demo-x token=demo-1").text,
        "MARKET_TOKEN=abc password=demo-x token=[REDACTED]"
    );
    assert_eq!(redactor.value(Some("password"), "allowed1").text, MARK);
    assert_eq!(redactor.value(Some("marketToken"), "abc").count, 0);
}

#[test]
fn cost_grows_with_the_text_only() {
    let redactor = plain();
    for unit in [
        "password=\"",
        "cookie: ",
        "eyJ",
        "curl ",
        "-----BEGIN ",
        "a:b@",
        "://",
        "secret=[",
        "<password>",
        "--token ",
        "\\\"",
        "ghp_",
        "%3D",
        "bearer a",
    ] {
        let time = |n: usize| {
            let text = unit.repeat(n);
            let start = std::time::Instant::now();
            let _ = redactor.text(&text);
            start.elapsed()
        };
        time(100);
        // Quadratic cost would be seconds here, and minutes in the worst case.
        assert!(time(20_000).as_secs() < 10, "{unit}");
    }
}

fn texts_of_traps() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(TEXTS).prop_map(|raw| case(raw).0),
        proptest::sample::select(
            &[
                "password",
                "token",
                "=",
                ":",
                "\"",
                "'",
                "\\",
                " ",
                "\n",
                "[",
                "]",
                "{",
                "}",
                MARK,
                "[REDACTED",
                "://",
                "@",
                "curl -u ",
                "-p",
                "--",
                "%3D",
                "%",
                "&",
                ",",
                "é",
                "\u{10F7FF}",
                "<",
                ">",
                "Bearer ",
                "Cookie:",
                "-----BEGIN PRIVATE KEY-----",
                "-----END ",
                "eyJ",
                "secret1",
                "Some(",
                "\x1b[",
                "m"
            ][..]
        )
        .prop_map(String::from),
        proptest::collection::vec(any::<char>(), 0..6).prop_map(|chars| chars.into_iter().collect()),
        proptest::collection::vec(proptest::char::range('!', '~'), 0..40).prop_map(|chars| chars.into_iter().collect()),
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// The same without short cuts: names are looked for everywhere, values without the sieve.
fn slowly(redactor: &Redactor, text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        if text.len() < MIN_SECRET_CHARS {
            return text;
        }
        let inner = &*redactor.inner;
        let mut hits = Hits::new();
        let seen = inner.shapes.scan(&text, &inner.keys, &mut hits);
        pairs::scan(&text, std::slice::from_ref(&(0..text.len())), &inner.keys, &mut hits);
        entropy::scan(&text, &seen.public, &mut hits);
        hits.retain(|range| !redactor.allowed(&text[widen(&text, range.clone())]));
        redactor.literals.scan_without_sieve(&text, &mut hits);
        match replace(&text, hits) {
            Some((next, _)) => text = next,
            None => return text,
        }
    }
    // It found no rest in as many rounds as there may be.
    MARK.to_owned()
}

#[test]
fn short_cuts_find_the_same_in_every_case() {
    let redactor = plain();
    for raw in TEXTS {
        let (text, _) = case(raw);
        assert_eq!(redactor.text(&text).text, slowly(&redactor, &text), "{text}");
    }
}

/// A declared secret that stands anywhere round the place where an endless line is cut.
#[test]
fn a_declared_secret_is_masked_wherever_pieces_end() {
    let secret = "tr0ub4dor-and-3";
    let redactor = Redactor::new(&Rules { secrets: vec![secret.into()], ..Rules::default() }).unwrap();
    for cut in [56 << 10, 64 << 10, 72 << 10] {
        for shift in 0..2 * secret.len() {
            let before = ".,".repeat(cut / 2 - secret.len()) + &".".repeat(shift);
            let mut lines = redactor.lines();
            let mut out = Vec::new();
            for piece in format!("{before}{secret} {}\n", ";.".repeat(9 << 10)).as_bytes().chunks(4096) {
                out.extend(lines.push(piece));
            }
            let masked = lines.count();
            out.extend(lines.finish());
            let out = String::from_utf8(out).unwrap();
            assert!(masked == 1 && out.starts_with(&format!("{before}{MARK} ;.")), "cut {cut}, shift {shift}");
        }
    }
}

#[test]
fn the_longest_values_are_found_too() {
    let secret = "x1-".repeat(MAX_SECRET_BYTES / 3);
    let redactor = Redactor::new(&Rules { secrets: vec![secret.clone()], ..Rules::default() }).unwrap();
    let mut lines = redactor.lines();
    let mut out = lines.push(format!("{}{secret} {secret}", ". ".repeat(30 << 10)).as_bytes());
    out.extend(lines.finish());
    assert!(!String::from_utf8(out).unwrap().contains("x1-x1"));
    let too_much = Redactor::new(&Rules { secrets: vec![secret; 17], ..Rules::default() }).unwrap_err();
    assert!(too_much.to_string().contains("together"), "{too_much}");
}

fn planted() -> impl Strategy<Value = (Vec<String>, String)> {
    let secret = proptest::string::string_regex("[a-zA-Z0-9%&\"\\\\+/ é-]{4,40}").unwrap();
    let secrets = proptest::collection::vec(secret, 1..6).prop_map(|mut secrets: Vec<String>| {
        secrets.retain(|secret| secret.trim().chars().count() >= MIN_SECRET_CHARS);
        secrets
    });
    (secrets, proptest::collection::vec((texts_of_traps(), any::<proptest::sample::Index>(), 0..5_usize), 1..6))
        .prop_map(|(secrets, pieces)| {
            let mut text = String::new();
            for (piece, which, form) in pieces {
                text += &piece;
                if secrets.is_empty() {
                    continue;
                }
                let secret = which.get(&secrets);
                match form {
                    0 => text += secret,
                    1 => text += &serde_json::to_string(secret).unwrap(),
                    2 => secret.bytes().for_each(|b| text += &format!("%{b:02X}")),
                    3 => secret.bytes().for_each(|b| text += &format!("{b:02x}")),
                    _ => {}
                }
            }
            (secrets, text)
        })
}

proptest! {
    #[test]
    fn short_cuts_find_the_same((secrets, text) in planted(), key in "[a-z]{3,8}(_[a-z]{2,4})?") {
        let redactor = Redactor::new(&Rules { secrets: secrets.clone(), extra_keys: vec![key.clone()], ..Rules::default() }).unwrap();
        let text = format!("{key}: abcdef1 {text} --{key} x1y2z3");
        let fast = redactor.text(&text);
        prop_assert_eq!(&fast.text, &slowly(&redactor, &text));
        for secret in secrets.iter().filter(|secret| !MARK.contains(&secret[..])) {
            prop_assert!(!fast.text.contains(secret), "{:?} in {:?}", secret, fast.text);
        }
    }

    #[test]
    fn twice_is_once(text in texts_of_traps(), key in proptest::sample::select(&["password", "name", "pwd", "auth", "id"][..])) {
        let redactor = Redactor::new(&Rules { secrets: vec!["secret1".into(), "DACT".into(), "]end".into()], ..Rules::default() }).unwrap();
        let once = redactor.text(&text);
        prop_assert!(!once.text.contains("secret1"));
        let twice = redactor.text(&once.text);
        prop_assert_eq!(&twice.text, &once.text);
        prop_assert_eq!(twice.count, 0);
        let once = redactor.value(Some(key), &text);
        prop_assert_eq!(redactor.value(Some(key), &once.text).count, 0);
        let argv: Vec<String> = text.split(' ').map(String::from).collect();
        let (once, _) = redactor.args(&argv);
        prop_assert_eq!(once.len(), argv.len());
    }

    #[test]
    fn lines_do_not_depend_on_how_they_arrive(text in texts_of_traps(), size in 1_usize..50) {
        let redactor = plain();
        let run = |size: usize| {
            let mut lines = redactor.lines();
            let mut out: Vec<u8> = text.as_bytes().chunks(size).flat_map(|chunk| lines.push(chunk)).collect();
            out.extend(lines.finish());
            out
        };
        prop_assert_eq!(run(size), run(usize::MAX));
    }

    #[test]
    fn foreign_bytes_pass(bytes in proptest::collection::vec(prop_oneof![Just(0xFF_u8), Just(0xC3), Just(b'a'), Just(b' '), Just(b'\n'), Just(0xF4), Just(0x8F), Just(0x9E)], 0..200)) {
        let mut lines = plain().lines();
        let mut out = lines.push(&bytes);
        out.extend(lines.finish());
        prop_assert_eq!(out, bytes);
    }
}

#[test]
fn other_secrets_leave_the_rules_as_they_are() {
    let rules = Rules {
        secrets: vec!["first-of-all".into()],
        extra_keys: vec!["wallet_address".into()],
        extra_patterns: vec![("numbers".into(), "N[0-9]{4}".into())],
        ..Rules::default()
    };
    let text = "first-of-all second-of-all N1234 walletAddress=abc password=x9y8z7 plain";
    let one = Redactor::new(&rules).unwrap();
    let other = one.with_secrets(&["second-of-all".into()]).unwrap();
    let anew = Redactor::new(&Rules { secrets: vec!["second-of-all".into()], ..rules }).unwrap();
    assert_eq!(other.text(text), anew.text(text));
    assert_ne!(other.text(text), one.text(text));
    assert!(matches!(one.with_secrets(&["abc".into()]), Err(RuleError::ShortSecret { .. })));
    let many = vec!["x".repeat(8); MAX_SECRETS + 1];
    assert!(matches!(one.with_secrets(&many), Err(RuleError::TooMany { .. })));
}
