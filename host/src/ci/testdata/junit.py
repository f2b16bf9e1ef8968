"""Reads JUnit XML from standard input, holds it to the schema that Jenkins uses, in our words, and prints what it says."""

import re
import sys
import xml.etree.ElementTree as ET

# Element: required attributes, other attributes, children in their order ("*": any number, "?": at most one).
COUNT, TIME = r"\d+", r"\d+\.\d{3}"
CASE = ["(skipped|error|failure)?", "(system-out)?", "(system-err)?"]
SCHEMA = {
    "testsuites": ({"name": ".*", "tests": COUNT, "failures": COUNT, "errors": COUNT, "time": TIME}, {}, r"(testsuite )*"),
    "testsuite": (
        {"name": ".+", "tests": COUNT, "failures": COUNT, "errors": COUNT, "skipped": COUNT, "time": TIME, "id": COUNT},
        {"timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
        r"(properties )?(testcase )*(system-out )?(system-err )?",
    ),
    "properties": ({}, {}, r"(property )*"),
    "property": ({"name": ".+", "value": ".*"}, {}, ""),
    "testcase": (
        {"name": ".+", "classname": ".+", "time": TIME},
        {},
        r"((skipped|error|failure) )?(system-out )?(system-err )?",
    ),
    "skipped": ({"message": ".*"}, {}, ""),
    "error": ({"message": ".*", "type": ".+"}, {}, ""),
    "failure": ({"message": ".*", "type": ".+"}, {}, ""),
    "system-out": ({}, {}, ""),
    "system-err": ({}, {}, ""),
}


def check(element):
    required, other, children = SCHEMA[element.tag]
    assert set(required) <= set(element.attrib) <= set(required) | set(other), (element.tag, element.attrib)
    for name, value in element.attrib.items():
        assert re.fullmatch({**required, **other}[name], value), (element.tag, name, value)
    order = "".join(child.tag + " " for child in element)
    assert re.fullmatch(children, order), (element.tag, order)
    for child in element:
        check(child)


root = ET.fromstring(sys.stdin.buffer.read())
assert root.tag == "testsuites"
check(root)
print("testsuites", root.get("name"), *(f"{name}={root.get(name)}" for name in ("tests", "failures", "errors")))
for suite in root:
    names = ("tests", "failures", "errors", "skipped", "id", "timestamp")
    print("suite", suite.get("name"), *(f"{name}={suite.get(name)}" for name in names))
    cases = suite.findall("testcase")
    for tag in ("failure", "error", "skipped"):
        count = sum(case.find(tag) is not None for case in cases)
        assert count == int(suite.get({"failure": "failures", "error": "errors"}.get(tag, tag))), tag
    assert len(cases) == int(suite.get("tests"))
    keys = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(keys) == len(set(keys)), keys
    for case in cases:
        ending = next((child for child in case if not child.tag.startswith("system")), None)
        what = "passed" if ending is None else f"{ending.tag} {ending.get('message')}"
        told = "".join(f" | {child.tag}" for child in case if child.tag.startswith("system"))
        print(f"case {case.get('classname')}/{case.get('name')} {what}{told}")
