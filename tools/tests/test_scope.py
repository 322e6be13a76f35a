"""A shard runs when a changed file can affect it, in real git repositories."""

import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest

from emel_tools import scope
from emel_tools.running import Job, Lane, Outcome, Reads, Shard, registry
from emel_tools.running.results import Result
from emel_tools.running.schedule import Progress
from emel_tools.running.tasks import tasks
from emel_tools.scope import affected, observed
from emel_tools.scope.affected import matches
from emel_tools.scope.changes import Changes, asked, changes, head, known
from emel_tools.scope.choice import PASSED, folder, passed
from emel_tools.scope.closure import closures
from emel_tools.scope.depth import Depth, depth
from emel_tools.scope.explanation import explain
from emel_tools.scope.noting import noting, remember_passed
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]

NAMES = ("disk", "tape", "reel")
FILES = {
    ".gitignore": ".nox/\n",
    "noxfile.py": "",
    "pyproject.toml": "",
    "README.md": "",
    "tools/pyproject.toml": '[project]\nname = "emel-tools"\n',
    "tools/src/emel_tools/gate.py": "import emel_reel\n",
    "packages/disk/pyproject.toml": '[project]\nname = "emel-disk"\n',
    "packages/tape/pyproject.toml": (
        '[project]\nname = "emel-tape"\ndependencies = ["Emel.Disk>=0.1", "numpy"]\n'
    ),
    "packages/reel/pyproject.toml": '[project]\nname = "emel-reel"\n',
    "packages/reel/src/emel_reel/code.py": "def f():\n    import emel_tape.code\n",
    **{f"packages/{name}/src/emel_{name}/__init__.py": "" for name in NAMES},
    **{f"packages/{name}/tests/test_{name}.py": "" for name in NAMES},
    **{f"packages/{name}/README.md": "" for name in NAMES},
}


