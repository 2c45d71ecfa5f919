"""Part of `make check`: the documents keep their promises about themselves."""

from __future__ import annotations

import re
import sys

from tests.services import ROOT

README_LINES = 120
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/webhooks.md",
    "docs/widget-api.md",
    "docs/retention.md",
)


def main() -> int:
    problems = [problem for name in DOCUMENTS for problem in problems_of(name)]
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print("documents: present, links resolve, README is short")
    return bool(problems)


def problems_of(name: str) -> list[str]:
    path = ROOT / name
    if not path.exists():
        return [f"{name} is missing"]
    text = path.read_text()
    found = [
        f"{name}: {target} is not there"
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
        if not (path.parent / target).exists()
    ]
    if name == "README.md" and len(text.splitlines()) > README_LINES:
        found.append(f"README.md is longer than {README_LINES} lines")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.M))
    found += [
        f"{name}: there is no `make {target}`"
        for target in re.findall(r"`make ([a-z-]+)", text)
        if target not in targets
    ]
    return found


if __name__ == "__main__":
    sys.exit(main())
