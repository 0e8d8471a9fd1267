#!/usr/bin/env python3
"""docs/quirks.md must not drift from what it speaks of.

    scripts/quirks.py             checks the document
    scripts/quirks.py --self-test proves that each rule fires on what it forbids

A quirk is a heading `### ...` with the parts HubSpot, hubsim, sluice and Test, each `- **Name**: text`, and Popular advice
where it is wrong. Checked: that the parts are there, that HubSpot's says how we know, that each test that is named is there
(`file` "name"; the name must open a string or be a function of that file), and that options, endpoints, fault actions, admin paths
and links exist. Prints `file:line: what`; ends with 1 when something is wrong.
"""

import os
import re
import sys

DOCUMENT = "docs/quirks.md"
PARTS = ["HubSpot", "Popular advice", "hubsim", "sluice", "Test"]
NEEDED = [part for part in PARTS if part != "Popular advice"]
KNOWN = ("documented", "observed", "not documented")
ABSENT = "not in sluice yet"
TEST = re.compile(r'`(test/[\w/.]+)`((?:,? "[^"]+")+)')


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tree_facts():
    sim = "".join(read(f"sim/{f}") for f in ("routes.c", "routes_meta.def"))
    cli = "".join(
        read(os.path.join("src/cli", f)) for f in sorted(os.listdir("src/cli")) if f.endswith((".c", ".def"))
    )
    hubsim = read("docs/hubsim.md")
    return {
        "sim options": {f"--{name}" for name in re.findall(r'ROW\(\w+,\s*"([\w-]+)"', read("sim/options.c"))},
        "sim endpoints": set(re.findall(r'"([a-z_]+\.[a-z_]+)"', sim)),
        "sim actions": table_actions(hubsim),
        "admin paths": set(re.findall(r"/_sim/[a-z/]*[a-z]", hubsim)),
        "options": {f"--{name}" for name in re.findall(r'"([a-z]+(?:-[a-z]+)*)"', cli)},
        "endpoints": set(re.findall(r"^X\((\w+),", read("src/hubspot/endpoints.def"), re.M)),
        "errors": set(re.findall(r"^X\((\w+),", read("src/core/errors.def"), re.M)),
    }


