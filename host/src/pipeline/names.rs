//! Rules for names (ids, environment variables), how names are shown in messages, and "did you mean".

/// Most characters of an id: it becomes a folder's name.
pub(super) const MAX_ID: usize = 128;

/// Why an id is refused, or nothing.
pub(crate) fn id_problem(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("it is empty".to_owned());
    }
    let length = id.chars().count();
    if length > MAX_ID {
        return Some(format!("it has {length} characters, at most {MAX_ID} are allowed"));
    }
    if let Some(bad) = id.chars().find(|c| !allowed_in_id(*c)) {
        return Some(format!("`{}` is not allowed", bad.escape_debug()));
    }
    if !id.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("it starts with neither a letter nor a digit".to_owned());
    }
    id.contains("..").then(|| "`..` is not allowed".to_owned())
}

fn allowed_in_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// A valid id close to an invalid one.
pub(crate) fn repaired_id(id: &str) -> Option<String> {
    let mut fixed: String = id.chars().take(MAX_ID).map(|c| if allowed_in_id(c) { c } else { '_' }).collect();
    while fixed.contains("..") {
        fixed = fixed.replace("..", ".");
    }
    let fixed = fixed.trim_start_matches(['.', '_', '-']).trim_end_matches('_');
    id_problem(fixed).is_none().then(|| fixed.to_owned())
}

/// Why a text is no name of an environment variable, or nothing.
pub(super) fn variable_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.contains('=') {
        Some("it contains `=`")
    } else if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Some("it contains white space or a control character")
    } else {
        None
    }
}

/// Why a stage can't set an environment variable of this name, or nothing.
pub(super) fn env_problem(name: &str) -> Option<&'static str> {
    let of_the_host = name.starts_with("FORENSIC_") || name == "TRACEPARENT";
    variable_problem(name).or(of_the_host.then_some("the host sets it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["a", "risk.optimize_meta", "0-1", "A..".trim_end_matches('.'), &"x".repeat(MAX_ID)] {
            assert_eq!(id_problem(good), None, "{good}");
        }
        for (bad, repaired) in [
            ("", None),
            (".a", Some("a")),
            ("a/b", Some("a_b")),
            ("a..b", Some("a.b")),
            ("../../etc", Some("etc")),
            ("größe", Some("gr__e")),
            ("a\0", Some("a")),
            ("日本", None),
        ] {
            assert!(id_problem(bad).is_some(), "{bad}");
            assert_eq!(repaired_id(bad).as_deref(), repaired, "{bad}");
        }
        assert!(id_problem(&"x".repeat(MAX_ID + 1)).is_some());
    }

    #[test]
    fn env_names() {
        for good in ["PATH", "npm_config_x-y", "_", "ProgramFiles(x86)"] {
            assert_eq!(env_problem(good), None, "{good}");
        }
        for bad in ["", "A=B", "A B", "A\0", "FORENSIC_RUN_ID", "TRACEPARENT"] {
            assert!(env_problem(bad).is_some(), "{bad}");
        }
    }
}
