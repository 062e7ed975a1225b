"""The data card of packed features: performances, settings and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from data.errors import printable
from data.store import write_text
from data.video import LABELS, Labels, Record
from pipeline.settings.config import Config
from pipeline.settings.stages import stage_class, with_defaults

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
"""Size classes of the Hugging Face Hub, each with its exclusive upper limit."""

LIMITS = (
    "The features hold no picture and no path. They hold the ids and labels of the data set, whose own terms of use "
    "apply: add its licence and source before you pass them on.",
    "Features of clips and pose come from networks that were trained on other videos, and contain their errors.",
)


def card_place(out: Path, *, per_video: bool) -> Path:
    """Path of the card of these features: beside the file, or in the folder."""
    return out / "card.md" if per_video else out.with_name(f"{out.stem}.card.md")


def write_data_card(path: Path, config: Config, records: Sequence[Record], stages: Sequence[str]) -> None:
    """Write the card of the packed `records`, with a hub's metadata at its top; equal data gives the same text."""
    name, kind = printable(config.method.name), config.dataset.kind
    facts = {
        "pretty_name": name,
        "task_categories": ["video-classification"],
        "tags": ["action-quality-assessment", kind],
        "size_categories": [next((text for end, text in SIZES if len(records) < end), "n>100K")],
    }
    lines = ["---", *yaml.safe_dump(facts, sort_keys=False).splitlines(), "---", f"# Features: {name}", ""]
    lines += [f"- {row}" for row in (*data_lines(kind, records, "performances"), *_stages(config, stages))]
    lines += ["", "## Limits", "", *[f"- {row}" for row in LIMITS], ""]
    write_text(path, "\n".join(lines))


def data_lines(kind: str, records: Sequence[Record], what: str) -> Iterator[str]:
    """Lines of a card: number, tasks and labels of the performances, called `what`."""
    yield f"{len(records)} {what} of a data set of kind `{kind}`"
    tasks = Counter(record.task for record in records)
    if set(tasks) != {""}:
        yield "tasks: " + ", ".join(f"{card_text(task or 'none')} {n}" for task, n in sorted(tasks.items()))
    for name in LABELS:
        values = [getattr(record.labels or Labels(), name) for record in records]
        labels = np.array([value for value in values if value is not None])
        if len(labels):
            about = f"mean {labels.mean():.3f}, standard deviation {labels.std():.3f}"
            yield f"{name}: {len(labels)} labels, {labels.min():.3f} to {labels.max():.3f}, {about}"


def card_text(value: Any) -> str:
    """A value escaped for a line of Markdown."""
    shown = printable(str(value))
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>#|!" else letter for letter in shown)


def _stages(config: Config, stages: Sequence[str]) -> list[str]:
    rows = []
    for name in stages:
        values = with_defaults(name, config.method.stage(name).result_settings())
        settings = ", ".join(f"{key} {value}" for key, value in sorted(values.items()))
        rows.append(f"stage `{name}`, version {stage_class(name).version}: {printable(settings)}")
    return rows
