#!/usr/bin/env python3
"""The rules of docs/style.md that can be read off the text, without a build.

    scripts/lint.py             checks the whole tree
    scripts/lint.py --self-test proves that each rule fires on what it forbids

Prints `file:line: rule: what` for each finding and ends with 1 when there is one.
Only the standard library; Python is there because Meson is written in it.
"""

import os
import re
import subprocess
import sys

ROOMS = "core data http sql hubspot store source destination engine api web cli main".split()
SIM_USES = ["core", "data", "http", "sql"]
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 600
MAX_LINE = 100
C_SUFFIXES = (".c", ".h", ".cc")
# The files that may look into a struct secret: what sends it, seals it, or compares it.
MAY_REVEAL = {
    "src/api/bridges.c",
    "src/api/destinations.c",
    "src/api/keys.c",
    "src/api/sync_delete.c",
    "src/cli/keys.c",
    "src/cli/remote.c",
    "src/cli/server_http.c",
    "src/cli/server_prepare.c",
    "src/core/secret.c",
    "src/core/secret.h",
    "src/engine/columns.c",
    "src/engine/grant.c",
    "src/engine/task_pool.c",
    "src/hubspot/credential.c",
    "src/hubspot/oauth.c",
    "src/hubspot/oauth_call.c",
    "src/store/destinations.c",
    "src/store/sealing.c",
    "src/web/authorize.c",
}
# A mutable global is allowed where a comment on its line or the line above says `lint: mutable` and why.
ALLOW_MUTABLE = "lint: mutable"

# Written in pieces, so that this file does not match itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
PLACES = re.compile(
    r"(?:^|[^A-Za-z0-9_.~$}-])/(?:work|farm|root|home/[a-z]\w*)/"
    r"|deb\.debian" r"\.org|registry\.npm" r"js|pypi" r"\.org|\.\./sha" r"red"
)


def tracked_files():
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], capture_output=True, check=True
    ).stdout
    return sorted(f for f in out.decode().split("\0") if f and os.path.isfile(f))


def blank(match):
    """Keeps the line structure of what is blanked out."""
    return re.sub(r"[^\n]", " ", match.group(0))


TOKENS = re.compile(
    r"//(?:[^\n\\]|\\.|\\\n)*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S
)


def blank_token(match):
    text = match.group(0)
    if text[0] == '"':
        return '"' + " " * (len(text) - 2) + '"'
    if text[0] == "'" and len(text) > 1:
        return "'" + " " * (len(text) - 2) + "'"
    return blank(match)


def code_only(text):
    """Comments and the inside of literals become spaces; preprocessor lines become empty."""
    text = TOKENS.sub(blank_token, text)
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", blank, text, flags=re.M)


def room_of(path):
    parts = path.split("/")
    if parts[0] != "src":
        return None
    if len(parts) == 2:
        return "main"
    return parts[1]


