"""What is no Python is said before anything runs."""

import os
import subprocess

import pytest

from emel_tools.scope import Scope
from emel_tools.scope.changes import Changes
from emel_tools.scope.torn import torn

FIX = "mend it, the rest waits for it"


def scope(*files, full=False, base="abc", asked=False):
    return Scope((), Changes(base, "", files, frozenset()), full, asked)


def found(root, of):
    return [(f.file, f.line, f.column) for f in torn(root, of)]


@pytest.mark.behaviour("GATE-122")
@pytest.mark.parametrize(
    ("content", "at", "says"),
    [
        (b"a = 1\ndef f(:\n", (2, 7), "it is no Python: invalid syntax"),
        (b"<<<<<<< HEAD\n", (1, 1), "it is no Python: invalid syntax"),
        (b"if a:\nb = 1\n", (2, 1), "expected an indented block after 'if' statement on line 1"),
        (b"\nreturn 1\n", (2, 1), "it is no Python: 'return' outside function"),  # ast reads it
        (b"# coding: nope\n", (1, 0), "it is no Python: unknown encoding: nope"),
        (b"a = 1\0\n", (1, 0), "null bytes"),
        (b"a = " + b"-" * 100_000 + b"1\n", (1, 0), "it is no Python: it is nested too deeply"),
    ],
)
def test_what_this_python_can_not_compile_is_found_at_its_place(tmp_path, content, at, says):
    (tmp_path / "a.py").write_bytes(content)
    (told,) = torn(tmp_path, scope("a.py"))
    assert (told.file, told.line, told.column, told.rule, told.fix) == ("a.py", *at, "syntax", FIX)
    assert says in told.what
    assert str(tmp_path) not in told.what


@pytest.mark.behaviour("GATE-122")
@pytest.mark.parametrize(
    "content", [b"", b"# coding: latin-1\na = '\xff'\n", b"if 1 is 1:\n    a = '\\d'\n"]
)
def test_what_python_reads_is_none_though_it_warns(tmp_path, content):
    (tmp_path / "a.py").write_bytes(content)
    assert found(tmp_path, scope("a.py")) == []


@pytest.mark.behaviour("GATE-122")
def test_what_differs_is_looked_at_and_in_full_scope_all_that_git_knows_or_would_add(tmp_path):
    for name in ("known.py", "new.py", "left.py", "text.txt"):
        (tmp_path / name).write_text("def f(:\n")
    for words in (("init", "-q"), ("add", "known.py", "text.txt")):
        subprocess.run(("git", *words), cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("left.py\n")
    every = [("known.py", 1, 7), ("new.py", 1, 7)]
    assert found(tmp_path, scope("new.py", "gone.py", "text.txt")) == every[1:]
    assert found(tmp_path, scope("new.py", full=True)) == every
    assert found(tmp_path, scope(base="")) == every
    assert found(tmp_path, scope("new.py", full=True, asked=True)) == []


@pytest.mark.behaviour("GATE-122")
def test_a_file_that_two_branches_changed_is_told_once(tmp_path):
    def git(*words, **more):
        return subprocess.run(("git", *words), cwd=tmp_path, check=True, text=True, **more)

    (tmp_path / "a.py").write_text("<<<<<<< ours\n")
    git("init", "-q")
    blob = git("hash-object", "-w", "a.py", stdout=subprocess.PIPE).stdout.strip()
    stages = "".join(f"100644 {blob} {stage}\ta.py\n" for stage in (1, 2, 3))
    git("update-index", "--index-info", input=stages)
    assert found(tmp_path, scope(full=True)) == [("a.py", 1, 1)]


@pytest.mark.behaviour("GATE-122")
def test_a_name_that_is_no_unicode_is_told_so_that_it_can_be_kept(tmp_path):
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).write_text("def f(:\n")
    assert found(tmp_path, scope(name)) == [("caf\\udce9.py", 1, 7)]