class Repository:
    def __init__(self, root):
        self.root = root
        for path, text in FILES.items():
            self.write(path, text)
        self.git("init", "-q", "-b", "main")
        self.commit()

    def git(self, *words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ("git", *who, *words), cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a step")
        return self.git("rev-parse", "HEAD")

    def branch(self, name="work"):
        self.git("checkout", "-q", "-b", name)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for name in [*os.environ]:
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CI", raising=False)
    return Repository(tmp_path)


def lane(name, *shards):
    def run(job):
        return (Outcome(shard, "nothing") for shard in job.shards)

    return Lane(name, "", lambda _root: [Shard(name, *shard) for shard in shards], run)


TESTS = lane("tests", *((name, Reads(own=(name,), runs=(name,)), 9) for name in NAMES))
LINT = lane("lint", *((name, Reads(own=(name,)), 9) for name in NAMES))
DOCS = lane("docs", ("pages", Reads(paths=("docs/**", "**/README.md")), 9))
LANES = (TESTS, LINT, DOCS)
COVERAGE = lane("coverage", *((name, Reads(covers=(name,)), 9) for name in NAMES))


def know(repository, lanes=LANES, **seen):
    """Let every shard have run, and have been green."""
    for each in lanes:
        for shard in each.shards(repository.root):
            found = seen.get(shard.key.replace("/", "_"), observed.Seen(green=True))
            observed.write(folder(repository.root), shard.key, found)


def chosen(repository, lanes=LANES, **asked):
    found = scope.choose(repository.root, lanes, scope.Asked(**asked))
    return {choice.shard.key: choice.why for choice in found.choices if choice.runs}


EVERYTHING = {shard.key for each in LANES for shard in each.shards(None)}


@pytest.mark.behaviour("GATE-95")
def test_committed_uncommitted_and_untracked_changes_count_from_the_merge_base(repository):
    base = repository.git("rev-parse", "HEAD")
    repository.branch()
    repository.write("packages/disk/src/emel_disk/__init__.py", "x = 1\n")
    repository.commit()
    repository.git("checkout", "-q", "main")
    repository.write("packages/tape/README.md", "main went on\n")
    repository.commit()
    repository.git("checkout", "-q", "work")
    repository.write("packages/tape/src/emel_tape/new file é.py", "")
    repository.git("mv", "packages/reel/README.md", "packages/reel/READ.md")
    (repository.root / "README.md").unlink()
    found = changes(repository.root)
    assert found.base == base
    assert found.files == (
        "README.md",
        "packages/disk/src/emel_disk/__init__.py",
        "packages/reel/READ.md",
        "packages/reel/README.md",
        "packages/tape/src/emel_tape/new file é.py",
    )
    assert found.moved == {*found.files} - {"packages/disk/src/emel_disk/__init__.py"}


@pytest.mark.behaviour("GATE-95")
def test_main_is_compared_with_the_remote_it_was_cloned_from(repository, tmp_path_factory):
    there = tmp_path_factory.mktemp("there") / "clone"
    repository.git("clone", "-q", str(repository.root), str(there))
    clone = Repository.__new__(Repository)
    clone.root = there
    base = clone.git("rev-parse", "HEAD")
    clone.write("packages/disk/README.md", "new\n")
    clone.commit()
    found = changes(there)
    assert (found.base, found.files) == (base, ("packages/disk/README.md",))
    assert "origin/main" in found.because


@pytest.mark.behaviour("GATE-95")
def test_main_without_a_remote_is_compared_with_what_last_passed_here(repository):
    assert changes(repository.root).base == ""
    know(repository)
    assert chosen(repository).keys() == EVERYTHING
    found = scope.choose(repository.root, LANES, scope.Asked())
    here = head(repository.root)
    remember_passed(repository.root, found, scope.Asked(), here, green=False)
    remember_passed(repository.root, found, scope.Asked(only=("lint",)), here, green=True)
    repository.write("README.md", "not committed\n")
    remember_passed(repository.root, found, scope.Asked(), here, green=True)
    repository.git("checkout", "-q", "README.md")
    remember_passed(repository.root, found, scope.Asked(), "", green=True)
    assert not (repository.root / PASSED).exists()
    remember_passed(repository.root, found, scope.Asked(), here, green=True)
    assert chosen(repository) == {}
    repository.write("packages/disk/README.md", "new\n")
    repository.commit()
    assert chosen(repository).keys() == {"tests/disk", "lint/disk", "docs/pages"}


@pytest.mark.behaviour("GATE-95")
def test_what_was_committed_while_it_ran_has_not_passed(repository):
    here = head(repository.root)
    found = scope.choose(repository.root, LANES, scope.Asked())
    repository.write("README.md", "nobody looked at it\n")
    repository.commit()
    remember_passed(repository.root, found, scope.Asked(), here, green=True)
    assert not (repository.root / PASSED).exists()


@pytest.mark.behaviour("GATE-95")
def test_a_commit_has_passed_on_a_branch_only_if_what_it_was_compared_with_had(repository):
    repository.branch()
    repository.write("README.md", "more\n")
    here = repository.commit()
    found = scope.choose(repository.root, LANES, scope.Asked())
    assert found.base
    remember_passed(repository.root, found, scope.Asked(), here, green=True)
    assert not (repository.root / PASSED).exists()
    (repository.root / PASSED).parent.mkdir(parents=True)
    (repository.root / PASSED).write_text(f"{found.base}\n")
    remember_passed(repository.root, found, scope.Asked(), here, green=True)
    assert (repository.root / PASSED).read_text() == f"{here}\n"


@pytest.mark.behaviour("GATE-95")
@pytest.mark.parametrize("kept", [b"", b"\xff\n", b"\0" * 40, b"HEAD\n"])
def test_what_is_no_commit_has_not_passed(repository, kept):
    (repository.root / PASSED).parent.mkdir(parents=True)
    (repository.root / PASSED).write_bytes(kept)
    assert changes(repository.root, passed=passed(repository.root)).base == ""


@pytest.mark.behaviour("GATE-95")
@pytest.mark.parametrize("how", ["setting", "index"])
def test_where_git_cannot_say_what_there_is_nothing_is_taken_for_unchanged(repository, how):
    repository.branch()
    repository.write("packages/disk/README.md", "new\n")
    assert known(repository.root)
    if how == "setting":
        repository.git("config", "diff.algorithm", "bogus")
    else:
        (repository.root / ".git/index").write_bytes(b"torn")
    with pytest.raises(scope.BrokenGitError, match=r"git (diff|status) ended with exit code 128: "):
        scope.choose(repository.root, LANES, scope.Asked())
    with pytest.raises(scope.BrokenGitError):
        head(repository.root)


@pytest.mark.behaviour("GATE-95")
@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_a_file_that_git_was_told_to_pass_over_is_not_taken_for_unchanged(repository, flag):
    repository.branch()
    repository.git("update-index", f"--{flag}", "README.md")
    repository.write("README.md", "git says nothing of it\n")
    with pytest.raises(
        scope.BrokenGitError, match=r"told to pass over README\.md: git update-index"
    ):
        scope.choose(repository.root, LANES, scope.Asked())
    assert head(repository.root) == ""
    repository.git("update-index", f"--no-{flag}", "README.md")
    assert changes(repository.root).files == ("README.md",)


@pytest.mark.behaviour("GATE-95")
def test_of_a_folder_that_is_no_repository_git_knows_nothing(tmp_path):
    (tmp_path / "README.md").touch()
    assert known(tmp_path) == []
    assert head(tmp_path) == ""


@pytest.mark.behaviour("GATE-95")
def test_a_base_that_a_shallow_clone_lacks_is_told_with_how_to_have_it(repository, tmp_path):
    repository.commit()
    there = tmp_path / "there"
    repository.git("clone", "-q", "--depth=1", f"file://{repository.root}", str(there))
    with pytest.raises(scope.UnknownBaseError, match=r"is shallow: git fetch --unshallow"):
        changes(there, base="HEAD~1")


@pytest.mark.behaviour("GATE-98")
@pytest.mark.parametrize(
    ("path", "is_listed"),
    [
        ("docs/new.md", True),
        ("docs/new/a.md", True),
        ("docs/new/deep/a.md", True),
        ("docs/old/a.md", False),
        ("new/a.md", False),
    ],
)
def test_a_folder_that_came_is_news_to_who_lists_the_one_that_it_came_to(
    repository, path, is_listed
):
    repository.write("docs/old/page.md", "")
    repository.commit()
    repository.branch()
    lists = observed.Seen(green=True, folders=frozenset({"docs"}))
    counts = lane("count", ("tape", Reads(), 9))
    know(repository, (counts,), count_tape=lists)
    repository.write(path, "new\n")
    looks = lane("look", ("all", Reads(paths=("**",)), 9))
    know(repository, (looks,))
    assert ("count/tape" in chosen(repository, (counts, looks))) == is_listed


@pytest.mark.behaviour("GATE-95")
def test_a_commit_that_was_compared_with_a_base_of_somebodys_choice_has_not_passed(repository):
    know(repository)
    asked = scope.Asked(base="HEAD")
    found = scope.choose(repository.root, LANES, asked)
    assert not any(choice.runs for choice in found.choices)
    here = head(repository.root)
    remember_passed(repository.root, found, asked, here, green=True)
    assert not (repository.root / PASSED).exists()
    remember_passed(repository.root, found._replace(full=True), asked, here, green=True)
    assert (repository.root / PASSED).exists()


@pytest.mark.behaviour("GATE-95")
def test_a_base_may_be_named_and_must_exist(repository):
    first = repository.git("rev-parse", "HEAD")
    repository.write("packages/disk/README.md", "new\n")
    repository.commit()
    assert changes(repository.root, first).files == ("packages/disk/README.md",)
    for name in ("nothing", "--all", ""):
        if name:
            with pytest.raises(scope.UnknownBaseError, match=name):
                changes(repository.root, name)


@pytest.mark.behaviour("GATE-95")
def test_without_git_or_a_commit_everything_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.delenv("CI", raising=False)
    assert changes(tmp_path).base == ""
    found = scope.choose(tmp_path, LANES, scope.Asked())
    assert {choice.shard.key for choice in found.choices if choice.runs} == EVERYTHING


@pytest.mark.behaviour("GATE-96")
def test_packages_run_what_they_declare_and_what_they_import_at_any_depth(repository):
    assert closures(repository.root) == {
        "disk": {"disk"},
        "tape": {"tape", "disk"},
        "reel": {"reel", "tape", "disk"},
        "tools": {"tools", "reel", "tape", "disk"},
    }


@pytest.mark.behaviour("GATE-96")
@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("from emel_reel import play", {"disk", "tape", "reel"}),
        ("\tif True:\n\t    import  emel_reel.play", {"disk", "tape", "reel"}),
        ("# from emel_reel import play", {"disk"}),
        ("x = 'import emel_reel'", {"disk"}),
        ("from . import emel_reel", {"disk"}),
    ],
)
def test_what_is_only_spoken_of_is_not_imported(repository, line, runs):
    repository.write("packages/disk/tests/test_more.py", f"first = 1\n{line}\n")
    assert closures(repository.root)["disk"] == runs


