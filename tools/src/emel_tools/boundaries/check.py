"""Everything at once: the table itself, and then each of its contracts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Final, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck
from importlinter.application import use_cases
from importlinter.application.user_options import UserOptions
from importlinter.configuration import configure
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.domain.contract import InvalidContractOptions, NoSuchContractType, registry
from importlinter.domain.helpers import MissingImport

from emel_tools.boundaries import rules, table
from emel_tools.boundaries.contract import TREE, Checked
from emel_tools.boundaries.graph import graph_of
from emel_tools.boundaries.house import Forbidden, Layers, Protected
from emel_tools.boundaries.tree import Tree
from emel_tools.findings import Finding

_BUILT_IN: Final[Mapping[str, type[Contract]]] = {
    "acyclic_siblings": AcyclicSiblingsContract,
    "independence": IndependenceContract,
}
"""import-linter's own that a table may name without saying where they are; the others are ours."""
_UNCHECKABLE = (InvalidContractOptions, NoSuchContractType, MissingImport, ValueError, KeyError)
"""What import-linter raises about a contract instead of judging it."""


def check(tree: Tree) -> list[Finding]:
    """Hold a repository to its table, and the table to the repository."""
    found = [finding for rule in rules.RULES for finding in rule(tree)]
    return [*found, *contracts(tree)]


def contracts(tree: Tree) -> Iterator[Finding]:
    """Check every contract of the table, also when an earlier one can't be checked."""
    configure()
    graph = graph_of(tree)
    options = _options(str(tree.root / table.FILE), tree.text(table.FILE))
    _register(options)
    session = {**options.session_options, TREE: tree}
    for given in options.contracts_options:
        yield from _one(tree, graph, session, given)


@lru_cache(maxsize=1)
def _options(path: str, text: str) -> UserOptions:  # noqa: ARG001
    """Let import-linter read the table, and again only when its text is another."""
    return use_cases.read_user_options(path)


def _register(options: UserOptions) -> None:
    """Make known what the table calls each type of contract.

    By public names: the function by which import-linter does so is private, and gone from 2.17 on.
    """
    for name, theirs in _BUILT_IN.items():
        registry.register(theirs, name)
    lines: list[str] = options.session_options.get("contract_types", [])
    for line in lines:
        name, _, path = line.partition(": ")
        module, _, qualified = path.rpartition(".")
        made: type[Contract] = resolve_name(f"{module}:{qualified}")
        registry.register(made, name)


def _one(
    tree: Tree, graph: ImportGraph, session: Mapping[str, Any], given: dict[str, Any]
) -> Iterator[Finding]:
    identity = str(given["id"])
    try:
        made = registry.get_contract_class(given["type"])(given["name"], dict(session), given)
        # import-linter's own take the graph apart; ours don't look at it.
        mine = graph if isinstance(made, Checked) else deepcopy(graph)
        answer = made.check(mine, verbose=False)
    except _UNCHECKABLE as error:
        errors = getattr(error, "errors", None) or {"": str(error)}
        what = "; ".join(f"{key} {text}".strip() for key, text in sorted(errors.items()))
        fix = "correct the contract; nothing holds to it until then"
        yield Finding.at(table.FILE, f"the contract can't be checked: {what}", fix, identity)
        return
    if not answer.kept:
        found = list(_broken(tree, made, answer, identity))
        what = "the contract is broken; lint-imports says how"
        yield from found or [Finding.at(table.FILE, what, _guidance(made), identity)]


def _broken(
    tree: Tree, contract: Contract, answer: ContractCheck, identity: str
) -> Iterator[Finding]:
    if isinstance(contract, Checked):
        yield from cast("list[Finding]", answer.metadata["findings"])
    elif isinstance(contract, Layers):
        yield from cast("list[Finding]", answer.metadata["tests"])
    for firsts, chain in _chains(contract, answer.metadata):
        yield from _links(tree, contract, identity, firsts, chain)


def _chains(
    contract: Contract, metadata: dict[str, Any]
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """List the chains of imports that import-linter found, each with all imports it begins with."""
    if isinstance(contract, Layers):
        routes = [route for found in metadata["invalid_dependencies"] for route in found["routes"]]
        yield from ((_firsts(route), route["chain"]) for route in routes)
    elif isinstance(contract, Forbidden):
        chains = [chain for found in metadata["invalid_chains"] for chain in found["chains"]]
        yield from ((chain[:1], chain) for chain in chains)
    elif isinstance(contract, Protected):
        links = [link for found in metadata["illegal_imports"] for link in found.illegal_links]
        yield from (([link], [link]) for link in links)


def _firsts(route: dict[str, Any]) -> list[dict[str, Any]]:
    return [route["chain"][0], *route["extra_firsts"]]


def _links(
    tree: Tree,
    contract: Contract,
    identity: str,
    firsts: list[dict[str, Any]],
    chain: list[dict[str, Any]],
) -> Iterator[Finding]:
    """Turn the imports that break one of import-linter's own contracts into findings."""
    target = str(chain[-1]["imported"])
    guidance = _guidance(contract)
    for link in firsts:
        through = f", by way of {link['imported']}" if len(chain) > 1 else ""
        what = f"{link['importer']} imports {target}{through}"
        path = tree.modules[str(link["importer"])].path
        for line in link["line_numbers"] or (0,):
            owner = target.partition(".")[0]
            yield Finding(path, line or 0, 0, identity, what, guidance, owner)


def _guidance(contract: Contract) -> str:
    return " ".join(str(getattr(contract, "broken_contract_guidance", "") or "").split())


def tree_at(root: Path) -> Tree:
    """Read the repository at `root`."""
    return Tree(root.resolve())
