"""Mutation testing: the share of random changes of the source that the tests detect.

    python -m benchmarks.mutants [--count 150] [--paths pipeline/checks] [--seed 47] [--out FILE]

First the suite runs once and records the tests of each line (pytest-cov; 3 processes). --contexts and --durations can
name data and printed durations of an earlier run of the same commit instead. Then each mutant changes one place: a
comparison, constant, condition, arithmetic operator or returned value, or removes a statement. The tests that cover its
line run in a clone of the commit until one fails. Texts, annotations, assertions and logging are not changed.
A call with the same commit, seed, paths and --out resumes an earlier one.

Lines are ordered by a hash of their text. So each prefix is a random sample, unchanged lines stay in the sample, and
two commits are compared on mostly the same mutants.

The tests of a mutant are limited to `BUDGET_S` of recorded time, with those in the folder of the same name and fast
ones first; `limited` counts the mutants with skipped tests. Lines without recorded tests run the tests in the folder of
the same name. Tests that also fail without the mutant do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring import options

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("data", "extractors", "models", "pipeline")
BUDGET_S = 60.0
LEAST_S = 0.03
"""Time of a test that the list of the slowest ones leaves out."""

MEMORY = 8 << 30
COMPARISONS: dict[type, type] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
ARITHMETIC: dict[type, type] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult},
}
KEPT_FIELDS = {"annotation", "returns", "decorator_list", "type_comment"}
LOGGING = {"log", "logger", "logging", "warnings"}


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes of `file` from `start` to `end` become `after`.

    `lines` are the first and last line of its statement, of its function for a default; (0, 0) outside of functions.
    """

    file: str
    line: int
    function: str
    kind: str
    before: str
    after: str
    start: int
    end: int
    lines: tuple[int, int]


@dataclass
class Outcome:
    """The result of the tests: `by` is the failed test, "import", "time", or "" for a survivor."""

    mutant: Mutant
    by: str
    tests: int
    limited: bool
    seconds: float
    flaky: list[str] = field(default_factory=list)