@pytest.mark.behaviour("GATE-96")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("packages/disk/src/emel_disk/new.py", "tests/disk tests/tape tests/reel lint/disk"),
        ("packages/tape/src/emel_tape/__init__.py", "tests/tape tests/reel lint/tape"),
        ("packages/disk/tests/test_disk.py", "tests/disk lint/disk"),
        ("packages/disk/src/emel_disk/data.bin", "tests/disk tests/tape tests/reel lint/disk"),
        ("packages/tape/README.md", "tests/tape lint/tape docs/pages"),
        ("docs/deep/in/page.md", "docs/pages"),
        ("snapshots/lint/reel.txt", "lint/reel"),
    ],
)
def test_a_change_runs_the_reverse_closure_of_its_package_and_no_more(repository, path, expected):
    repository.branch()
    know(repository)
    assert chosen(repository) == {}
    repository.write(path, "changed = 1\n")
    assert chosen(repository).keys() == {*expected.split()}
    assert all(why.startswith(f"{path} ") for why in chosen(repository).values())


@pytest.mark.behaviour("GATE-97")
@pytest.mark.parametrize(
    "path",
    [
        "noxfile.py",
        "pyproject.toml",
        ".importlinter",
        ".ci/run",
        "tools/constraints.txt",
        "tools/src/emel_tools/gate.py",
        "packages/disk/pyproject.toml",
        "packages/reel/tests/conftest.py",
        "snapshots/lint/gone.txt",
        "nobody.knows",
    ],
)
def test_configuration_conftests_the_gate_and_what_nobody_owns_run_everything(repository, path):
    repository.branch()
    know(repository)
    repository.write(path, "changed = 1\n")
    assert chosen(repository).keys() == EVERYTHING
    assert all(path in why for why in chosen(repository).values())


@pytest.mark.behaviour("GATE-98")
def test_what_a_shard_was_seen_to_open_or_list_affects_it(repository):
    repository.branch()
    seen = observed.Seen(
        green=True,
        files=frozenset({"packages/disk/README.md"}),
        folders=frozenset({"packages/tape/src/emel_tape"}),
    )
    know(repository, lint_reel=seen)
    repository.write("packages/disk/README.md", "new\n")
    assert "lint/reel" in chosen(repository)
    repository.git("checkout", "-q", ".")
    repository.write("packages/tape/src/emel_tape/__init__.py", "changed = 1\n")
    assert "lint/reel" not in chosen(repository)  # it lists the folder, and doesn't look inside
    repository.write("packages/tape/src/emel_tape/more.py", "")
    assert chosen(repository)["lint/reel"].endswith("a folder that it lists")


CODE = """# A word.
def work(x: int) -> int:
    "Dóuble it."
    y = x  # type: int
    return 2 * y
""".encode()


