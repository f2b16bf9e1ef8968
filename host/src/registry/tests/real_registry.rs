//! A real registry on loopback: Debian's `docker-registry` (package of the same name) on a free port, with its data
//! in a temporary folder; gone when it is dropped. Needs nothing but the standard library and `tempfile`, so that
//! end-to-end tests can take it in, too.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// User and password that [`Settings::login`] asks for, and bcrypt's published test vector for them.
pub(crate) const USER: &str = "ci";
pub(crate) const PASSWORD: &str = "U*U";
const HTPASSWD: &str = "ci:$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\n";

/// How the registry is set up.
#[derive(Default)]
pub(crate) struct Settings<'a> {
    /// Whether it wants a login, [`USER`] and [`PASSWORD`].
    pub(crate) login: bool,
    /// PEM files of certificate and key, for TLS.
    pub(crate) tls: Option<(&'a Path, &'a Path)>,
}

pub(crate) struct RealRegistry {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl RealRegistry {
    pub(crate) fn start() -> Self {
        Self::start_with(&Settings::default())
    }

    pub(crate) fn start_with(settings: &Settings<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = format!(
            "version: 0.1\nlog:\n  level: info\n  accesslog:\n    disabled: true\n\
             storage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
            folder.path().join("data").display()
        );
        if let Some((certificate, key)) = settings.tls {
            let _ = write!(config, "  tls:\n    certificate: {}\n    key: {}\n", certificate.display(), key.display());
        }
        if settings.login {
            let users = folder.path().join("htpasswd");
            fs::write(&users, HTPASSWD).expect("written");
            let _ = write!(config, "auth:\n  htpasswd:\n    realm: test\n    path: {}\n", users.display());
        }
        let file = folder.path().join("config.yml");
        fs::write(&file, config).expect("written");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("these tests need `docker-registry` (Debian's package): {error}"));
        let log = BufReader::new(child.stderr.take().expect("piped"));
        let (tell, told) = mpsc::channel();
        // It says which port it got; what follows is read so that it never waits for us.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let address = line.split("listening on 127.0.0.1:").nth(1);
                let digits = address.map(|port| port.chars().take_while(char::is_ascii_digit).collect::<String>());
                let _ = tell.send(digits.and_then(|digits| digits.parse().ok()).ok_or(line));
            }
        });
        let mut said = String::new();
        loop {
            match told.recv_timeout(Duration::from_secs(60)) {
                Ok(Ok(port)) => return Self { child, port, folder },
                Ok(Err(line)) => said = said + &line + "\n",
                Err(_) => {
                    let _ = child.kill();
                    panic!("docker-registry did not start:\n{said}");
                }
            }
        }
    }

    /// `127.0.0.1` and the port.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps what was pushed, as its `filesystem` driver lays it out.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
