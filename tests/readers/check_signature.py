#!/usr/bin/env python3
"""Checks the signature of a run directory with implementations that are not ours.

    check_signature.py --key PUB.pem RUN_DIRECTORY

The envelopes in `run.intoto.jsonl` are checked with securesystemslib (DSSE), the statement is read with in-toto-attestation,
and every subject's SHA-256 is computed from the file with Python's own hashlib. Every regular file of the directory must be
a subject. Exit code 1 and one line a mismatch on stderr, 0 and one line on stdout where all is well. See
`docs/evidence.md` for the format and `requirements.txt` for the packages.
"""

import argparse
import hashlib
import json
import os
import re
import stat
import sys

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

BUNDLE = "run.intoto.jsonl"
RECORD = "run.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE_TYPE = "urn:uuid:5d1c3b0e-94f7-4a58-9a6e-2f8b7c41d6e3#forensic-run/v1"


def load_key(path):
    with open(path, "rb") as file:
        key = load_pem_public_key(file.read())
    key_id = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return SSlibKey.from_crypto(key, keyid=key_id)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_name(text):
    """The bytes of a name: `\\\\` is a backslash, `\\xHH` a byte that is not UTF-8."""

    def unescape(match):
        return b"\\" if match[0] == b"\\\\" else bytes([int(match[1], 16)])

    return re.sub(rb"\\\\|\\x([0-9A-F]{2})", unescape, text.encode())


def statements(directory, key):
    """The statements about a run that the key signed."""
    with open(os.path.join(directory, BUNDLE.encode()), encoding="utf-8") as file:
        for line in filter(str.strip, file):
            envelope = Envelope.from_dict(json.loads(line))
            try:
                envelope.verify([key], 1)
            except VerificationError:
                continue
            if envelope.payload_type != PAYLOAD_TYPE:
                continue
            statement = Statement.copy_from_pb(ParseDict(json.loads(envelope.payload), statement_pb2.Statement()))
            statement.validate()
            if statement.pb.predicate_type == PREDICATE_TYPE:
                yield statement.pb


def files(directory):
    """Regular files below the directory, except the signature; links are not followed."""
    for folder, _, names in os.walk(directory):
        for name in names:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, directory)
            if relative != BUNDLE.encode() and stat.S_ISREG(os.lstat(path).st_mode):
                yield relative


def problems(directory, statement):
    expected = {file_name(subject.name): subject.digest["sha256"] for subject in statement.subject}
    if len(expected) != len(statement.subject):
        yield "the statement names a file twice"
    found = set(files(directory))
    for name in sorted(expected.keys() - found):
        yield f"{name!r} was signed and is not there"
    for name in sorted(found - expected.keys()):
        yield f"{name!r} is there and was not signed"
    for name in sorted(found & expected.keys()):
        digest = sha256(os.path.join(directory, name))
        if digest != expected[name]:
            yield f"{name!r}: found {digest}, signed {expected[name]}"
    with open(os.path.join(directory, RECORD.encode()), encoding="utf-8") as file:
        record = json.load(file)
    for field, value in (("runId", record["run_id"]), ("result", record["result"])):
        if statement.predicate[field] != value:
            yield f"the predicate's {field} is {statement.predicate[field]!r}, the record's {value!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True)
    parser.add_argument("directory", type=os.fsencode)
    arguments = parser.parse_args()
    signed = list(statements(arguments.directory, load_key(arguments.key)))
    if not signed:
        sys.exit("no statement about a run is signed by this key")
    # Of several, one must fit: an earlier signature stays in the file.
    found = [list(problems(arguments.directory, statement)) for statement in signed]
    best = min(found, key=len)
    if best:
        sys.exit("\n".join(best))
    print(f"{len(signed[found.index(best)].subject)} files are as they were signed")


if __name__ == "__main__":
    main()