def with_code(repository):
    """Begin a branch where a module of disk holds `CODE`; answers how it is called and where."""
    path = "packages/disk/src/emel_disk/__init__.py"
    target = repository.root / path
    target.write_bytes(CODE)
    repository.commit()
    repository.branch()
    return path, target


RUN_DISK = {"tests/tape", "tests/reel", "lint/reel"}


@pytest.mark.behaviour("GATE-106")
@pytest.mark.parametrize(
    ("was", "now", "runs"),
    [
        (b"# A word.\n", b"# Another,\n\n# and more.\n", False),
        (b"2 * y", b"(2\n            * y)  # twice", False),
        (b"2 * y", b"3 * y", True),
        (b"x: int", b"x: str", True),
        (b"uble it", b"uble", True),
        (b"# A word.", b"# coding: latin-1", True),
        (b"# A word.", b"word = 'w\xf6rd'", True),
        (b"# type: int", b"# type: str", True),
        (b"2 * y", b"2 *", True),
        (b"2 * y", b"2 * y\0", True),
        (b"2 * y", b"-" * 3_000 + b"y", True),
        (b"2 * y", b"-" * 50_000 + b"y", True),
    ],
)
def test_a_change_of_comments_or_layout_runs_what_looks_at_the_file_and_not_what_runs_it(
    repository, was, now, runs
):
    assert was in CODE
    path, target = with_code(repository)
    imports = observed.Seen(green=True, imported=frozenset({path}))
    opens = observed.Seen(green=True, files=frozenset({path}))
    know(repository, lint_reel=imports, lint_tape=opens)
    target.write_bytes(CODE.replace(was, now))
    looks = {"tests/disk", "lint/disk", "lint/tape"}
    assert chosen(repository).keys() == (looks | RUN_DISK if runs else looks)


COSTS = lane("costs", *((name, Reads(calls=(name,)), 9) for name in NAMES))
ALONE = lane("alone", *((name, Reads(imports=(name,)), 9) for name in NAMES))
RUN, CALL, IMPORT = (
    {f"{each}/{name}" for name in ("disk", "tape", "reel")} for each in ("tests", "costs", "alone")
)


@pytest.mark.behaviour("GATE-119")
@pytest.mark.parametrize(
    ("was", "now", "runs"),
    [
        (b"# A word.", b"# Another.", {"tests/disk"}),
        (b"uble it", b"uble", RUN),
        (b"# type: int", b"# type: str", RUN),
        (b"2 * y", b"3 * y", RUN | CALL),
        (b"    y = x", b"    from os import path\n    y = x", RUN | CALL | IMPORT),
        (b"x: int", b"x: str", RUN | CALL),
        (b"def work", b"def works", RUN | CALL),
        (b"# A word.\n", b"WORD = 1\n", RUN),
        (b"# A word.\n", b"import os\n", RUN | CALL | IMPORT),
        (b"# A word.\n", b"print()\n", RUN | CALL | IMPORT),
        (b"2 * y", b"2 *", RUN | CALL | IMPORT),
    ],
)
def test_how_deep_a_change_goes_says_whom_it_concerns(repository, was, now, runs):
    assert was in CODE
    lanes = (TESTS, COSTS, ALONE)
    path, target = with_code(repository)
    imports = observed.Seen(green=True, imported=frozenset({path}))
    know(repository, lanes, costs_reel=imports)
    target.write_bytes(CODE.replace(was, now))
    assert chosen(repository, lanes).keys() == runs


@pytest.mark.behaviour("GATE-119")
def test_what_runs_one_package_and_calls_another_looks_at_docstrings_of_what_it_imports(repository):
    both = (lane("both", ("reel", Reads(runs=("reel",), calls=("tape",)), 9)),)
    repository.write("packages/other/pyproject.toml", '[project]\nname = "emel-other"\n')
    other = "packages/other/src/emel_other/__init__.py"
    repository.write(other, '"""A word."""\n')
    repository.commit()
    repository.branch()
    know(repository, both, both_reel=observed.Seen(green=True, imported=frozenset({other})))
    repository.write(other, '"""Another."""\n')
    assert chosen(repository, both)["both/reel"].endswith("was imported by it")


