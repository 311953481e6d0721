"""Check the levels of imports inside each package of the overlay: at most five (`make check`)."""

from __future__ import annotations

import sys

import grimp

MOST = 5


def main() -> int:
    """Print the levels of each package; return 1 if one has too many."""
    graph = grimp.build_graph("dify_workflow", exclude_type_checking_imports=True)
    levels = {
        package: depth(graph, graph.find_children(package))
        for package in sorted(graph.modules)
        if graph.find_children(package) and package != "dify_workflow"
    }
    for package, found in levels.items():
        print(f"{found} {package}")
    return int(max(levels.values()) > MOST)


def depth(graph: grimp.ImportGraph, modules: set[str]) -> int:
    """Return the length of the longest chain of imports among modules without a circle."""
    levels: dict[str, int] = {}

    def level(module: str) -> int:
        if module not in levels:
            below = graph.find_modules_directly_imported_by(module) & modules
            levels[module] = 1 + max(map(level, below), default=0)
        return levels[module]

    return max(map(level, modules))


if __name__ == "__main__":
    sys.exit(main())
