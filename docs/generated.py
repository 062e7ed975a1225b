"""Makes parts of the pages from the code at build time, so that they cannot differ: commands, settings and arrays.

A hook of MkDocs (`hooks` in mkdocs.yml): the line `[commands]` of a page becomes a table of all commands, `[features]`
and `[scores]` a section for each of theirs, `[settings]` a section per part of the configuration, `[stages]` a section
per stage with its arrays. Nothing is run; the parser and the classes of the configuration and of the stages are read.
"""

from __future__ import annotations

import html
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

Row = tuple[str, ...]

SCORES = {"train", "evaluate", "leaderboard", "report", "compare", "plot", "serve", "score", "export", "push"}
"""Commands on the page of scores; the others are on that of features."""


def on_config(config: Any) -> Any:
    """Let this module import the checkout's packages. MkDocs removes paths that a hook adds while it is loaded."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks of one page; called by MkDocs."""
    marks: dict[str, Callable[[], str]] = {
        "[commands]": commands,
        "[features]": lambda: sections("features"),
        "[scores]": lambda: sections("scores"),
        "[settings]": settings,
        "[stages]": stages,
    }
    for mark, make in marks.items():
        if re.search(rf"^{re.escape(mark)}$", markdown, re.MULTILINE):
            markdown = markdown.replace(mark, make())
    return markdown


OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
BLOCK_OR_CODE = re.compile(r"(<pre.*?</pre>)|<code>([^<]*)</code>", re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """The page with options in running text that are not broken at their hyphens; called by MkDocs."""

    def whole(found: re.Match[str]) -> str:
        return found[1] or "<code>" + OPTION.sub(r'<span class="whole">\g<0></span>', found[2]) + "</code>"

    return BLOCK_OR_CODE.sub(whole, content)


def commands() -> str:
    """Every command in a row, which leads to its section."""
    rows = [(f"[`{name}`]({_page(name)}.md#{name.replace(' ', '-')})", _text(it.help)) for name, it in _all_commands()]
    return _table(("command", "what it does"), rows)


def sections(subject: str) -> str:
    """The commands of a subject: what each does, its example, its arguments and options."""
    return "\n".join(_command(name, it) for name, it in _all_commands() if _page(name) == f"commands_{subject}")


def _all_commands() -> Iterator[tuple[str, Any]]:
    import typer

    from run_pipeline import app

    return _leaves(typer.main.get_command(app), "")


def _page(name: str) -> str:
    """The page of a command, without its ending."""
    return "commands_scores" if name in SCORES else "commands_features"


def settings() -> str:
    """Every key of a configuration by section: default, whom it belongs to, meaning; as `aqa settings` prints it."""
    from pipeline.settings.settings_table import setting_rows

    by_section: dict[str, list[Row]] = {}
    for row in setting_rows():
        section = row.key.split(".")[0] if "." in row.key else ""
        cells = (_whole(row.key), f"`{row.default}`", row.belongs_to, _text(row.meaning))
        by_section.setdefault(section, []).append(cells)
    head = ("key", "default", "belongs to", "meaning")
    titles = {section: f"Section `{section}`" if section else "Top level" for section in by_section}
    return "\n".join(f"## {titles[section]}\n\n{_table(head, by_section[section])}" for section in sorted(by_section))


def stages() -> str:
    """Every stage: what it does, its clock, and what it stores."""
    from pipeline.settings.stages import STAGES, stage_class

    parts = []
    for name in STAGES:
        stage = stage_class(name)
        about = _text((inspect.getdoc(stage) or "").split("\n\n")[0])
        clock = f" Its clock is `{stage.clock}`." if stage.clock else ""
        parts.append(f"### `{name}`\n\n{about}{clock}\n\n{arrays(name)}")
    return "\n".join(parts)


def arrays(name: str) -> str:
    """The table of arrays of one stage, from its class."""
    from pipeline.settings.stages import stage_class

    rows = []
    for array, spec in stage_class(name).arrays.items():
        named = f" ({', '.join(spec.names)})" if spec.names else ""
        rows.append((f"`{array}`", f"({', '.join(spec.dims)})", _text(spec.unit), _text(spec.about + named)))
    return _table(("array", "dims", "unit", "meaning"), rows)


def _leaves(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{prefix}{name} ")
        elif not command.hidden:
            yield f"{prefix}{name}", command


def _command(name: str, command: Any) -> str:
    example = (command.epilog or "").removeprefix("Example: ")
    rows = []
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown = f"`{parameter.metavar or parameter.name.upper()}`"
            rows.append((shown, "", _text(parameter.help)))
        elif "--help" not in parameter.opts:
            spelled = ", ".join(_whole(opt) for opt in parameter.opts)
            default = "" if parameter.default in (None, "", False) else f"`{parameter.default}`"
            rows.append((spelled, default, _text(parameter.help)))
    about = _text(command.help)
    head = f"## `{name}`\n\n{about}\n"
    code = f"\n```\n{example}\n```\n" if example else ""
    columns = (0, 1, 2) if any(default for _, default, _ in rows) else (0, 2)
    titles, *cells = (tuple(row[i] for i in columns) for row in [("", "default", "meaning"), *rows])
    return f"{head}{code}\n{_table(titles, cells)}" if rows else f"{head}{code}"


def _table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _whole(name: str) -> str:
    """Code that is not broken at its hyphens."""
    return f"`{name}`{{ .whole }}"


def _text(text: str | None) -> str:
    """Plain text as Markdown: one line, in which nothing is a tag or ends a cell."""
    plain = html.escape(" ".join((text or "").split()), quote=False).replace("|", "\\|").replace("*", "\\*")
    return re.sub(r"(?<![\w`-])--[a-z][\w-]*", r"`\g<0>`", plain)
