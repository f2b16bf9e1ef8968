//! `files = "ship"`: a node gets the pipeline's folder and what earlier stages made, and declared outputs come back.

use std::os::unix::fs::PermissionsExt as _;

use super::cluster::shared;
use super::trial::Trial;

#[test]
fn the_folder_goes_to_the_node_and_declared_outputs_come_back() {
    let Some(cluster) = shared() else { return };
    let trial = Trial::new(
        cluster,
        "files = \"ship\"",
        r#"
        [stages.make]
        run = '''
        cat input.txt > "$FORENSIC_DATA_DIR/made.json"
        pwd > "$FORENSIC_DATA_DIR/where"
        echo changed > input.txt; echo new > new.txt; echo x > "$FORENSIC_DATA_DIR/not-declared"
        mkdir -p "$FORENSIC_DATA_DIR/sub"
        head -c 5000000 /dev/zero | tr '\0' 'z' > "$FORENSIC_DATA_DIR/sub/large.bin"
        printf '#!/bin/sh\necho run\n' > "$FORENSIC_DATA_DIR/sub/tool"; chmod 755 "$FORENSIC_DATA_DIR/sub/tool"
        '''
        outputs = ["run:data/made.json", "run:data/where", "run:data/sub/*"]
        [stages.use]
        run = '''
        [ "$(cat input.txt)" = original ] || { echo "input.txt is of another attempt"; exit 8; }
        [ "$(cat "$FORENSIC_DATA_DIR/made.json")" = original ] || exit 9
        wc -c < "$FORENSIC_DATA_DIR/sub/large.bin"; "$FORENSIC_DATA_DIR/sub/tool"
        cat folder/inner.txt
        echo used > "$FORENSIC_DATA_DIR/used"
        '''
        outputs = ["run:data/used"]
        needs = ["make"]
        [stages.here]
        run = 'cat "$FORENSIC_DATA_DIR/used"'
        executor = "local"
        needs = ["use"]
        "#,
    );
    trial.bench.write("input.txt", "original");
    trial.bench.write("folder/inner.txt", "inner\n");
    assert_eq!(trial.run(), Some(0));
    assert_eq!(trial.told("made.json"), "original");
    let place = trial.told("where");
    assert!(!place.is_empty() && !place.starts_with(trial.path().to_str().unwrap()), "it ran in {place}");
    assert!(!std::path::Path::new(&place).exists(), "{place} is still there");
    assert_eq!(std::fs::read_to_string(trial.path().join("input.txt")).unwrap(), "original");
    assert!(!trial.path().join("new.txt").exists());
    assert!(!trial.run_dir().join("data/not-declared").exists());
    let large = std::fs::read(trial.run_dir().join("data/sub/large.bin")).unwrap();
    assert!(large.len() == 5_000_000 && large.iter().all(|byte| *byte == b'z'));
    let mode = std::fs::metadata(trial.run_dir().join("data/sub/tool")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(trial.read("logs/use/1.out.log"), "5000000\nrun\ninner\n");
    assert_eq!(trial.read("logs/here/1.out.log"), "used\n");
}
