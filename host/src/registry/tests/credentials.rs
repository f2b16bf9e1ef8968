//! Docker's `config.json`.

use std::ffi::OsString;

use super::*;
use crate::registry::credentials::find;

fn login(config: &str, registry: &str) -> Result<Option<(String, String)>, String> {
    let (_folder, path) = docker_config_with(config);
    let login = find(Some(&path), registry).map_err(|error| error.to_string())?;
    Ok(login.basic.map(|(user, password)| (user, password.to_string())))
}

fn some(user: &str, password: &str) -> Result<Option<(String, String)>, String> {
    Ok(Some((user.to_owned(), password.to_owned())))
}

#[test]
fn the_file_is_where_docker_has_it() {
    let of = |variables: &'static [(&str, &str)]| {
        docker_config(move |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    };
    assert_eq!(of(&[("DOCKER_CONFIG", "/c"), ("HOME", "/h")]), Some(PathBuf::from("/c/config.json")));
    assert_eq!(of(&[("DOCKER_CONFIG", ""), ("HOME", "/h")]), Some(PathBuf::from("/h/.docker/config.json")));
    assert_eq!(of(&[]), None);
}

#[test]
fn a_login_is_found_by_host_and_port_in_all_forms_that_docker_writes() {
    // `ci:pass:word` in Base64.
    let entry = |name: &str| format!("{{\"auths\": {{\"{name}\": {{\"auth\": \"Y2k6cGFzczp3b3Jk\"}}}}}}");
    for (name, registry) in [
        ("r.example", "r.example"),
        ("https://r.example/v1/", "r.example"),
        ("R.Example:5000", "r.example:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
    ] {
        assert_eq!(login(&entry(name), registry), some("ci", "pass:word"), "{name}");
    }
    for (name, registry) in
        [("r.example", "r.example:5000"), ("r.example", "evil-r.example"), ("docker.io", "r.example")]
    {
        assert_eq!(login(&entry(name), registry), Ok(None), "{name}");
    }
    let plain = "{\"auths\": {\"r\": {\"username\": \"u\", \"password\": \"p\"}}, \"other\": [1]}";
    assert_eq!(login(plain, "r"), some("u", "p"));
    // What `docker login` leaves where a helper has the password.
    assert_eq!(login("{\"auths\": {\"r\": {}}, \"credsStore\": \"desktop\"}", "r"), Ok(None));
    assert_eq!(login("{\"auths\": {\"r\": {\"auth\": \"\"}}}", "r"), Ok(None));
}

#[test]
fn a_damaged_file_is_told_without_its_secrets() {
    for (config, words) in [
        ("{\"auths\": {\"r\": {\"auth\": \"?hunter2?\"}}}", "the login for `r` is no Base64"),
        ("{\"auths\": {\"r\": {\"auth\": \"aHVudGVyMg==\"}}}", "has no `:` between user and password"),
        ("{\"auths\": {\"r\": {\"auth\": \"/////w==\"}}}", "is no UTF-8"),
        ("{\"auths\":\n{\"r\": \"hunter2\"}}", "no configuration of Docker (line 2)"),
        ("hunter2", "no configuration of Docker (line 1)"),
    ] {
        let error = login(config, "r").unwrap_err();
        assert!(error.contains(words) && !error.contains("hunter2"), "{error}");
    }
    let advice = |config: &str| {
        let (_folder, path) = docker_config_with(config);
        find(Some(&path), "r.example").unwrap().advice
    };
    assert!(advice("{\"credHelpers\": {\"r.example\": \"ecr-login\"}}").contains("credential helper `ecr-login`"));
    assert!(advice("{\"auths\": {\"r.example\": {\"identitytoken\": \"x\"}}}").contains("holds an identity token"));
    let folder = tempfile::tempdir().unwrap();
    assert!(find(Some(&folder.path().join("none")), "r").unwrap().advice.contains("does not exist"));
}