@pytest.mark.behaviour("GATE-98", "GATE-114")
def test_sources_that_are_read_to_be_compared_are_opened_by_nobody(tmp_path):
    source = "packages/a/src/emel_a/work.py"
    for path in (source, "packages/a/tests/test_a.py", "tools/src/emel_tools/a.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("LIMIT = 1\n")
    script = (
        "import sys; from pathlib import Path; from emel_tools import audits\n"
        "from emel_tools.scope import observed; from emel_tools.scope.altered import sources\n"
        "root = Path(sys.argv[1]); notes = observed.Notes(root)\n"
        "audits.listen(observed.EVENTS.__contains__, notes.see)\n"
        "print(*sources(root), *sources(root, 'tools/src/**/*.py'), *notes.seen().files)"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [source, "tools/src/emel_tools/a.py"]


@pytest.mark.behaviour("GATE-119")
@pytest.mark.parametrize(("speaks", "goes"), [("MORE", Depth.IMPORTS), ("work", Depth.ADDED)])
def test_what_is_new_and_the_tools_speak_of_is_not_only_added(repository, speaks, goes):
    path = "packages/disk/src/emel_disk/__init__.py"
    repository.write(path, "def work():\n    return 1\n")
    repository.write("tools/src/emel_tools/calls.py", f"from emel_disk import {speaks}\n")
    repository.commit()
    repository.branch()
    repository.write(path, "MORE = 1\n\n\ndef work():\n    return 1\n")
    assert depth(repository.root, changes(repository.root), path) == goes


OPTIONAL = """
def work():
    try:
        import fast
    except ImportError:
        fast = None
    return fast
"""


@pytest.mark.behaviour("GATE-119")
@pytest.mark.parametrize(
    ("was", "now", "goes"),
    [
        ("return fast", "return [fast]", Depth.FUNCTIONS),
        ("fast = None", "fast = 1", Depth.FUNCTIONS),
        ("ImportError", "(ImportError, OSError)", Depth.IMPORTS),
        (" ImportError", "", Depth.IMPORTS),
        ("    try:\n        import fast", "    import fast\n    try:\n        1", Depth.IMPORTS),
        ("fast = None", "import slow as fast", Depth.IMPORTS),
    ],
)
def test_an_import_that_may_fail_is_another_than_one_that_must_not(repository, was, now, goes):
    path = "packages/disk/src/emel_disk/__init__.py"
    repository.write(path, OPTIONAL)
    repository.commit()
    repository.branch()
    assert was in OPTIONAL
    repository.write(path, OPTIONAL.replace(was, now))
    assert depth(repository.root, changes(repository.root), path) == goes


@pytest.mark.behaviour("GATE-119")
@pytest.mark.parametrize("name", ["bench", "costs", "determinism", "fuzz", "parity"])
def test_lanes_that_look_at_no_docstring_only_call(name):
    shards = [shard.reads for shard in registry.lane(name).shards(ROOT)]
    assert any(reads.calls for reads in shards)
    assert not any(reads.runs for reads in shards)


@pytest.mark.behaviour("GATE-119")
def test_the_probe_of_a_package_only_imports_what_it_depends_on_and_looks_at_its_tests():
    probes = {
        shard.name.removeprefix("isolation-"): shard.reads
        for shard in registry.lane("boundaries").shards(ROOT)
        if shard.name.startswith("isolation-")
    }
    assert probes.keys() == {package.name for package in packages(ROOT)}
    for name, reads in probes.items():
        assert reads.imports == (name,)
        assert reads == Reads(imports=reads.imports, paths=reads.paths)
        assert reads.paths[0] == f"packages/{name}/tests/**"


@pytest.mark.behaviour("GATE-96")
@pytest.mark.parametrize("file", ["README.md", "LICENSE"])
def test_the_probe_of_a_package_reads_what_an_installation_reads_of_all_below_it(file):
    lane = registry.lane("boundaries")
    shards = {shard.name: shard for shard in lane.shards(ROOT)}
    repository = affected.Repository(ROOT, {}, [*shards.values()])
    green = observed.Seen(green=True)

    def runs(package):
        path = f"packages/{package}/{file}"
        gone = Changes("a commit", "", (path,), frozenset({path}))
        return {name for name in shards if repository.affects(shards[name], green, gone)}

    assert runs("emel") == {"isolation-emel"}
    assert runs("model_loader") == {"isolation-emel", "isolation-model_loader"}
    assert runs("machine") >= {f"isolation-{name}" for name in ("emel", "io_read", "machine")}


@pytest.mark.behaviour("GATE-96", "GATE-106")
def test_what_covers_a_package_is_affected_by_its_code_and_no_other(repository):
    lanes = (COVERAGE,)
    repository.branch()
    know(repository, lanes)
    repository.write("packages/disk/README.md", "new\n")
    repository.write("packages/disk/tests/test_disk.py", "new = 1\n")
    repository.write("packages/disk/src/emel_disk/__init__.py", '"""A word."""\n\n# and another\n')
    assert chosen(repository, lanes) == {}
    repository.write("packages/disk/src/emel_disk/__init__.py", "word = 1\n")
    why = "packages/disk/src/emel_disk/__init__.py is code of disk"
    assert chosen(repository, lanes) == {"coverage/disk": why}


@pytest.mark.behaviour("GATE-106")
def test_a_file_that_came_or_went_is_no_change_of_comments(repository):
    path = repository.root / "packages/disk/src/emel_disk/more.py"
    repository.branch()
    know(repository)
    path.write_bytes(b"")
    assert "tests/tape" in chosen(repository)
    repository.commit()
    repository.git("checkout", "-q", "-b", "later")
    path.unlink()
    assert "tests/tape" in chosen(repository, base="work")
    other = path.with_name("data.cfg")  # in which nobody knows what a comment is
    other.write_bytes(b"a = 1\n")
    repository.commit()
    repository.git("checkout", "-q", "-b", "last")
    other.write_bytes(b"a = 1  # b\n")
    assert "tests/tape" in chosen(repository, base="later")


@pytest.mark.behaviour("GATE-98")
def test_a_shard_that_never_ran_here_or_was_red_runs(repository):
    repository.branch()
    know(repository, lint_tape=observed.Seen(green=False))
    observed.forget(folder(repository.root), "tests/reel")
    assert chosen(repository) == {
        "lint/tape": "it was red when it last ran",
        "tests/reel": "it never ran here",
    }


@pytest.mark.behaviour("GATE-98")
def test_every_process_of_a_shard_notes_what_it_reads(tmp_path):
    notes = tmp_path / ".nox" / "notes"
    (tmp_path / "packages" / "disk").mkdir(parents=True)
    (tmp_path / "read.txt").write_text("")
    (tmp_path / "loaded.py").write_text("")
    program = (
        "import os, pathlib, sys; from emel_tools.scope.observed import take_notes;"
        "root = pathlib.Path.cwd(); take_notes(root); open('read.txt'); os.listdir('packages');"
        "list((root / 'packages').glob('*/x')); open(os.devnull); open(0, closefd=False);"
        "sys.path.insert(0, ''); import loaded; list(os.scandir())"
    )
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env={**os.environ, observed.NOTES: str(notes)},
            check=True,
        )
    assert len(list(notes.iterdir())) == 2
    seen = observed.collect(notes, green=False)
    assert (seen.files, seen.imported) == ({"read.txt"}, {"loaded.py"})
    assert {".", "packages"} <= seen.folders <= {".", "packages", "packages/disk"}
    assert not seen.green
    assert list(notes.iterdir()) == []


@pytest.mark.behaviour("GATE-98")
def test_a_note_is_written_in_one_stroke(tmp_path):
    observed.write(tmp_path, "1", observed.Seen(green=True))
    with (tmp_path / "1.json").open("rb") as before:
        observed.write(tmp_path, "1", observed.Seen(green=False))
        assert b"true" in before.read()
    assert not observed.read(tmp_path, "1").green
    assert [path.name for path in tmp_path.iterdir()] == ["1.json"]


@pytest.mark.behaviour("GATE-98")
def test_a_name_that_is_no_unicode_counts_only_where_there_is_such_a_file(tmp_path):
    (tmp_path / "there\udcff").touch()
    seen = observed._ours(tmp_path, tmp_path, ["there\udcff", "elsewhere\udcff", "plain"])
    assert list(seen) == ["there\udcff", "plain"]


@pytest.mark.behaviour("GATE-98")
def test_who_has_opened_a_file_whose_name_is_no_unicode_runs_again(tmp_path):
    observed.write(tmp_path, "1", observed.Seen(green=True, files=frozenset({"read.txt"})))
    observed.write(tmp_path, "2", observed.Seen(green=True, files=frozenset({"\udcff.txt"})))
    seen = observed.collect(tmp_path, green=True)
    assert (seen.green, seen.files) == (False, {"read.txt"})


@pytest.mark.behaviour("GATE-98")
@pytest.mark.parametrize("content", [b"", b'{"green":true,"files":["', b'{"green":"\xff"}'])
def test_a_shard_of_whose_notes_one_cannot_be_read_runs_again(repository, content):
    root, shard = repository.root, LINT.shards(None)[0]
    (task,) = tasks(
        [scope.Choice(LINT, shard, runs=True, why="")], Job(root, (), full=False, base="", seed=0)
    )
    seen = noting(root, Progress(lambda _: None, lambda *_: None, lambda: None))
    seen.begun(task)
    notes = observed.notes_of(root, "lint", [shard.name])
    observed.write(notes, "1", observed.Seen(green=True, files=frozenset({"read.txt"})))
    (notes / "2.json").write_bytes(content)
    seen.ended(task, [Result("lint", shard.name, "ok", "")])
    kept = observed.read(folder(root), shard.key)
    assert (kept.green, kept.files) == (False, {"read.txt"})


def raised(notes, event, *arguments, file=__file__):
    if event in observed.EVENTS:
        notes.see(event, arguments, SimpleNamespace(f_code=SimpleNamespace(co_filename=file)))


@pytest.mark.behaviour("GATE-98")
def test_files_of_the_repository_are_noted_however_they_are_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notes = observed.Notes(tmp_path)
    for path in ("a.py", str(tmp_path / "b.py"), b"c.py", "x/../d.py", 3, "", "/dev/null"):
        raised(notes, "open", path, "r", 0)
    for path in ("__pycache__/a.pyc", ".git/HEAD", ".nox/env/x", f"{tmp_path}-other/e.py"):
        raised(notes, "open", path, "r", 0)
    raised(notes, "open", "imported.py", "r", 0, file="<frozen importlib._bootstrap_external>")
    raised(notes, "os.listdir", None)
    raised(notes, "os.scandir", "x")
    raised(notes, "os.rename", "f.py", "g.py")
    assert notes.seen().files == {"a.py", "b.py", "c.py", "d.py"}
    assert notes.seen().folders == {".", "x"}


@pytest.mark.behaviour("GATE-98")
def test_noting_what_is_opened_keeps_nothing_alive(tmp_path):
    notes = observed.Notes(tmp_path)

    class Kept:
        pass

    def opens(kept):
        try:
            next(iter(()))
        except StopIteration as error:
            notes.see("open", (str(tmp_path / "a"), "r", 0), error.__traceback__.tb_frame)

    kept = Kept()
    gone = weakref.ref(kept)
    gc.disable()
    try:
        opens(kept)
        del kept
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.behaviour("GATE-98")
def test_looking_up_who_depends_on_whom_makes_nobody_depend_on_all(tmp_path):
    notes = observed.Notes(tmp_path)
    with observed.unnoted():
        raised(notes, "open", str(tmp_path / "a.py"), "r", 0)
    raised(notes, "open", str(tmp_path / "b.py"), "r", 0)
    assert notes.seen().files == {"b.py"}


@pytest.mark.behaviour("GATE-98")
def test_who_depends_on_whom_is_read_unnoted(repository, monkeypatch):
    monkeypatch.setattr(observed, "_unnoted", depth := [])
    asked = []
    monkeypatch.setattr("emel_tools.scope.closure._direct", lambda *_: asked.append(len(depth)))
    with pytest.raises(TypeError):
        closures(repository.root)
    assert set(asked) == {1}
    assert depth == []


@pytest.mark.behaviour("GATE-98")
@pytest.mark.parametrize(("together", "files"), [(False, {"read.txt"}), (True, set())])
def test_what_is_read_in_a_process_that_shards_share_is_nobodys(repository, together, files):
    root, shard = repository.root, LINT.shards(None)[0]
    one = LINT._replace(together=together)
    (task,) = tasks(
        [scope.Choice(one, shard, runs=True, why="")], Job(root, (), full=False, base="", seed=0)
    )
    quiet = Progress(lambda _: None, lambda *_: None, lambda: None)
    seen = noting(root, quiet)
    seen.begun(task)
    notes = observed.notes_of(root, "lint", [shard.name])
    read, run = frozenset({"read.txt"}), frozenset({"run.py"})
    observed.write(notes, "1", observed.Seen(green=True, files=read, imported=run, folders=read))
    seen.ended(task, [Result("lint", shard.name, "ok", "")])
    kept = observed.read(folder(root), shard.key)
    assert (kept.green, kept.files, kept.folders) == (True, files, files)
    assert kept.imported == (run if files else set())


@pytest.mark.behaviour("GATE-99")
def test_ci_runs_everything_on_main_and_what_has_changed_on_a_branch(repository, monkeypatch):
    know(repository)
    monkeypatch.setenv("CI", "true")
    assert chosen(repository).keys() == EVERYTHING
    repository.git("checkout", "-q", "--detach")
    assert chosen(repository).keys() == EVERYTHING
    repository.branch()
    repository.write("packages/reel/README.md", "new\n")
    assert chosen(repository).keys() == {"tests/reel", "lint/reel", "docs/pages"}
    assert chosen(repository, full=True).keys() == EVERYTHING


@pytest.mark.behaviour("GATE-99")
def test_what_takes_long_runs_only_in_full_or_when_it_is_named(repository):
    long = lane("real", ("models", Reads(runs=("disk",)), 9, (), (), True))
    repository.branch()
    repository.write("noxfile.py", "changed = 1\n")
    assert chosen(repository, (long,)) == {}
    some = lane("real", ("few", Reads(), 9), ("models", Reads(runs=("disk",)), 9, (), (), True))
    assert chosen(repository, (some,), only=("real",)).keys() == {"real/few"}
    assert chosen(repository, (long,), only=("real",)).keys() == {"real/models"}
    assert chosen(repository, (some,), only=("real/models",)).keys() == {"real/models"}
    assert chosen(repository, (long,), full=True).keys() == {"real/models"}


@pytest.mark.behaviour("GATE-99")
def test_what_comes_behind_a_shard_runs_when_that_does_for_whatever_reason(repository):
    judge = lane(
        "judge",
        ("disk", Reads(), 9, (), ("tests/disk",)),
        ("reel", Reads(), 9, (), ("tests/tape", "tests/reel")),
        ("long", Reads(), 9, (), ("tests/disk",), True),
    )
    count = lane("count", ("tape", Reads(paths=("docs/**",)), 9, ("tests/tape",)))
    lanes = (judge, TESTS, count)
    repository.branch()
    opens = observed.Seen(green=True, files=frozenset({"packages/disk/README.md"}))
    know(repository, lanes, tests_reel=opens)
    assert chosen(repository, lanes) == {}
    repository.write("docs/page.md", "new\n")
    assert chosen(repository, lanes).keys() == {"count/tape", "tests/tape", "judge/reel"}
    repository.write("packages/disk/README.md", "new\n")
    found = chosen(repository, lanes)
    assert found["judge/disk"] == "tests/disk runs, and it comes behind it"
    assert found["judge/reel"].startswith("tests/tape runs")
    observed.write(folder(repository.root), "judge/reel", observed.Seen(green=False))
    assert chosen(repository, lanes)["judge/reel"] == "it was red when it last ran"
    assert "judge/long" not in found


@pytest.mark.behaviour("GATE-99")
def test_what_is_asked_for_brings_what_it_needs_and_not_what_only_goes_before(repository):
    coverage = lane("coverage", ("disk", Reads(), 9, ("tests/disk",), ("lint/disk",)))
    lanes = (TESTS, LINT, coverage)
    know(repository, lanes)
    assert chosen(repository, lanes, only=("coverage",)) == {
        "coverage/disk": "it was asked for",
        "tests/disk": "coverage/disk needs it",
    }
    assert chosen(repository, lanes, only=("tests", "lint/reel")).keys() == {
        *(f"tests/{name}" for name in NAMES),
        "lint/reel",
    }


@pytest.mark.behaviour("GATE-78", "GATE-99")
def test_what_judges_others_brings_them_if_nothing_else_is_asked_for(repository):
    timing = lane("timing", ("lint", Reads(), 9, (), ("lint/disk", "lint/reel")))
    timing = timing._replace(judges=True)
    lanes = (TESTS, LINT, timing)
    know(repository, lanes)
    assert chosen(repository, lanes, only=("timing",)) == {
        "timing/lint": "it was asked for",
        "lint/disk": "timing/lint judges it",
        "lint/reel": "timing/lint judges it",
    }
    assert chosen(repository, lanes, only=("timing", "lint/disk")).keys() == {
        "timing/lint",
        "lint/disk",
    }


@pytest.mark.behaviour("GATE-99")
def test_a_lane_that_does_not_exist_is_named_with_what_comes_near(repository):
    with pytest.raises(scope.UnknownShardError, match="lint/disk"):
        chosen(repository, only=("lint/disc",))


@pytest.mark.behaviour("GATE-100")
def test_a_full_run_names_the_failures_that_the_changed_scope_would_have_missed(repository):
    repository.branch()
    repository.write("packages/reel/README.md", "new\n")
    full = scope.choose(repository.root, LANES, scope.Asked(full=True))
    results = [
        Result("tests", "disk", "failed", ""),
        Result("tests", "reel", "failed", ""),
        Result("lint", "tape", "ok", ""),
    ]
    missed = scope.misses(repository.root, full, results)
    assert [finding.file for finding in missed] == ["tests/disk"]
    assert "left it out" in missed[0].what
    # Seen just now to depend on what has changed: then it would have run.
    seen = observed.Seen(green=False, files=frozenset({"packages/reel/README.md"}))
    know(repository, tests_disk=seen)
    assert scope.misses(repository.root, full, results) == []


@pytest.mark.behaviour("GATE-100")
def test_what_took_too_long_is_no_failure_that_a_scope_could_miss(repository):
    repository.branch()
    repository.write("packages/reel/README.md", "new\n")
    lanes = (*LANES, lane("timing", ("tests", Reads(own=("disk",)), 9)))
    full = scope.choose(repository.root, lanes, scope.Asked(full=True))
    results = [Result("tests", "disk", "failed", ""), Result("timing", "tests", "failed", "")]
    missed = scope.misses(repository.root, full, results)
    assert [finding.file for finding in missed] == ["tests/disk"]


@pytest.mark.behaviour("GATE-100")
def test_what_is_left_out_by_declaration_is_no_failure_that_a_scope_could_miss(repository):
    repository.branch()
    repository.write("packages/reel/README.md", "new\n")
    whole = lane("whole", ("disk", Reads(own=("disk",)), 9, (), (), True))
    full = scope.choose(repository.root, (*LANES, whole), scope.Asked(full=True))
    results = [Result("tests", "disk", "failed", ""), Result("whole", "disk", "failed", "")]
    missed = scope.misses(repository.root, full, results)
    assert [finding.file for finding in missed] == ["tests/disk"]


@pytest.mark.behaviour("GATE-100")
def test_on_main_the_last_commit_is_what_the_changed_scope_would_have_seen(repository):
    repository.write("packages/reel/src/emel_reel/code.py", "")
    repository.commit()
    repository.branch("work")
    full = scope.choose(repository.root, LANES, scope.Asked(full=True, base="main"))
    assert full.changed.files == ()
    results = [Result("tests", "disk", "failed", ""), Result("tests", "reel", "failed", "")]
    missed = scope.misses(repository.root, full, results)
    assert [finding.file for finding in missed] == ["tests/disk"]


@pytest.mark.behaviour("GATE-101")
def test_explain_says_for_each_shard_why_it_runs_or_not(repository):
    repository.branch()
    know(repository)
    repository.write("packages/tape/src/emel_tape/__init__.py", "changed = 1\n")
    text = "\n".join(explain(scope.choose(repository.root, LANES, scope.Asked())))
    assert "the merge base with main" in text
    path = "packages/tape/src/emel_tape/__init__.py"
    assert f"runs  tests/reel  {path} is run by reel" in text
    assert "-     tests/disk  no changed file can affect it" in text
    assert text.endswith("3 of 7 shards run")


@pytest.mark.behaviour("GATE-101")
def test_a_file_whose_name_is_no_unicode_is_a_reason_that_can_be_kept_and_told(repository):
    repository.branch()
    know(repository)
    repository.write("packages/tape/a\udcff.md", "")
    found = scope.choose(repository.root, LANES, scope.Asked())
    lines = [*explain(found)]
    assert "  packages/tape/a\\udcff.md" in lines
    assert {choice.why for choice in found.choices if choice.runs} >= {
        "packages/tape/a\\udcff.md lies in tape"
    }
    assert "\udcff" not in "".join((*lines, *(choice.why for choice in found.choices)))


@pytest.mark.behaviour("GATE-96")
@pytest.mark.parametrize(
    ("path", "glob", "expected"),
    [
        ("README.md", "**/README.md", True),
        ("packages/a/README.md", "**/README.md", True),
        ("packages/a/NOREADME.md", "**/README.md", False),
        ("docs/a/b.md", "docs/*.md", False),
        ("docs/b.md", "docs/*.md", True),
        ("docs/a/b.md", "docs/**", True),
        ("packages/a/tests/b/c.py", "packages/*/tests/**", True),
        ("packages/a/b/tests/c.py", "packages/*/tests/**", False),
    ],
)
def test_globs_cross_folders_only_by_two_stars(path, glob, expected):
    assert matches(path, glob) is expected


@pytest.mark.behaviour("GATE-95")
def test_where_there_is_no_git_nothing_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert asked(tmp_path, "--version") == b""
