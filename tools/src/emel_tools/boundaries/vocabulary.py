"""Contract type `vocabulary`: words that one owner gives their meaning, and nobody else spells."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from importlinter import fields

from emel_tools.boundaries.contract import Checked, Owners
from emel_tools.boundaries.found import Use
from emel_tools.boundaries.names import Names
from emel_tools.boundaries.owners import TESTS
from emel_tools.boundaries.tree import Subject, Tree
from emel_tools.boundaries.values import texts

if TYPE_CHECKING:
    from emel_tools.findings import Finding


_TEXTS: Final = (ast.Constant, ast.BinOp, ast.JoinedStr, ast.Call)
"""What may be a string."""
_NAMING: Final = (ast.Name, ast.Attribute, ast.keyword, ast.alias, ast.arg, ast.MatchAs)
_DEFINING: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SAYING: Final = frozenset({*_TEXTS, *_NAMING, *_DEFINING})
"""Kinds of node that may say something."""
_PART: Final = re.compile(r"[\w-]+")


class Vocabulary(Checked):
    """Only the owners of a word name it, by a name, an attribute or a string.

    A word is written as the owner's enumeration has it, in capitals. What is found elsewhere: the
    capitals as a name, an attribute or in a string; the word as a whole string, in any case, with
    hyphens or underscores, and a compound one anywhere in a string; and its lower case as an
    attribute, a keyword or a name in a class or module, unless it is `everyday`. Docstrings and
    comments may say what they like, and so may locals.

    Options: `words`, `everyday`, `owners` (who coin them), `speakers` (who may repeat them).
    """

    words = fields.ListField(subfield=fields.StringField())
    everyday = fields.ListField(subfield=fields.StringField(), required=False)
    owners = fields.ListField(subfield=fields.StringField())
    speakers = fields.ListField(subfield=fields.StringField(), required=False)

    def findings(self, tree: Tree) -> Iterator[Finding]:
        """List who says a word that is somebody else's."""
        owners = Owners(self.entries("owners"))
        allowed = Owners((*owners.entries, *self.entries("speakers")))
        words = frozenset(self.entries("words"))
        lower = frozenset(word.lower() for word in words - frozenset(self.entries("everyday")))
        find = partial(spoken, words, lower)
        for subject, said_there in tree.gather(("spoken", words, lower), find).values():
            if not allowed.include(subject):
                seen: set[tuple[int, str]] = set()
                for use in said_there:
                    word = use.target
                    if (use.line, word) not in seen:
                        seen.add((use.line, word))
                        coined = ", ".join(e for e in owners.entries if not e.startswith(TESTS))
                        what = f"{subject.name} says {word}, a word of {coined}"
                        yield self.finding(subject, use, what, coined)

    def unknown_words(self, tree: Tree) -> list[str]:
        """List the words that no owner defines: a misspelt one binds nobody."""
        owners = Owners(self.entries("owners"))
        coined = {
            name
            for subject in tree.subjects
            if owners.include(subject)
            for name in tree.defined(subject)
        }
        named = (*self.entries("words"), *self.entries("everyday"))
        return [word for word in named if word not in coined]


def spoken(
    words: frozenset[str], lower: frozenset[str], tree: Tree, subject: Subject
) -> Iterator[Use]:
    """Find the words that a file says."""
    for said in said_in(tree, subject):
        if said.parts:
            if (word := word_in(said.parts, words)) is not None:
                yield Use(said.line, said.column, word)
        elif said.word in words or (said.is_member and said.word in lower):
            yield Use(said.line, said.column, said.word)


def said_in(tree: Tree, subject: Subject) -> tuple[Said, ...]:
    """List what a file says, once for all vocabularies."""
    return tree.remember(subject, "said", lambda: tuple(_said(tree, subject)))


class Said(NamedTuple):
    """Something that may be a word: a name, or a string that an expression may be."""

    line: int
    column: int
    word: str
    """The name."""
    is_member: bool = False
    """Whether it names an attribute, an argument by keyword, or what a class or module holds."""
    parts: tuple[str, ...] = ()
    """The words of the string."""


def _said(tree: Tree, subject: Subject) -> Iterator[Said]:
    names, nodes = tree.names(subject), tree.nodes(subject)
    silent = set(docstrings(nodes))
    for node in nodes:
        if type(node) not in _SAYING:
            continue
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
        match node:
            case ast.Name(id=name):
                is_held = isinstance(node.ctx, ast.Store) and _is_held(node, names)
                yield Said(line, column, name, is_held)
            case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield Said(line, column, name, is_member=True)
            case ast.alias(name=name, asname=other):
                yield from (Said(line, column, word) for word in {name, other or name})
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.arg(arg=name)
                | ast.MatchAs(name=str(name))
            ):
                yield Said(line, column, name)
            case _:
                pass
        if isinstance(node, _TEXTS) and node not in silent:
            for text in texts_of(node, names):
                yield Said(line, column, "", parts=tuple(_PART.findall(text)))


def _is_held(node: ast.Name, names: Names) -> bool:
    """Whether what is bound to a name becomes a member of a class or module."""
    scope = names.scopes.of.get(node, names.scopes.module)
    return isinstance(scope.owner, (ast.Module, ast.ClassDef))


def texts_of(node: ast.expr, names: Names) -> list[str]:
    """List the strings that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return [node.value.decode("utf-8", "replace")]
    return texts(names.value(node))


def word_in(parts: Sequence[str], words: frozenset[str]) -> str | None:
    """Find a word in a string: a single word as the whole of it, a compound one anywhere."""
    for part in parts:
        word = part.upper().replace("-", "_")
        if word in words and (len(parts) == 1 or "_" in word or part == word):
            return part
    return None


def docstrings(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """List the strings that are statements of their own: docstrings, of attributes too."""
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value