def check_layers(path, text):
    own = room_of(path)
    in_sim = path.startswith("sim/")
    if own is None and not in_sim:
        return
    if own is not None and own not in ROOMS:
        yield 1, "layers", f"there is no room '{own}'; the rooms are {' '.join(ROOMS)}"
        return
    for number, line in enumerate(text.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        target = match.group(1)
        room = target.split("/")[0] if "/" in target else "main"
        if in_sim:
            if room != "sim" and room not in SIM_USES and "/" in target:
                yield number, "layers", f"sim/ may use {' '.join(SIM_USES)}, not '{target}'"
        elif room not in ROOMS:
            yield number, "layers", f'"{target}" names no room; write "room/file.h"'
        elif ROOMS.index(room) > ROOMS.index(own):
            yield number, "layers", f"{own} may not include {room} ('{target}'): it stands to its right"


def banned_functions():
    with open("src/core/banned.h", encoding="utf-8") as header:
        text = header.read()
    return set(re.findall(r"\w+", " ".join(re.findall(r"#pragma GCC poison (.*)", text))))


def check_banned(text, banned):
    pattern = re.compile(r"(?<![\w.>:])(?:std::)?(" + "|".join(sorted(banned)) + r")\s*\(")
    for match in pattern.finditer(text):
        yield line_of(text, match.start()), "banned", f"{match.group(1)}() has a better twin in src/core"


def check_secrets(path, code):
    if path in MAY_REVEAL or path.startswith("test/"):
        return
    for match in re.finditer(r"\bsecret_reveal\s*\(", code):
        yield line_of(code, match.start()), "secrets", "secret_reveal() in a file that MAY_REVEAL does not name"


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def top_level(code):
    """Yields (kind, start, end, head) for the pieces of a file: 'function' bodies and 'statement's.

    Blocks of `extern "C"` and namespaces are looked into. `head` is the text before the brace.
    """
    depth = 0
    inside = []  # for each open brace: True when it is transparent (extern "C", namespace)
    start = 0
    body_head = None
    i = 0
    length = len(code)
    while i < length:
        ch = code[i]
        if ch == "{":
            head = code[start:i]
            opaque_above = any(not t for t in inside)
            transparent = not opaque_above and bool(
                re.search(r'(extern\s*"\s*"|namespace(\s+\w+)?)\s*$', head)
            )
            if transparent:
                start = i + 1
            elif not opaque_above and is_function_head(head):
                body_head = (start, head)
            inside.append(transparent)
            depth += 1
        elif ch == "}":
            depth -= 1
            transparent = inside.pop() if inside else True
            if transparent:
                start = i + 1
            elif not any(not t for t in inside) and body_head is not None:
                yield "function", body_head[0], i, body_head[1]
                body_head = None
                start = i + 1
        elif ch == ";" and not any(not t for t in inside):
            yield "statement", start, i, code[start:i]
            start = i + 1
        i += 1


def is_function_head(head):
    head = strip_attributes(head).strip()
    return head.endswith(")") and "=" not in head.split("(")[0] and not re.match(r"(static_)?assert\b", head)


def strip_attributes(text):
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", " ", text)
    text = re.sub(r"\b(MUST_CHECK|NORETURN|UNUSED|noexcept|override)\b", " ", text)
    return re.sub(r"\b(PRINTF_LIKE|CLEANUP|alignas|_Alignas)\s*\([^()]*\)", " ", text)


def first_code_line(code, start):
    """The line of the first character that is not white space."""
    return line_of(code, start + len(code[start:]) - len(code[start:].lstrip()))


def check_function_length(code):
    for kind, start, end, head in top_level(code):
        if kind != "function":
            continue
        first, last = first_code_line(code, start), line_of(code, end)
        lines = last - first + 1
        if lines > MAX_FUNCTION_LINES:
            name = re.findall(r"(\w+)\s*\(", strip_attributes(head)) or ["?"]
            yield first, "function size", f"{name[0]}() has {lines} lines, {MAX_FUNCTION_LINES} are allowed"


def is_mutable_object(statement):
    """True for the definition of an object that can change. Prototypes, types and constants are not."""
    text = strip_attributes(statement)
    text = re.sub(r"\b(struct|union|enum)(\s+\w+)?\s*\{.*\}", r"\1 anonymous", text, flags=re.S)
    text = " ".join(text.split())
    if not text or re.match(r"(typedef|using|static_assert|_Static_assert|extern\b|template|friend|return)\b", text):
        return False
    declared = re.split(r"=|\{", text)[0].strip()
    if re.fullmatch(r"(struct|union|enum)( \w+)?", declared):
        return False
    if "constexpr" in declared.split():
        return False
    # Of a pointer to a function the first bracket is the one around `*name`; a prototype's may come later.
    pointer_to_function = re.match(r"[^(]*\(\s*\*\s*(const\s+)?\w+\s*(\[[^\]]*\]\s*)*\)\s*\(", declared)
    if pointer_to_function:
        return pointer_to_function.group(1) is None
    if "(" in declared or not re.search(r"\w+\s*(\[[^\]]*\]\s*)*$", declared):
        return False
    if len(re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", declared))) < 2:
        return False  # a macro call such as X or an attribute on its own
    if "*" in declared:
        return re.match(r"\s*const\b", declared.rsplit("*", 1)[1]) is None
    return "const" not in declared.split()


def check_globals(path, text, code):
    lines = text.split("\n")

    def allowed(number):
        here = lines[number - 1] if number <= len(lines) else ""
        above = lines[number - 2] if number >= 2 else ""
        return ALLOW_MUTABLE in here or ALLOW_MUTABLE in above

    for kind, start, end, head in top_level(code):
        if kind == "statement":
            if is_mutable_object(head):
                number = first_code_line(code, start)
                if not allowed(number):
                    yield number, "globals", f"mutable object '{' '.join(head.split())[:60]}'"
        elif not path.startswith("test/"):  # a test program has one thread, and each of its cases runs once
            body = code[start:end]
            for match in re.finditer(r"(?:^|[;{}])\s*((?:static|thread_local|_Thread_local)\b[^;{]*)", body):
                if is_mutable_object(re.sub(r"\b(static|thread_local|_Thread_local)\b", "", match.group(1))):
                    number = line_of(code, start + match.start(1))
                    if not allowed(number):
                        yield number, "globals", f"mutable static '{' '.join(match.group(1).split())[:60]}'"


def check_text(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if UNFINISHED.search(line):
            yield number, "unfinished", "an unfinished mark; finish it, or open an issue"
        if PLACES.search(line):
            yield number, "places", "a path of one machine or the host of a package registry"
        if line != line.rstrip():
            yield number, "white space", "at the end of the line"
        if "\t" in line and not path.endswith(("Makefile", ".tsv", ".1")):
            yield number, "white space", "a tab"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "white space", "the last line has no end"


def check_c(path, text, banned):
    code = code_only(text)
    lines = text.split("\n")
    if len(lines) - 1 > MAX_FILE_LINES:
        yield MAX_FILE_LINES, "file size", f"{len(lines) - 1} lines, {MAX_FILE_LINES} are allowed"
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            yield number, "line size", f"{len(line)} characters, {MAX_LINE} are allowed"
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "header", "no #pragma once"
    yield from check_layers(path, text)
    if not path.endswith("core/banned.h"):
        yield from check_banned(code, banned)
    yield from check_secrets(path, code)
    yield from check_function_length(code)
    yield from check_globals(path, text, code)


def check_tree():
    banned = banned_functions()
    findings = 0
    for path in tracked_files():
        if path.startswith("LICENSE") or path.endswith((".png", ".bin", ".gz", "package-lock.json")):
            continue
        if "/seeds/" in path:
            continue
        with open(path, encoding="utf-8", errors="replace") as handle:
            text = handle.read()
        found = list(check_text(path, text))
        if path.endswith(C_SUFFIXES):
            found += check_c(path, text, banned)
        for number, rule, what in sorted(found):
            print(f"{path}:{number}: {rule}: {what}")
            findings += 1
    return findings


SELF_TESTS = [
    # (path, text, the rule that must fire, or None)
    ("src/core/a.c", '#include "data/json.h"\n', "layers"),
    ("src/data/a.c", '#include "core/str.h"\n', None),
    ("src/hubspot/a.c", '#include "source/source.h"\n', "layers"),
    ("src/nowhere/a.c", "int f(void);\n", "layers"),
    ("sim/a.c", '#include "hubspot/client.h"\n', "layers"),
    ("sim/a.c", '#include "sim/portal.h"\n#include "http/url.h"\n', None),
    ("test/unit/a.c", '#include "engine/run.h"\n', None),
    ("src/core/a.c", "void f(char *a)\n{\n    strcpy(a, a);\n}\n", "banned"),
    ("src/core/a.cc", "void f(char *a)\n{\n    std::strcpy(a, a);\n}\n", "banned"),
    ("src/core/a.c", "void f(char *a)\n{\n    // strcpy(a, a);\n    g(\"strcpy(\");\n}\n", None),
    ("src/cli/a.c", "void f(struct secret *s)\n{\n    g(secret_reveal(s));\n}\n", "secrets"),
    ("src/cli/a.c", "// secret_reveal(s)\nint f(void);\n", None),
    ("src/store/sealing.c", "void f(struct secret *s)\n{\n    g(secret_reveal(s));\n}\n", None),
    ("src/core/a.c", "int f(void)\n{\n" + "    g();\n" * 67 + "}\n", None),
    ("src/core/a.c", "int f(void)\n{\n" + "    g();\n" * 68 + "}\n", "function size"),
    ("src/core/a.c", "static int f(struct x *y,\n             int z)\n{\n" + "    g();\n" * 67 + "}\n", "function size"),
    ("src/core/a.cc", 'extern "C" {\nint f(void)\n{\n' + "    g();\n" * 68 + "}\n}\n", "function size"),
    ("src/core/a.c", "int x;\n" * 601, "file size"),
    ("src/core/a.c", "// " + "a" * 98 + "\n", "line size"),
    ("src/core/a.h", "int f(void);\n", "header"),
    ("src/core/a.c", "int counter;\n", "globals"),
    ("src/core/a.c", "static struct log *log = NULL;\n", "globals"),
    ("src/core/a.c", "static const char *names[] = {\"a\"};\n", "globals"),
    ("src/core/a.c", "static const char *const names[] = {\"a\"};\n", None),
    ("src/core/a.c", "static const struct setting rows[] = {{1}, {2}};\n", None),
    ("src/core/a.c", "const struct table TABLE = {.name = STR_INIT(\"a\")};\n", None),
    ("src/core/a.c", "struct a {\n    int x;\n};\nenum { A = 1 };\nint f(int x);\n", None),
    ("src/core/a.c", "static bool (*hook)(int);\n", "globals"),
    ("src/core/a.c", "static bool (*const hooks[])(int) = {f, g};\n", None),
    ("src/core/a.c", "void run(const struct x *o, void (*changed)(void *user), void *user);\n", None),
    ("test/unit/a.c", "void f(void)\n{\n    static char big[9];\n    g(big);\n}\n", None),
    ("src/core/a.c", "typedef bool row_fn(void *user);\nbool f(void *a,\n       row_fn *fn) MUST_CHECK;\n", None),
    ("src/core/a.c", "void f(void)\n{\n    static int calls;\n    calls++;\n}\n", "globals"),
    ("src/core/a.c", "void f(void)\n{\n    static const int calls = 1;\n    g(calls);\n}\n", None),
    ("src/core/a.c", "// lint: mutable, signal handlers have no other way\nstatic volatile int stop;\n", None),
    ("src/core/a.c", "static _Thread_local int depth;\n", "globals"),
    ("src/core/a.c", "int f(void); // TO" "DO\n", "unfinished"),
    ("docs/a.md", "see /wo" "rk/main\n", "places"),
    ("docs/a.md", "see build/work/main and http://host/work/x\n", None),
    ("docs/a.md", "a  \n", "white space"),
    ("docs/a.md", "a", "white space"),
]


def self_test():
    banned = {"strcpy", "sprintf"}
    failures = 0
    for path, text, rule in SELF_TESTS:
        found = {r for _, r, _ in check_text(path, text)}
        if path.endswith(C_SUFFIXES):
            found |= {r for _, r, _ in check_c(path, text, banned)}
        if (rule is None and found) or (rule is not None and rule not in found):
            failures += 1
            print(f"lint self-test: {path} {text[:60]!r}: wanted {rule}, found {sorted(found)}")
    print(f"lint self-test: {len(SELF_TESTS)} cases, {failures} wrong")
    return failures


def main():
    if sys.argv[1:] == ["--self-test"]:
        return 1 if self_test() else 0
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    findings = check_tree()
    if findings:
        print(f"lint: {findings} findings; docs/style.md has the rules and their reasons")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
