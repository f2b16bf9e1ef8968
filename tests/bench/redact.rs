//! What redaction costs, with no, a few and many declared secrets:
//! `cargo bench --locked -p forensic-host --bench redact`.
//!
//! Times are CPU times of this thread, so that a busy machine changes them little; each figure is the median of
//! [`ROUNDS`]. `cargo bench … -- TEXT` measures only the rows whose name holds the text.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use forensic_host::redact::{MARK, Redactor, Rules};
use rustix::time::{ClockId, clock_gettime};

/// How often each figure is measured.
const ROUNDS: usize = 11;
/// How long one measurement takes at least.
const LEAST: Duration = Duration::from_millis(20);
/// How many secrets are declared: a column each.
const DECLARED: [usize; 3] = [0, 10, 1_000];
/// How much log text goes through in one measurement, in bytes, and in which pieces, as from a pipe.
const LOG: usize = 4 << 20;
const PIECE: usize = 64 << 10;

fn main() -> Result<()> {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let redactors =
        DECLARED.map(|count| Redactor::new(&Rules { secrets: (0..count).map(secret).collect(), ..Rules::default() }));
    let [none, few, many] = redactors;
    let redactors = [none?, few?, many?];
    println!("{:<34}{:>12}{:>14}{:>14}", "declared secrets", "0", "10", "1,000");

    let span = attributes();
    row(&wanted, "span of 8 attributes, µs", &redactors, 1, |redactor| {
        let masked: usize = span.iter().map(|(key, value)| redactor.value(Some(key), value).count).sum();
        ensure!(masked == 0, "an attribute was masked");
        Ok(1)
    })?;
    let trace = stack_trace();
    row(&wanted, "stack trace of 4 KiB, µs", &redactors, 1, |redactor| {
        ensure!(redactor.text(&trace).count == 0, "part of the stack trace was masked");
        Ok(1)
    })?;
    row(&wanted, "one plain line, µs", &redactors, 1, |redactor| {
        ensure!(redactor.text(PLAIN).count == 0, "the plain line was masked");
        Ok(1)
    })?;
    row(&wanted, "compiling the rules, µs", &redactors, 1, |redactor| {
        let count = DECLARED[redactors.iter().position(|one| std::ptr::eq(one, redactor)).unwrap_or(0)];
        black_box(Redactor::new(&Rules { secrets: (0..count).map(secret).collect(), ..Rules::default() })?);
        Ok(1)
    })?;
    for (name, log, masks) in [
        ("plain log, MB/s", plain_log(), false),
        ("log with names of secrets, MB/s", telling_log(), false),
        ("JSON log, MB/s", json_log(), false),
        ("every line has a secret, MB/s", secret_log(), true),
    ] {
        row(&wanted, name, &redactors, -1, |redactor| {
            let mut lines = redactor.lines();
            let mut bytes = 0;
            for piece in log.as_bytes().chunks(PIECE) {
                bytes += black_box(lines.push(piece)).len();
            }
            let masked = lines.count();
            bytes += lines.finish().len();
            ensure!((masked > 0) == masks && (masks || bytes == log.len()), "{name}: {masked} places were masked");
            Ok(log.len())
        })?;
    }
    let declared = declared_log();
    row(&wanted, "1 of 20 lines has a declared, MB/s", &redactors, -1, |redactor| {
        let mut lines = redactor.lines();
        let out: usize = declared.as_bytes().chunks(PIECE).map(|piece| black_box(lines.push(piece)).len()).sum();
        black_box(out + lines.finish().len());
        Ok(declared.len())
    })?;
    ensure!(redactors[1].text(&declared).text.contains(MARK), "a declared secret was not masked");
    println!(
        "\nCPU time of one thread, medians of {ROUNDS}; log lines have some 100 bytes and arrive in pieces of 64 KiB"
    );
    Ok(())
}

/// Prints a row: the time of one unit of work (`sign` 1), or work a second (−1).
fn row<'r>(
    wanted: &str,
    name: &str,
    redactors: &'r [Redactor; 3],
    sign: i32,
    mut work: impl FnMut(&'r Redactor) -> Result<usize>,
) -> Result<()> {
    if !name.contains(wanted) {
        return Ok(());
    }
    let mut cells = String::new();
    for redactor in redactors {
        let mut units = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let start = cpu();
            let mut done = 0;
            let time = loop {
                done += work(redactor)?;
                let time = cpu() - start;
                if time >= LEAST {
                    break time;
                }
            };
            units.push(time.as_secs_f64() * 1e6 / done as f64);
        }
        units.sort_unstable_by(f64::total_cmp);
        let micros = units[ROUNDS / 2];
        // Bytes a microsecond are megabytes a second.
        write!(cells, "{:>14.2}", if sign > 0 { micros } else { 1.0 / micros })?;
    }
    println!("{name:<32}{cells}");
    Ok(())
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