def table_actions(hubsim):
    """The first column of the table of actions."""
    table = hubsim.split("| action | fields |", 1)[-1].split("\n\n", 1)[0]
    return {name for row in table.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def blocks(text):
    """(line, title, {part: text}, lines that are no part) of each quirk."""
    found, current = [], None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            current = None
            if line.startswith("### "):
                current = (number, line[4:], {}, [])
                found.append(current)
            continue
        if current is None or not line.strip():
            continue
        match = re.match(r"- \*\*([^*]+)\*\*: (.+)", line)
        if match:
            current[2][match.group(1)] = match.group(2)
        elif line.startswith("  ") and current[2]:
            last = list(current[2])[-1]
            current[2][last] += " " + line.strip()
        else:
            current[3].append((number, line))
    return found


def check_names(part, text, facts):
    """Names in backticks that must exist: switches, endpoints and faults of hubsim, options and endpoints of sluice."""
    for code in re.findall(r"`([^`]+)`", text):
        word = code.split("=")[0].split(" ")[0]
        if word.startswith("--"):
            where = "sim options" if part == "hubsim" else "options"
            if word not in facts[where]:
                yield f"{part}: no option {word}"
        elif part == "hubsim" and word.startswith("/_sim/"):
            if word not in facts["admin paths"]:
                yield f"{part}: no admin path {word}"
        elif part == "hubsim" and re.fullmatch(r"[a-z_]+\.[a-z_]+", word):
            if word not in facts["sim endpoints"]:
                yield f"{part}: no endpoint {word}"
        elif part == "sluice" and re.fullmatch(r"[A-Z][A-Z]+(?:_[A-Z]+)*", word):
            if word not in facts["endpoints"] | facts["errors"]:
                yield f"{part}: no endpoint and no error {word}"
    if part == "hubsim":
        for actions in re.findall(r"\b[Ff]aults? ((?:`\w+`(?:, )?)+)", text):
            for action in re.findall(r"\w+", actions):
                if action not in facts["sim actions"]:
                    yield f"hubsim: no fault {action}"


def names_in(path, cache, reader):
    if path not in cache:
        try:
            text = reader(path)
        except OSError:
            text = None
        cache[path] = text and text.replace("\\'", "'")
    return cache[path]


def check_tests(text, sluice, cache, reader):
    if text.startswith("none"):
        if ABSENT not in sluice and "nothing to do" not in sluice:
            yield f'Test: none, but sluice\'s part does not say "{ABSENT}"'
        return
    groups = TEST.findall(text)
    if not groups:
        yield 'Test: no `file` "name"'
    rest = TEST.sub("", text).strip(" ;.")
    if rest:
        yield f"Test: not understood: {rest!r}"
    for path, names in groups:
        source = names_in(path, cache, reader)
        if source is None:
            yield f"Test: no file {path}"
            continue
        for name in re.findall(r'"([^"]+)"', names):
            if path.endswith(".c"):
                found = re.search(rf"\b{re.escape(name)}\(void \*\*", source)
            else:
                found = any(quote + name + quote in source for quote in "'\"`")
            if not found:
                yield f'Test: no "{name}" in {path}'


def check(text, facts, reader=read):
    cache, titles = {}, [anchor(h) for h in re.findall(r"^#+ (.+)$", text, re.M)]
    quirks = blocks(text)
    if not quirks:
        yield 1, "no quirk at all"
    for line, title, parts, strange in quirks:
        for number, stray in strange:
            yield number, f"belongs to no part: {stray[:40]}"
        missing = [part for part in NEEDED if part not in parts]
        if missing:
            yield line, f'"{title}": without {", ".join(missing)}'
            continue
        for part in parts:
            if part not in PARTS:
                yield line, f"there is no part {part}; there are {', '.join(PARTS)}"
        if not re.search(rf"\*\((?:{'|'.join(KNOWN)})[^)]*\)\*", parts["HubSpot"]):
            yield line, f"HubSpot: does not say how we know: *({')*, *('.join(KNOWN)})*"
        for part in ("hubsim", "sluice"):
            for what in check_names(part, parts[part], facts):
                yield line, what
        for what in check_tests(parts["Test"], parts["sluice"], cache, reader):
            yield line, what
    for match in re.finditer(r"\]\(#([^)]+)\)", text):
        if match.group(1) not in titles:
            yield text.count("\n", 0, match.start()) + 1, f"no heading for #{match.group(1)}"
    defined = re.findall(r"^\[([^\]]+)\]: ", text, re.M)
    for match in re.finditer(r"\]\[([^\]]+)\]", text):
        if match.group(1) not in defined:
            yield text.count("\n", 0, match.start()) + 1, f"no source [{match.group(1)}]"
    for title in sorted({t for t in titles if titles.count(t) > 1}):
        yield 1, f"two headings with the anchor #{title}"


def self_test():
    facts = {
        "sim options": {"--lag"}, "sim endpoints": {"objects.list"}, "sim actions": {"cut"}, "admin paths": {"/_sim/clock"},
        "options": {"--share"}, "endpoints": {"OBJECT_LIST"}, "errors": {"CREDENTIALS"},
    }
    files = {"test/e2e/a.test.mjs": "test('it works', f);\ntest('HubSpot\\'s', f);\n", "test/unit/a.c": "static void test_a(void **state)\n"}
    good = {
        "HubSpot": "does it. *(documented)*", "hubsim": "`--lag`, fault `cut`, `objects.list`, `/_sim/clock`",
        "sluice": "`--share`, `OBJECT_LIST`, `CREDENTIALS`", "Test": '`test/e2e/a.test.mjs` "it works", "HubSpot\'s"; `test/unit/a.c` "test_a"',
    }

    def reader(path):
        if path not in files:
            raise OSError(path)
        return files[path]

    def document(**changes):
        parts = {**good, **changes}
        return "### A quirk\n\n" + "".join(f"- **{k}**: {v}\n" for k, v in parts.items() if v)

    cases = [(document(), 0), (document().replace("(documented)", "(sure)"), 1)]
    for changes, wrong in [
        ({"Test": None}, 1), ({"hubsim": None}, 1), ({"HubSpot": "does it."}, 1), ({"hubsim": "`--lags`"}, 1), ({"hubsim": "fault `bite`"}, 1),
        ({"hubsim": "`objects.lists`"}, 1), ({"hubsim": "`/_sim/clocks`"}, 1), ({"sluice": "`--shares`"}, 1), ({"sluice": "`OBJECT_LOST`"}, 1),
        ({"Test": '`test/e2e/a.test.mjs` "it work"'}, 1), ({"Test": '`test/e2e/b.test.mjs` "it works"'}, 1),
        ({"Test": '`test/unit/a.c` "test_b"'}, 1), ({"Test": "somewhere"}, 2), ({"Test": "none: so be it"}, 1),
        ({"Test": "none: so be it", "sluice": "not in sluice yet"}, 0), ({"Whatever": "x"}, 1),
    ]:
        cases.append((document(**changes), wrong))
    cases += [("# Nothing\n", 1), (document() + "stray\n", 1), ("# A\n\n[b](#b)\n" + document(), 1),
              ("# A\n\n[b][C]\n" + document(), 1), ("# A\n\n[b][C]\n\n[C]: x\n" + document(), 0)]
    failures = 0
    for text, wanted in cases:
        found = list(check(text, facts, reader))
        if len(found) != wanted:
            failures += 1
            print(f"quirks self-test: {text!r}: wanted {wanted}, found {found}")
    print(f"quirks self-test: {len(cases)} cases, {failures} wrong")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    findings = sorted(check(read(DOCUMENT), tree_facts()))
    for line, what in findings:
        print(f"{DOCUMENT}:{line}: {what}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
