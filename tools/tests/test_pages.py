"""The documents: generated parts are compared and written, examples run, references looked up."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from emel_io_loader import TABLES
from emel_machine import mermaid
from emel_tools.fuzzing import covering, folders, headers
from emel_tools.gates.docs import LANE
from emel_tools.pages import __main__ as command
from emel_tools.pages import (
    api,
    blocks,
    check,
    commands,
    console,
    machines,
    samples,
    table,
)
from emel_tools.pages.examples import is_left_out, run_docstrings, run_page
from emel_tools.pages.fences import odd, unrun
from emel_tools.pages.fragments import untold
from emel_tools.pages.known import Known
from emel_tools.pages.leftovers import leftovers
from emel_tools.pages.markdown import read
from emel_tools.pages.numpydoc import markdown, parameters
from emel_tools.pages.references import links, mentions
from emel_tools.pages.sessions import sessions
from emel_tools.running import Job
from emel_tools.surface import public
from emel_tools.surface.commands import Command, Parameter
from emel_tools.surface.commands import commands as known_commands
from emel_tools.workspace import packages

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    samples.write(folder)
    return folder


@pytest.fixture(scope="module")
def texts(files):
    """All that is generated, as it should be."""
    return table.generated(ROOT, files)


def page(folder, text, name="page.md"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read(path)


def heard(findings):
    return [(finding.where, finding.what) for finding in findings]


@pytest.mark.behaviour("GATE-06")
def test_every_machine_of_every_package_is_drawn(texts):
    for each in TABLES:
        assert texts[f"packages/io_loader/docs/{each.name}.mmd"] == mermaid(each)
    for package in packages(ROOT):
        assert f"packages/{package.name}/docs/api.md" in texts
        assert list(machines.undrawn(package)) == []
    assert {"docs/boundaries.md", "docs/command-line.md", "README.md"} <= texts.keys()


@pytest.mark.behaviour("GATE-06")
def test_a_machine_that_is_run_and_not_drawn_is_found(monkeypatch):
    (loader,) = (package for package in packages(ROOT) if package.name == "io_loader")
    monkeypatch.setattr("emel_io_loader.TABLES", ())
    ((where, what),) = heard(machines.undrawn(loader))
    assert where == "packages/io_loader/src/emel_io_loader/_machine.py"
    assert "emel_io_loader._machine.ROUTING is not among emel_io_loader.TABLES" in what


@pytest.mark.behaviour("GATE-06", "GATE-70")
def test_what_is_missing_stale_or_no_longer_generated_is_found_and_mended(tmp_path):
    texts = {"packages/disk/docs/arm.mmd": "one\ntwo\n", "docs/page.md": "a\n"}
    (tmp_path / "docs").mkdir()
    (tmp_path / "packages/disk/docs").mkdir(parents=True)
    assert heard(table.compare(tmp_path, texts)) == [
        ("docs/page.md", "it is missing"),
        ("packages/disk/docs/arm.mmd", "it is missing"),
    ]
    table.write(tmp_path, texts)
    (tmp_path / "packages/disk/docs/arm.mmd").write_text("one\n2\n")
    (tmp_path / "packages/disk/docs/gone.mmd").write_text("old")
    assert heard(table.compare(tmp_path, texts)) == [
        ("packages/disk/docs/arm.mmd:2", "it is stale: '2' stands where 'two' is expected"),
        ("packages/disk/docs/gone.mmd", "nothing generates it any more"),
    ]
    table.write(tmp_path, texts)
    assert heard(table.compare(tmp_path, texts)) == []
    assert not (tmp_path / "packages/disk/docs/gone.mmd").exists()


@pytest.mark.behaviour("GATE-06", "GATE-70")
def test_checking_writes_nothing_and_names_the_command_that_does(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.samples, "write", lambda _: None)
    monkeypatch.setattr(command.table, "generated", lambda *_: {"a.md": "fresh\n"})
    (tmp_path / "packages").mkdir()
    (tmp_path / "a.md").write_text("stale\n")
    assert command.main(["--check"]) == 1
    assert (tmp_path / "a.md").read_text() == "stale\n"
    assert "fix: nox -s docs" in capsys.readouterr().err
    assert command.main([]) == command.main(["--check"]) == 0
    assert (tmp_path / "a.md").read_text() == "fresh\n"


@pytest.mark.behaviour("GATE-70")
@pytest.mark.parametrize("name", ["README.md", "src/emel_gears/code.py"])
def test_a_package_that_can_not_be_imported_is_found_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, name
):
    (tmp_path / "packages/gears" / name).parent.mkdir(parents=True)
    (tmp_path / "packages/gears" / name).write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "packages/gears/src")
    what = "there is no emel_gears to import, so that nothing can be generated"
    findings, _ = check.generated(tmp_path)
    assert heard(findings) == [("packages/gears", what)]
    assert command.main([]) == 1
    assert what in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == [tmp_path / "packages"]
    assert list(table.absent(ROOT)) == []


@pytest.mark.behaviour("GATE-70")
def test_the_page_of_the_command_line_shows_every_option_of_the_parser():
    text = commands.page(known_commands())
    for each in known_commands():
        assert each.name in text
        for parameter in each.parameters:
            assert f"`{parameter.spelled}" in text
            assert parameter.help.replace("|", "\\|") in text
    extra = Command("emel spin", "Spin.", (Parameter("--fast", "", "", required=False, help="F"),))
    assert "| `emel spin [--fast]` | Spin. |" in commands.page((*known_commands(), extra))
    assert "[--threads INTEGER>=1]" in text


@pytest.mark.behaviour("GATE-70")
def test_the_page_of_refusals_has_a_row_for_every_rule_and_every_way_to_say_it(texts):
    page = texts[table.REFUSALS]
    rows = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| `` (.+) `` \|$", page, re.MULTILINE)
    functions, tables = frozenset({"refuse", "wrong_type", "of_shards"}), frozenset({"Rule"})
    sources = [ROOT / headers.SOURCES, ROOT / folders.SOURCES]
    files = sorted(path for source in sources for path in source.glob("*.py"))
    rules = {site.rule for site in covering.sites(files, functions, tables)}
    # The last takes a file of 256 MiB.
    assert rules - {code for code, _, _ in rows} <= {"", "index-over-limit"}
    assert ("empty-file", "InvalidFileError", "model: the file is empty (byte 0)") in rows
    assert (
        sum(code == "too-many-axes" and kind == "UnsupportedError" for code, kind, _ in rows) == 1
    )
    assert not any("emel-docs-" in said for _, _, said in rows)


@pytest.mark.behaviour("GATE-70")
def test_the_page_of_a_package_shows_every_public_name_with_its_docstring():
    for package in packages(ROOT):
        names = public(package)
        text = api.page(package, names)
        for name in names:
            if name.kind in ("class", "function", "elsewhere"):
                assert f"## `{name.key}`" in text
            if name.doc:
                assert name.doc.split()[0] in text
            if name.kind == "class":
                shown = text.partition(f"## `{name.key}`\n\n```python\n")[2]
                decorators, _, rest = shown.partition(f"class {name.key}")
                (made,) = ast.parse(f"{decorators}class A{rest.splitlines()[0]}: ...").body
                assert len(made.decorator_list) == name.what.count("@")


@pytest.mark.behaviour("GATE-70")
def test_sections_of_a_docstring_become_lists():
    text = (
        "Spin.\n\nLong.\n\nParameters\n----------\nrate : int\n    Turns,\n    each minute.\n"
        "a, b\n    Both.\n\nReturns\n-------\nfloat\n    Heat.\n\n"
        "Examples\n--------\n>>> spin()\n1\n"
    )
    assert markdown(text) == (
        "Spin.\n\nLong.\n\n"
        "**Parameters**\n\n- `rate` (int): Turns, each minute.\n- `a`, `b`: Both.\n\n"
        "**Returns**\n\n- `float`: Heat.\n\n**Examples**\n\n```pycon\n>>> spin()\n1\n```"
    )


@pytest.mark.behaviour("GATE-131")
def test_what_is_indented_before_any_parameter_is_of_none():
    assert parameters("Do.\n\nParameters\n----------\n    nobody's\na, b : int\n    Two.\n") == [
        "a",
        "b",
    ]


@pytest.mark.behaviour("GATE-71")
@pytest.mark.parametrize("name", sorted(blocks.BLOCKS))
def test_a_block_between_marks_is_written_anew_and_nothing_else(files, monkeypatch, name):
    monkeypatch.setitem(blocks.BLOCKS, name, lambda _, path: f"{name} of {path.name}")
    path = files / "a.md"
    path.write_text(f"before\n\n<!-- generated: {name} -->\nstale\n<!-- end -->\n\nafter\n")
    fresh = f"before\n\n<!-- generated: {name} -->\n{name} of a.md\n<!-- end -->\n\nafter\n"
    assert blocks.filled(files, path, files) == fresh
    path.write_text("before\nafter\n")
    assert blocks.filled(files, path, files) is None


@pytest.mark.behaviour("GATE-71")
def test_a_block_that_nobody_generates_or_that_has_no_end_is_found(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("<!-- generated: hose -->\n<!-- end -->\n<!-- generated: house -->\n")
    (first, second) = blocks.unknown(path)
    assert first[0] == 1
    assert first[1].startswith("nothing generates 'hose'")
    assert second == (3, "<!-- generated: house --> has no <!-- end --> below it")


@pytest.mark.behaviour("GATE-71")
def test_a_block_that_has_left_its_page_is_found(tmp_path, monkeypatch):
    assert blocks.HOMES.keys() == blocks.BLOCKS.keys()
    assert list(blocks.missing(ROOT)) == []
    (tmp_path / "packages").mkdir()
    shown = "<!-- generated: {} -->\n<!-- end -->\n"
    homes = "".join(map(shown.format, ["commands", "house", "lanes", "house"]))
    page(tmp_path, f"{homes}{shown.format('errors').replace('end', 'fin')}", "README.md")
    monkeypatch.setattr(check.table, "generated", lambda *_: {})
    findings, _ = check.generated(tmp_path)
    lost = [(each.file, each.what) for each in findings if "times" in each.what]
    assert lost == [
        ("README.md", "<!-- generated: errors --> to <!-- end --> stands there 0 times"),
        ("README.md", "<!-- generated: house --> to <!-- end --> stands there 2 times"),
        ("tools/README.md", "<!-- generated: lanes --> to <!-- end --> stands there 0 times"),
        ("tools/README.md", "<!-- generated: sessions --> to <!-- end --> stands there 0 times"),
    ]


@pytest.mark.behaviour("GATE-71")
def test_the_house_is_told_from_the_descriptions_in_the_order_of_the_layers():
    rows = blocks.BLOCKS["house"](ROOT, ROOT / "tools/README.md").splitlines()[2:]
    assert rows[0].startswith("| [`emel`](../packages/emel) | ")
    assert rows[-1].startswith("| [`tools`](../tools) | ")
    assert len(rows) == len(packages(ROOT)) + 1


@pytest.mark.behaviour("GATE-71")
def test_the_house_has_no_row_for_a_layer_without_its_folder(tmp_path):
    for name, text in {
        ".importlinter": "[importlinter]\nt = emel_tools\nl = emel_gone\n  emel_disk\n"
        "[importlinter:contract:house]\ntype = layers\nlayers =\n  t\n  l\n",
        "packages/disk/pyproject.toml": '[project]\ndescription = "It spins."\n',
        "tools/pyproject.toml": '[project]\ndescription = "It looks."\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    rows = blocks.BLOCKS["house"](tmp_path, tmp_path / "README.md").splitlines()[2:]
    assert rows == ["| [`disk`](packages/disk) | It spins. |", "| [`tools`](tools) | It looks. |"]


@pytest.mark.behaviour("GATE-72")
def test_what_a_command_prints_is_compared_but_for_times_and_memory(tmp_path, files):
    text = "```console\n$ emel load --strategy mmap --touch demo.gguf\n```\n"
    (fence,) = page(tmp_path, text).fences
    assert console.can_run(fence)
    fresh = console.printed(fence, files)
    assert "9 tensors" in fresh
    assert console.same(fresh, console.printed(fence, files))
    assert console.same(
        "time  0.0034 s, 1.22 GiB/s\n2.0 MiB before", "time  9.1 s, 4.5 GiB/s\n7 B before"
    )
    assert not console.same(fresh, fresh.replace("9 tensors", "8 tensors"))
    assert not console.same(fresh, fresh.replace("mmap was asked for", "it is local"))


@pytest.mark.behaviour("GATE-72")
def test_a_command_that_fails_says_so_in_the_difference(tmp_path, files):
    (fence,) = page(tmp_path, "```console\n$ emel inspect missing.gguf\n```\n").fences
    assert "emel: missing.gguf: No such file" in console.printed(fence, files)


@pytest.mark.behaviour("GATE-72")
def test_a_stale_answer_is_written_anew(tmp_path, files):
    path = tmp_path / "a.md"
    path.write_text("x\n\n```console\n$ emel inspect demo.gguf\nfile  other.gguf\n```\n\ny\n")
    text = blocks.filled(tmp_path, path, files)
    assert text.startswith("x\n\n```console\n$ emel inspect demo.gguf\nfile          demo.gguf\n")
    assert text.endswith("```\n\ny\n")
    path.write_text(text)
    assert blocks.filled(tmp_path, path, files) == text


@pytest.mark.behaviour("GATE-73")
@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("```python\nassert 1 == 2\n```", 2, "the example fails: AssertionError"),
        ("```python\nx = 1\n\ny = z\n```", 4, "the example fails: NameError: name 'z'"),
        ("```python\nx = (\n```", 2, "it is no Python"),
        ("```python\nraise SystemExit(0)\n```", 2, "the example fails: SystemExit: 0"),
        ("```python\nimport emel\nemel.open('no.gguf')\n```", 3, "the example fails: SourceError"),
        ("```pycon\n>>> 1 + 1\n3\n```", 2, "the example answers '2', and not '3'"),
        ("```pycon\n>>> 1 / 0\n1\n```", 2, "the example fails: ZeroDivisionError"),
        ("<!-- given: x = 1 / 0 -->\n```python\nx\n```", 1, "the example fails: ZeroDivisionError"),
    ],
)
def test_an_example_that_fails_is_found_at_its_line(tmp_path, files, text, line, what):
    found, ran = run_page(tmp_path, page(tmp_path, f"{text}\n"), files)
    assert ran == 1
    ((where, said),) = heard(found)
    assert where == f"page.md:{line}"
    assert said.startswith(what)


@pytest.mark.behaviour("GATE-73")
def test_examples_open_files_and_go_on_where_those_above_them_ended(tmp_path, files):
    text = (
        '```python\nimport emel\nwith emel.open("model.gguf") as model:\n    n = len(model)\n```\n'
    )
    text += "\n<!-- given: m = 9 -->\n```python\nassert n == m\n```\n"
    assert run_page(tmp_path, page(tmp_path, text), files) == ([], 2)


@pytest.mark.behaviour("GATE-73")
@pytest.mark.parametrize(
    ("language", "said"),
    [("", "in no language"), ("python3", "in python3"), (" Python", "in Python"), ("py", "in py")],
)
def test_a_block_of_another_language_is_found(tmp_path, language, said):
    shown = page(tmp_path, f"# A\n\n```{language}\n1 / 0\n```\n\n```python\n1\n```\n")
    ((where, what),) = heard(odd(tmp_path, shown))
    assert where == "page.md:3"
    assert said in what


@pytest.mark.behaviour("GATE-73")
def test_a_command_in_a_block_that_runs_none_is_found(tmp_path):
    text = "```text\nso:\n$ emel inspect demo.gguf\n$ emel\n```\n\n```console\n$ emel\n```\n"
    ((where, what),) = heard(odd(tmp_path, page(tmp_path, text)))
    assert where == "page.md:3"
    assert "isn't `console`" in what


@pytest.mark.behaviour("GATE-73")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- so:\n\n    ```python\n    1 / 0\n    ```\n", 3),
        ("1. so:\n\n\t~~~ python\n\t1 / 0\n\t~~~\n", 3),
        ("- ```python\n  1 / 0\n\n  ```", 1),
        ("> ```python\n> 1 / 0\n> ```\n", 1),
        ("- so:\n\n      $ emel load\n", 3),
        ("```python\n1\n```\n\n$ emel load\n", 5),
        ("1. so:\n\n   ```console\n   $ emel load\n   ```\n", 4),
    ],
)
def test_a_block_or_a_command_that_stands_too_far_in_to_be_run_is_found(tmp_path, text, line):
    found = heard(odd(tmp_path, page(tmp_path, text)))
    assert f"page.md:{line}" in [where for where, _ in found]


@pytest.mark.behaviour("GATE-147")
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("```console\nemel inspect demo.gguf\ntensors  7\n```\n", ["page.md:1"]),
        ("# A\n\n```console\n```\n", ["page.md:3"]),
        ("```console\n$ emel inspect demo.gguf\ntensors  7\n```\n", []),
        ("```text\nemel inspect demo.gguf\n```\n", []),
    ],
)
def test_a_block_of_what_is_printed_that_has_no_command_is_found(tmp_path, text, lines):
    assert [where for where, _ in heard(odd(tmp_path, page(tmp_path, text)))] == lines


@pytest.mark.behaviour("GATE-136")
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("```text\nimport emel\n\nemel.open('a').close()\n```\n", ["page.md:1"]),
        ("# A\n\n```\nfrom emel_io_mmap import MmapStrategy\n```\n", ["page.md:3"]),
        ("```text\n>>> import emel\n>>> emel.__name__\n```\n", ["page.md:1"]),
        ("```toml\nwith emel.open('a') as model:\n    model['b']\n```\n", ["page.md:1"]),
        (" ```text\n model = emel.open('a')\n ```\n", ["page.md:1"]),
        ("```text\nimport emel as e, then print(\n```\n", ["page.md:1"]),
        ("So:\n\n    import emel\n    emel.open('a')\n    import emel\n", ["page.md:3"]),
        ("from emel import open\n", ["page.md:1"]),
        ("```python\nimport emel\n```\n\n```pycon\n>>> import emel\n```\n", []),
        ("<!-- not run: it waits -->\n```text\nimport emel\n```\n", []),
        ("<!-- not run: -->\n```text\nimport emel\n```\n", ["page.md:2"]),
        ("```console\n$ python -c 'import emel'\n```\n", []),
        ("```text\ntensors: 7\n```\n\n```text\nnox -s docs\n```\n", []),
        ("```text\nnames = 3, 4\n```\n\n```toml\n[a]\nb = 1\n```\n", []),
        ("```text\na\0b()\n```\n", []),
        ("To import emel, say `import emel`; import emel first.\n", []),
        ("import emel takes 20 ms, and\nfrom emel to numpy nothing is copied\n", []),
    ],
)
def test_an_example_that_nobody_runs_and_no_reason_is_found(tmp_path, text, lines):
    assert [where for where, _ in heard(unrun(tmp_path, page(tmp_path, text)))] == lines


@pytest.mark.behaviour("GATE-73")
def test_what_is_no_block_and_no_command_is_left_alone(tmp_path):
    text = "It costs $ 5; ``` is a fence.\n\n- `$ emel`\n\n  ```text\n    ```\n  a $ b\n  ```\n"
    assert heard(odd(tmp_path, page(tmp_path, text))) == []


@pytest.mark.behaviour("GATE-73")
def test_an_example_is_left_out_only_where_a_reason_stands_right_above(tmp_path, files):
    left_out = "<!-- not run: it waits -->\n```python\n1 / 0\n```\n"
    assert run_page(tmp_path, page(tmp_path, left_out), files) == ([], 0)
    for above in ("<!-- not run: -->", "<!-- not run: it waits -->\n\ntext\n"):
        shown = page(tmp_path, f"{above}\n```python\n1 / 0\n```\n")
        assert not is_left_out(shown.fences[0])
        assert len(run_page(tmp_path, shown, files)[0]) == 1


@pytest.mark.behaviour("GATE-73")
@pytest.mark.parametrize(
    ("shown", "what"),
    [
        (">>> 1 + 1\n    3", "the example answers '2', and not '3'"),
        (">>> 1 / 0", "the example fails: ZeroDivisionError: division by zero"),
        (">>> 1  # doctest: +SKIP\n    1", "the example is skipped, so nothing proves it"),
    ],
)
def test_a_docstring_that_shows_what_is_not_so_is_found(tmp_path, shown, what):
    path = tmp_path / "disk.py"
    path.write_text(f'def spin():\n    """Spin.\n\n    {shown}\n    """\n')
    found, ran = run_docstrings(tmp_path, path, tmp_path)
    assert (ran, heard(found)) == (1, [("disk.py:4", what)])
    path.write_text('def spin():\n    """Spin.\n\n    >>> 1 + 1\n    2\n    """\n')
    assert run_docstrings(tmp_path, path, tmp_path) == ([], 1)
    path.write_text(f'RATE = 1\n"""What it is.\n\n\n    {shown}\n"""\nTEXT = ">>> 1 / 0"\n')
    found, ran = run_docstrings(tmp_path, path, tmp_path)
    assert (ran, heard(found)) == (1, [("disk.py:5", what)])


@pytest.mark.behaviour("GATE-74")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[a](gone.md)", "the link gone.md leads to nothing"),
        ("[a](there.md#no-such)", "leads to a heading that docs/there.md hasn't"),
        ("[a](#no-such)", "leads to a heading that docs/page.md hasn't"),
        ("[a][b]\n\n[b]: gone.md", "the link gone.md leads to nothing"),
        ("[a][b]", "the link [a][b] has no definition of its label"),
        ("[a][]\n\n[b]: there.md", "the link [a][] has no definition of its label"),
        ("![a](gone.png 'title')", "the link gone.png leads to nothing"),
        ("[`a`](gone.md)", "the link gone.md leads to nothing"),
        ("[a](/gone.md)", "the link /gone.md leads to nothing"),
        ('<img alt="a" SRC="gone.png">', "the link gone.png leads to nothing"),
        ("<a\nhref = '#no-such'>a</a>", "leads to a heading that docs/page.md hasn't"),
        ("<img src=/gone.png />", "the link /gone.png leads to nothing"),
        ("[a](../../x)", "the link ../../x leads out of the repository"),
        ('[a](gone.md "it\'s (so)")', "the link gone.md leads to nothing"),
        ("[a](gone.md (what is gone))", "the link gone.md leads to nothing"),
        ("[a](<is gone.md>)", "the link is gone.md leads to nothing"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, text, what):
    page(tmp_path, "# There\n", "docs/there.md")
    ((where, said),) = heard(links(tmp_path, page(tmp_path, f"{text}\n", "docs/page.md")))
    assert where.startswith("docs/page.md:")
    assert what in said


@pytest.mark.behaviour("GATE-74")
def test_links_that_lead_somewhere_are_left_alone(tmp_path):
    page(tmp_path, "# The `house`, (again)\n\n## Twice\n\n## Twice\n", "docs/there.md")
    text = (
        "[a](there.md) [b](there.md#the-house-again) [c](there.md#twice-1) [d](https://x.org/y)\n"
        "[e](../docs/there.md) `[f](gone.md)` [g](mailto:a@b.c) [h](/docs/there.md) [i](#page)\n"
        "[k][The  Label] [the label][] `x[0][1]`\n\n[the label]: there.md\n"
        '<a href="there.md#the-house-again">a</a> <img src="https://x.org"> `src="gone.png"`\n'
        "```text\n[j](gone.md)\n```\n# Page\n<!-- [k](gone.md) -->\n"
    )
    assert heard(links(tmp_path, page(tmp_path, text, "docs/page.md"))) == []


@pytest.fixture(scope="module")
def known():
    return Known(ROOT, known_commands())


@pytest.mark.behaviour("GATE-75")
@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("`nox -s spin`", "there is no session 'spin'"),
        ("`nox -s lint spin`", "there is no session 'spin'"),
        ("```console\nnox -s spin   # turns\n```", "there is no session 'spin'"),
        ("`nox -s lint -- --mend`", "session lint takes no --mend"),
        ("`nox -s tests -- io_tape`", "there is no package 'io_tape'"),
        ("`nox -s quality_gates -- --only spin/disk`", "there is no lane or shard 'spin/disk'"),
        ("`emel spin FILE`", "there is no command `emel spin`"),
        ("```console\n$ emel load --fast FILE\n```", "`emel load` takes no --fast"),
        ("`packages/io_tape`", "there is no packages/io_tape"),
        ("`docs/design/tapes.md`", "there is no docs/design/tapes.md"),
        ("`tape.py`", "there is no tape.py"),
        ("`emel.spin`", "there is no emel.spin"),
        ("`emel_io_loader.Spans.spin`", "there is no emel_io_loader.Spans.spin"),
        ("`Route.served`", "Route has no served"),
        ("`emel_tools.tapes`", "there is no emel_tools.tapes"),
        ("`python -m emel_tools.tapes`", "there is no module emel_tools.tapes"),
        ("`--memory-cap`", "nothing takes --memory-cap"),
        ("`-- --sead N`", "nothing takes --sead"),
        ("`--only spin/disk --full`", "there is no lane or shard 'spin/disk'"),
        ("`pip install 'emel[tapes]'`", "emel has no extra tapes"),
        ("`emel-io-tape[gguf]`", "emel-io-tape has no extra gguf"),
        ('`behaviour("MAP-01", "MAP-777")`', "no catalogue promises MAP-777"),
    ],
)
def test_a_mention_of_what_there_is_not_is_found(tmp_path, known, text, what):
    found = heard(mentions(tmp_path, page(tmp_path, f"# a\n\n{text}\n"), known))
    assert what in [said for _, said in found]
    assert {where.partition(":")[0] for where, _ in found} == {"page.md"}


@pytest.mark.behaviour("GATE-75")
def test_what_there_is_may_be_mentioned(tmp_path, known):
    text = (
        "`nox -s lint types`, `nox -s tests -- io_mmap -k slots --lf`, `nox -s <session>`, "
        "`nox -s quality_gates -- --only docs api/emel --full`, `emel load --touch FILE`, "
        "`packages/<name>`, `packages/io_mmap/changes/+<what>.feature.md`, `_machine.py`, "
        "`packages/*/docs`, `emel.open(source, strategy)`, `emel_io_loader.Spans.nbytes`, "
        "`emel_tools.running.lane`, `model.safetensors`, `CHANGELOG.md`, `pip install emel[gguf]`, "
        "`--memory-limit SIZE`, `-- --seed=5`, `--only costs/emel`, `--`, `behaviour('MAP-01')`\n"
        "<!-- not run: it is made up -->\n```console\n$ nox -s spin\n```\n"
    )
    assert heard(mentions(tmp_path, page(tmp_path, text), known)) == []


@pytest.mark.behaviour("GATE-75")
def test_sessions_are_read_from_the_noxfile(tmp_path):
    (tmp_path / "noxfile.py").write_text(
        'import nox\n@nox.session\ndef a(s):\n    """Do a."""\n@nox.session(python=False)\n'
        'def b(s):\n    """Do b | c."""\ndef no(s): ...\n'
    )
    assert sessions(tmp_path) == {"a": "Do a.", "b": "Do b \\| c."}
    assert "docs" in sessions(ROOT)


@pytest.mark.behaviour("GATE-73")
def test_all_examples_of_the_repository_run_and_what_is_left_out_is_counted():
    (outcome,) = LANE.run(Job(ROOT, ("examples",), full=False, base="", seed=0))
    assert outcome.findings == []
    assert re.fullmatch(r"\d\d+ examples, \d not run", outcome.checked)


OURS, THEIRS = "<" * 7, ">" * 7


@pytest.fixture
def tree(tmp_path):
    """A folder that git knows, and in which it ignores `*.tmp`."""
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("*.tmp\n")
    return tmp_path


def put(root, name, text=""):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


@pytest.mark.behaviour("GATE-130")
def test_the_marks_of_a_conflict_are_found_in_every_text_that_git_knows_or_would_add(tree):
    put(tree, "a.toml", f"x = 1\n{OURS} HEAD\ny = 2\n=======\ny = 3\n{THEIRS} theirs\r\n")
    subprocess.run(("git", "add", "a.toml"), cwd=tree, check=True)
    put(tree, "deep/\u00fc b.txt", f"\f\n{OURS} ours\n")
    mark = "the mark of a conflict stands there:"
    assert heard(leftovers(tree)) == [
        ("a.toml:2", f"{mark} {OURS} HEAD"),
        ("a.toml:6", f"{mark} {THEIRS} theirs"),
        ("deep/\u00fc b.txt:2", f"{mark} {OURS} ours"),
    ]


@pytest.mark.behaviour("GATE-130")
@pytest.mark.parametrize("name", ["a.py.orig", "deep/a.rej", ".a.bak", "deep/a.md~"])
def test_what_a_merge_or_an_editor_has_put_aside_is_found_until_it_is_gone(tree, name):
    put(tree, name)
    what = "it is a copy that a merge or an editor has put aside"
    assert heard(leftovers(tree)) == [(name, what)]
    subprocess.run(("git", "add", "."), cwd=tree, check=True)
    assert heard(leftovers(tree)) == [(name, what)]
    (tree / name).unlink()
    assert heard(leftovers(tree)) == []


@pytest.mark.behaviour("GATE-130")
def test_what_only_looks_like_a_leftover_is_left_alone(tree):
    shown = f"{OURS} HEAD\n"
    for name in ("tools/tests/test_a.py", "tools/regressions/docs/a.txt", "a.tmp"):
        put(tree, name, shown)
    put(tree, "data.bin", f"\0\n{shown}")
    put(tree, "page.md", f"  {shown}{OURS}\n<{shown}{OURS[1:]} a\n=======\n")
    put(tree, "original.md")
    assert heard(leftovers(tree)) == []


@pytest.mark.behaviour("GATE-130", "GATE-133")
def test_leftovers_and_fragments_are_told_with_what_leads_nowhere(tree, monkeypatch):
    put(tree, "packages/disk/pyproject.toml")
    put(tree, "packages/disk/changes/+a.feature.md", "A.\n")
    (tree / "noxfile.py").touch()
    monkeypatch.setattr(check, "Known", lambda *_: None)
    put(tree, "page.md", f"[a](gone.md)\n{THEIRS} b\n")
    findings, checked = check.references(tree)
    assert [finding.rule for finding in findings] == ["link", "leftover", "fragment"]
    assert checked == "2 Markdown files"


@pytest.fixture
def told(tmp_path):
    """A package whose fragments towncrier finds in `changes`."""
    put(tmp_path, "packages/disk/pyproject.toml", '[tool.towncrier]\ndirectory = "changes"\n')
    put(tmp_path, "packages/disk/changes/+arm.feature.md", "It has an arm.\n")
    put(tmp_path, "packages/disk/changes/12.bugfix.1.md", "It turns.\n")
    put(tmp_path, "packages/disk/changes/.gitkeep")
    return tmp_path


@pytest.mark.behaviour("GATE-133")
def test_fragments_that_a_changelog_takes_are_left_alone(told):
    put(told, "packages/disk/src/emel_disk/changes/feature.md", "no kind\n")
    assert heard(untold(told)) == []
    assert heard(untold(ROOT)) == []


@pytest.mark.behaviour("GATE-133")
@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("changes/+looks.feture.md", "It looks.\n", "its name has no kind that towncrier knows"),
        ("changes/feature.md", "It looks.\n", "its name has no kind that towncrier knows"),
        ("changes/+looks.feature.md", " \n", "it says nothing"),
        ("changes/later/+looks.md", "It.\n", "it isn't where towncrier looks"),
        ("change/+looks.feature.md", "It.\n", "it isn't where towncrier looks"),
        ("+looks.misc", "It.\n", "it isn't where towncrier looks"),
    ],
)
def test_a_fragment_that_no_changelog_takes_is_found(told, name, text, what):
    put(told, f"packages/disk/{name}", text)
    ((where, said),) = heard(untold(told))
    assert where == f"packages/disk/{name}"
    assert said.startswith(what)


@pytest.mark.behaviour("GATE-133")
@pytest.mark.parametrize("setting", ['directory = "news"\n', ""])
def test_fragments_in_a_folder_that_is_not_named_are_found(told, setting):
    put(told, "packages/disk/pyproject.toml", f"[tool.towncrier]\n{setting}")
    what = "it isn't where towncrier looks for what has changed"
    found = heard(untold(told))
    assert found == [
        ("packages/disk/changes/+arm.feature.md", what),
        ("packages/disk/changes/12.bugfix.1.md", what),
    ]