const PLAIN: &str =
    "2026-11-22 09:16:00,123 INFO  risk.optimize_meta worker 3: 1200 of 5000 scenarios done in 12.5 s (eta 0:38)";

/// A value such as tools hand out: 24 characters that depend on the number only.
fn secret(number: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(number as u64 + 1);
    (0..24)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(ALPHABET[(state >> 33) as usize % ALPHABET.len()])
        })
        .collect()
}

fn attributes() -> [(&'static str, String); 8] {
    [
        ("http.request.method", "GET".into()),
        ("url.full", "https://api.example.com/v1/portfolios/1234/positions?page=2&size=100".into()),
        ("http.response.status_code", "200".into()),
        ("server.address", "api.example.com".into()),
        ("user_agent.original", "python-httpx/0.27.0".into()),
        ("db.query.text", "SELECT id, weight FROM positions WHERE portfolio = ? ORDER BY weight DESC".into()),
        ("code.function.name", "risk.optimizer.hrp.HierarchicalRiskParity.optimize".into()),
        ("thread.name", "ThreadPoolExecutor-0_3".into()),
    ]
}

fn stack_trace() -> String {
    let mut text = String::from("Traceback (most recent call last):\n");
    for i in 0.. {
        let frame = format!(
            "  File \"/srv/app/.venv/lib/python3.12/site-packages/quant/optimizer/module_{i}.py\", line {}, in solve_{i}\n    \
             result = self.solver.solve(problem, tolerance=1e-9, max_iterations={})\n",
            100 + 7 * i,
            1000 * i,
        );
        if text.len() + frame.len() > 4096 - 60 {
            break;
        }
        text += &frame;
    }
    text + "ValueError: covariance matrix is not positive definite: -1e-12\n"
}

fn repeated(line: impl Fn(usize) -> String) -> String {
    let mut log = String::with_capacity(LOG + 256);
    for i in 0.. {
        if log.len() >= LOG {
            break;
        }
        log += &line(i);
        log.push('\n');
    }
    log
}

fn plain_log() -> String {
    repeated(|i| match i % 4 {
        0 => format!(
            "2026-11-22 09:16:{:02},{:03} INFO  risk.optimize_meta worker {}: {i} of 50000 scenarios done in 12.5 s",
            i % 60,
            i % 1000,
            i % 8
        ),
        1 => format!("[{i:>6}] loading data/prices/2026-11-{:02}.parquet ({} rows, 14 columns)", i % 28 + 1, i * 17),
        2 => format!(
            "DEBUG aggregate: sleeve=long weight={:.6} turnover={:.4} gross=1.9821 net=0.4812 task={i}",
            1.0 / (i + 1) as f64,
            0.3
        ),
        _ => format!(
            "WARNING:quant.data:missing close for ASML on 2026-11-{:02}, carried forward from the day before",
            i % 28 + 1
        ),
    })
}

/// Words such as `token` and `key` in lines without a secret.
fn telling_log() -> String {
    repeated(|i| match i % 4 {
        0 => format!(
            "2026-11-22 09:16:{:02} INFO  authenticated user 17, token refreshed, key 4 of {i} in the cache",
            i % 60
        ),
        1 => format!("cache: key=prices.{i} token_count=512 session=morning, see https://docs.example.com/x/{i}"),
        2 => format!("joined on key \"isin\": {i} rows; the secret of good data: checks. Contact: desk{i}@example.com"),
        _ => format!("Unexpected token: }} in line {i}, skipped; password policy is checked by the sign-in service"),
    })
}

fn json_log() -> String {
    repeated(|i| {
        format!(
            "{{\"timestamp\":\"2026-11-22T09:16:{:02}.123Z\",\"level\":\"info\",\"logger\":\"quant.sleeve\",\"message\":\"batch {i} done\",\
             \"rows\":{},\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"path\":\"/srv/data/{i}.csv\",\"note\":\"say \\\"ok\\\"\"}}",
            i % 60,
            i * 3
        )
    })
}

fn secret_log() -> String {
    repeated(|i| match i % 3 {
        0 => format!(
            "2026-11-22 09:16:00 INFO connecting to postgres://app:hunter{i}x@db.example.com:5432/prices as app"
        ),
        1 => format!("GET /v1/prices?day={i}&api_key={} HTTP/1.1 200", secret(i + 5_000)),
        _ => format!("{{\"event\":\"login\",\"user\":\"joe\",\"password\":\"pw-{i}-hunter\",\"ok\":true,\"n\":{i}}}"),
    })
}

fn declared_log() -> String {
    repeated(|i| {
        let word = if i % 20 == 0 { secret(i / 20 % 1_000) } else { "nothing".into() };
        format!("2026-11-22 09:16:00 INFO  sent {word} to the broker, {i} orders in the book, 12 of them open")
    })
}
