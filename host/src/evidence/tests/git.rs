use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn of(files: &[(&str, &str)], folder: &str) -> Option<(String, Option<String>)> {
    let repository = repository(files);
    let folder = repository.path().join(folder);
    fs::create_dir_all(&folder).unwrap();
    GitRevision::of(&folder).map(|revision| (revision.commit, revision.reference))
}

#[test]
fn a_branch_a_packed_branch_and_a_detached_head() {
    let main = Some((COMMIT.to_owned(), Some("refs/heads/main".to_owned())));
    let head = (".git/HEAD", "ref: refs/heads/main\n");
    let loose = format!("{COMMIT}\n");
    assert_eq!(of(&[head, (".git/refs/heads/main", &loose)], "pipelines/daily"), main);
    let packed = format!(
        "# pack-refs with: peeled\n{}\n{COMMIT} refs/heads/main\n^{COMMIT}\n",
        "f".repeat(40) + " refs/heads/mai"
    );
    assert_eq!(of(&[head, (".git/packed-refs", &packed)], ""), main);
    assert_eq!(of(&[(".git/HEAD", &loose)], ""), Some((COMMIT.to_owned(), None)));
    let sha256 = "ab".repeat(32);
    assert_eq!(of(&[(".git/HEAD", &sha256)], ""), Some((sha256.clone(), None)));
}

#[test]
fn a_worktree() {
    let found = of(
        &[
            ("tree/.git", "gitdir: ../main/.git/worktrees/tree\n"),
            ("main/.git/worktrees/tree/HEAD", "ref: refs/heads/work\n"),
            ("main/.git/worktrees/tree/commondir", "../..\n"),
            ("main/.git/refs/heads/work", COMMIT),
        ],
        "tree/sub",
    );
    assert_eq!(found, Some((COMMIT.to_owned(), Some("refs/heads/work".to_owned()))));
}

#[test]
fn nothing_that_is_no_commit_gets_out() {
    assert_eq!(of(&[("secret", COMMIT), (".git/HEAD", "ref: ../secret")], ""), None);
    assert_eq!(of(&[("secret", COMMIT), (".git/HEAD", "ref: refs/../../secret")], ""), None);
    assert_eq!(of(&[(".git/HEAD", "ref: refs/heads/main"), (".git/refs/heads/main", "password")], ""), None);
    assert_eq!(of(&[(".git/HEAD", "ref: refs/a"), (".git/refs/a", "ref: refs/a")], ""), None);
    assert_eq!(of(&[(".git/HEAD", "ref: refs/heads/born")], ""), None);
}