class MutantFinder(ast.NodeVisitor):
    """Lists the mutants of a module."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.content, self.found = file, text.encode(), list[Mutant]()
        self.line_starts = [0]
        for line in self.content.splitlines(keepends=True):
            self.line_starts.append(self.line_starts[-1] + len(line))
        self.names: list[str] = []
        self.functions: list[ast.FunctionDef] = []
        self.lines = (0, 0)
        self.visit(ast.parse(text))

    def generic_visit(self, node: ast.AST) -> None:
        """Visit executed code, without annotations, decorators, assertions, messages and formatted texts."""
        if isinstance(node, ast.stmt):
            body = [] if isinstance(node, ast.FunctionDef) else getattr(node, "body", [])
            self.lines = (node.lineno, body[0].lineno - 1 if body else node.end_lineno or node.lineno)
            self._remove(node)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and name not in KEPT_FIELDS:
                    self.visit(child)

    def _skip(self, node: ast.AST) -> None:
        pass

    visit_JoinedStr = visit_Assert = _skip  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Visit with the name of the class."""
        self.names.append(node.name)
        self.generic_visit(node)
        self.names.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Visit with the name of the function."""
        self.names.append(node.name)
        self.functions.append(node)
        self.generic_visit(node)
        self.functions.pop()
        self.names.pop()

    def _add(self, node: ast.stmt | ast.expr, kind: str, after: ast.AST | str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.line_starts[node.lineno - 1] + node.col_offset
        end = self.line_starts[node.end_lineno - 1] + node.end_col_offset
        written = after if isinstance(after, str) else f"({ast.unparse(after)})"
        before = self.content[start:end].decode()
        place = (self.file, node.lineno, ".".join(self.names))
        self.found.append(Mutant(*place, kind, before, written, start, end, self.lines if self.functions else (0, 0)))

    def _remove(self, node: ast.stmt) -> None:
        plain = isinstance(node, ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break)
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
        stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript)
        if plain or called or stored:
            self._add(node, "statement", "pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        """Skip docstrings and logging."""
        if isinstance(node.value, ast.Constant) or set(re.split(r"\W", ast.unparse(node)[:20])) & LOGGING:
            return
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Remove the statement, but do not change its message."""
        self.generic_visit(ast.copy_location(ast.Raise(), node))

    def visit_Call(self, node: ast.Call) -> None:
        """Skip process ids and signals."""
        if "kill" not in ast.unparse(node.func):
            self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Change the first comparison."""
        other = COMPARISONS[type(node.ops[0])]()
        self._add(node, "comparison", ast.Compare(node.left, [other, *node.ops[1:]], node.comparators))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Change numbers and truth values."""
        value = node.value
        if isinstance(value, bool):
            self._add(node, "constant", str(not value))
        elif isinstance(value, int | float):
            self._add(node, "constant", str(value + 1 if isinstance(value, int) or not value else 2 * value))

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Exchange `and` and `or`."""
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self._add(node, "condition", ast.BoolOp(other, node.values))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Leave out `not` and minus."""
        self._add(node, "condition" if isinstance(node.op, ast.Not) else "arithmetic", node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Exchange the arithmetic operator."""
        texts = any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right))
        if type(node.op) in ARITHMETIC and not texts:
            self._add(node, "arithmetic", ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        """Negate the condition, except for blocks of the type checker."""
        if ast.unparse(node.test) == "TYPE_CHECKING":
            return
        self.lines = (node.lineno, node.test.end_lineno or node.lineno)
        self.visit_IfExp(node)

    def visit_IfExp(self, node: ast.IfExp | ast.If) -> None:
        """Negate the condition."""
        self._add(node.test, "condition", ast.UnaryOp(ast.Not(), node.test))
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        """Return None."""
        self.lines = (node.lineno, node.end_lineno or node.lineno)
        if node.value is not None and not isinstance(node.value, ast.Constant):
            self._add(node, "returned value", "return None")
        self.generic_visit(node)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def sampled_mutants(tree: Path, paths: Sequence[str], seed: int) -> list[Mutant]:
    """One mutant for each line that has any, in the order of the sample."""
    ranked: list[tuple[str, Mutant]] = []
    seen: Counter[tuple[str, str]] = Counter()
    for file in sorted(file for package in PACKAGES for file in (tree / package).rglob("*.py")):
        name, text = file.relative_to(tree).as_posix(), file.read_text("utf-8")
        by_line = defaultdict(list)
        for mutant in MutantFinder(name, text).found:
            by_line[mutant.line].append(mutant)
        source_lines = text.splitlines()
        for number, mutants in sorted(by_line.items()):
            identity = mutants[0].function, source_lines[number - 1].strip()
            seen[identity] += 1
            rank = hashlib.sha256(f"{seed} {identity} {seen[identity]}".encode()).hexdigest()
            if name.startswith(tuple(paths)):
                ranked.append((rank, mutants[int(rank[-8:], 16) % len(mutants)]))
    return [mutant for _, mutant in sorted(ranked, key=lambda pair: pair[0])]


class Coverage:
    """The tests for each mutant, and their durations."""

    def __init__(self, contexts: Path, durations: Path, tests: Sequence[str]) -> None:
        from coverage import CoverageData

        self.data = CoverageData(str(contexts))
        self.data.read()
        self.tests = tests
        self.by_module = defaultdict(set)
        for test in tests:
            self.by_module[test.split("::")[0]].add(test)
        self.call_s: dict[str, float] = defaultdict(lambda: LEAST_S)
        self.setup_s: dict[str, float] = defaultdict(float)
        pattern = re.compile(r"^([\d.]+)s (setup|call|teardown) +(\S.*)$", re.MULTILINE)
        for seconds, phase, test in pattern.findall(durations.read_text("utf-8")):
            if phase == "call":
                self.call_s[test] = max(LEAST_S, float(seconds))
            else:
                module = test.split("::")[0]
                self.setup_s[module] = max(self.setup_s[module], float(seconds))

    def covering(self, mutant: Mutant) -> set[str]:
        """The tests that cover the statement; for shared setup code, all tests of its module."""
        by_line = self.data.contexts_by_lineno(mutant.file)
        numbers = range(mutant.lines[0], mutant.lines[1] + 1) if mutant.lines[0] else by_line
        found = set()
        for context in {context for number in numbers for context in by_line.get(number, ()) if context}:
            test, phase = context.rsplit("|", 1)
            found |= {test} if phase == "run" else self.by_module[test.split("::")[0]]
        return found & set(self.tests)

    def chosen(self, mutant: Mutant) -> tuple[list[str], bool]:
        """The tests to run, in order, and whether the budget excludes any."""
        folder = Path(mutant.file).parent
        near = (f"tests/{folder.as_posix()}/", f"tests/test_{folder.name}.py")
        tests = self.covering(mutant) or {test for test in self.tests if test.startswith(near)}

        def rank(test: str) -> tuple[float, str]:
            seconds = self.call_s[test] + self.setup_s[test.split("::")[0]]
            return seconds / (5 if test.startswith(near) else 1), test

        chosen, left, modules = list[str](), BUDGET_S, set[str]()
        for test in sorted(tests, key=rank):
            module = test.split("::")[0]
            seconds = self.call_s[test] + (0 if module in modules else self.setup_s[module])
            if seconds <= left or not chosen:
                chosen.append(test)
                left -= seconds
                modules.add(module)
        return sorted(chosen, key=rank), len(chosen) < len(tests)


class Checkout:
    """A clone for mutants and their tests, with a separate home folder.

    If the system supports it, tests run in a process namespace, which ends with them.
    """

    def __init__(self, tree: Path, folder: Path) -> None:
        self.path, self.folder = folder / "checkout", folder
        subprocess.run(["git", "clone", "-q", str(tree), str(self.path)], check=True)
        if (tree.parent / "shared").is_dir():
            (folder / "shared").symlink_to(tree.parent / "shared")
        for name in ("aim", "matplotlib"):
            if (kept := Path.home() / ".cache" / name).is_dir():
                shutil.copytree(kept, folder / "home" / ".cache" / name)
        # The shell is the first process of the namespace, and collects orphans.
        isolated = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh"]
        works = shutil.which("unshare") and subprocess.run([*isolated, "true"], capture_output=True).returncode == 0
        self.prefix = ["nice", "-n", "10", *(isolated if works else [])]
        # The only run that keeps compiled modules, for all later ones.
        _, listed = self.pytest("--collect-only", PYTHONDONTWRITEBYTECODE="")
        self.tests = re.findall(r"^tests/.*::.*$", listed, re.MULTILINE)

    def pytest(
        self, *words: str, cpu_s: float = 3600, wall_s: float = 7200, **variables: str
    ) -> tuple[int | None, str]:
        """The exit code (None after `wall_s`) and what was printed."""
        temporary = Path(tempfile.mkdtemp(dir=self.folder))
        places = {"TMPDIR": str(temporary), "HOME": str(self.folder / "home"), "PYTHONPATH": str(self.path)}
        environment = {**os.environ, **places, "PYTHONDONTWRITEBYTECODE": "1", **variables}
        command = [*self.prefix, "prlimit", f"--cpu={int(cpu_s)}", f"--data={MEMORY}", sys.executable, "-m", "pytest"]
        options = ["-p", "no:cacheprovider", "-o", "addopts=-q --import-mode=importlib", "--timeout=300"]
        with open(temporary / "printed", "w+", encoding="utf-8", errors="replace") as printed:
            process = subprocess.Popen(
                [*command, *options, *words], cwd=self.path, env=environment,
                stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                code: int | None = process.wait(wall_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, 9)
                    process.wait()
            printed.seek(0)
            text = printed.read()
        shutil.rmtree(temporary, ignore_errors=True)
        return code, text

    def run(self, tests: Sequence[str], planned_s: float) -> str:
        """The first test that fails, "import" or "time", or "" if all pass."""
        listed = self.folder / "tests.txt"
        listed.write_text("\n".join(tests), "utf-8")
        words = ("-x", "--tb=no", "-rfE", f"@{listed}")
        code, printed = self.pytest(*words, cpu_s=60 + 4 * planned_s, wall_s=300 + 8 * planned_s)
        failed = re.search(r"^(?:FAILED|ERROR) (tests/.*?)(?: - |$)", printed, re.MULTILINE)
        if code == 0:
            return ""
        if code == 1 and failed:
            return failed[1]
        return "time" if code is None or code < 0 or code > 128 else "import"


class Measurement:
    """Runs mutants, and caches the results of tests without them."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.fails_clean: dict[str, bool] = {}

    def outcome(self, mutant: Mutant, checkout: Checkout) -> Outcome:
        """Run the tests of a mutant until one fails that passes without the mutant."""
        begun = time.monotonic()
        tests, limited = self.coverage.chosen(mutant)
        outcome = Outcome(mutant, "", len(tests), limited, 0.0)
        file = checkout.path / mutant.file
        original, times = file.read_bytes(), file.stat()
        while left := [test for test in tests if not self.fails_clean.get(test)]:
            planned_s = min(BUDGET_S, sum(self.coverage.call_s[test] for test in left)) + 30
            file.write_bytes(original[: mutant.start] + mutant.after.encode() + original[mutant.end :])
            try:
                outcome.by = checkout.run(left, planned_s)
            finally:
                file.write_bytes(original)
                os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
            suspect = outcome.by if outcome.by in left else left[0]
            if not outcome.by:
                break
            if suspect not in self.fails_clean:
                self.fails_clean[suspect] = bool(checkout.run([suspect], planned_s))
            if not self.fails_clean[suspect]:
                break
            outcome.by = ""
            outcome.flaky.append(suspect)
        outcome.seconds = round(time.monotonic() - begun, 1)
        return outcome


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts and the detected share, with its 95 % interval (Wilson), by package and by kind."""

    def share(part: Sequence[Outcome]) -> dict[str, float]:
        n, noticed, z = len(part), sum(bool(outcome.by) for outcome in part), 1.96
        p = noticed / n
        middle, half = p + z * z / 2 / n, z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5
        low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        return {"mutants": n, "noticed": noticed, "share": round(p, 3), "low": round(low, 3), "high": round(high, 3)}

    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups["/".join(outcome.mutant.file.split("/")[:2])].append(outcome)
        groups[outcome.mutant.kind].append(outcome)
    ends = {
        "time": sum(outcome.by == "time" for outcome in outcomes),
        "import": sum(outcome.by == "import" for outcome in outcomes),
        "untested": sum(not outcome.tests for outcome in outcomes),
        "limited": sum(outcome.limited for outcome in outcomes),
        "limited survivors": sum(outcome.limited and not outcome.by for outcome in outcomes),
    }
    return {**share(outcomes), **ends, "groups": {name: share(part) for name, part in sorted(groups.items())}}


def measured_before(out: Path, run: dict[str, Any]) -> list[Outcome]:
    """Outcomes of an earlier call with the same commit, seed and paths, which this one resumes."""
    report = json.loads(out.read_text("utf-8")) if out.exists() else {}
    if any(report.get(name) != value for name, value in run.items()):
        return []
    return [Outcome(**{**values, "mutant": Mutant(**values["mutant"])}) for values in report["mutants"]]


def measure_coverage(tree: Path, folder: Path) -> tuple[Path, Path]:
    """Run the suite once. Returns the files of contexts and of durations; tests that fail are reported later."""
    contexts, durations, config = folder / "contexts", folder / "durations.txt", folder / "coverage.ini"
    config.write_text(f"[run]\nsource = {','.join(PACKAGES)}\nrelative_files = True\ndata_file = {contexts}\n", "utf-8")
    words = ["--cov", f"--cov-config={config}", "--cov-context=test", "--cov-report=", "--durations=400", "-n3"]
    with durations.open("w", encoding="utf-8") as printed:
        command = [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", *words]
        subprocess.run(command, cwd=tree, stdout=printed, check=False)
    return contexts, durations


def main() -> None:
    """Measure, and write after each mutant."""
    parser = options(__doc__, "mutants.json")
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no mutant after that time")
    parser.add_argument("--paths", nargs="*", default=PACKAGES, help="files or folders of the source")
    parser.add_argument("--seed", type=int, default=47)
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout that is measured, everything committed")
    parser.add_argument("--contexts", type=Path, help="data of a coverage run with --cov-context=test")
    parser.add_argument("--durations", type=Path, help="what that run printed with --durations")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * given.minutes
    if given.contexts and given.durations:
        files = given.contexts, given.durations
    else:
        files = measure_coverage(given.tree, given.out.parent.resolve())
    mutants = sampled_mutants(given.tree, given.paths, given.seed)
    print(f"{len(mutants)} lines have a mutant; {min(given.count, len(mutants))} of them are tried", flush=True)
    lock = threading.Lock()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=given.tree, capture_output=True, text=True).stdout.strip()
    run = {"commit": commit, "seed": given.seed, "paths": list(given.paths)}
    outcomes = measured_before(given.out, run)

    with tempfile.TemporaryDirectory() as folder:
        checkouts = []
        for job in range(given.jobs):
            (Path(folder) / str(job)).mkdir()
            checkouts.append(Checkout(given.tree, Path(folder) / str(job)))
        measurement = Measurement(Coverage(*files, checkouts[0].tests))
        known = {(outcome.mutant.file, outcome.mutant.start) for outcome in outcomes}
        waiting = (mutant for mutant in mutants[: given.count] if (mutant.file, mutant.start) not in known)

        def work(checkout: Checkout) -> None:
            while time.monotonic() < end:
                with lock:
                    mutant = next(waiting, None)
                if mutant is None:
                    return
                outcome = measurement.outcome(mutant, checkout)
                with lock:
                    outcomes.append(outcome)
                    survivors = [_told(outcome) for outcome in outcomes if not outcome.by]
                    report = {**run, "summary": summary(outcomes), "survivors": survivors}
                    report |= {"mutants": [asdict(outcome) for outcome in outcomes]}
                    given.out.write_text(json.dumps(report, indent=1), "utf-8")
                    print(f"{len(outcomes)}: {_told(outcome)}", flush=True)

        with ThreadPoolExecutor(given.jobs) as pool:
            list(pool.map(work, checkouts))
    print(json.dumps(summary(outcomes), indent=1))


def _told(outcome: Outcome) -> str:
    mutant = outcome.mutant
    change = f"{mutant.file}:{mutant.line} {mutant.function}: {mutant.before} -> {mutant.after}"
    tests = f"{outcome.tests} tests{', limited' if outcome.limited else ''}, {outcome.seconds} s"
    return f"{' '.join(change.split())} ({tests}): {outcome.by or 'SURVIVED'}"


if __name__ == "__main__":
    main()
