"""What each published data set should hold and where to request it, and how a copy compares (`aqa data check`)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.datasets.diving_frames import FINEDIVING, MTL_AQA
from data.datasets.listing import list_records
from data.datasets.tables import clip, read_bytes
from data.errors import DataError, UsageError, printable


@dataclass(frozen=True)
class Recipe:
    """One published set."""

    source: str  # what to request where
    counts: Mapping[str, int] = field(default_factory=dict)  # performances: "all", "train", "test" and by task
    marks: tuple[str, ...] = ()  # paths below the root, with `*`; any of them shows that a folder is this set
    hashes: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by path below one of `folders`
    folders: tuple[str, ...] = ("",)


RECIPES: Mapping[str, Recipe] = {
    "jigsaws": Recipe(
        "request it from the Johns Hopkins University, cirl.lcsr.jhu.edu (form; non-commercial use)",
        {"all": 206, "Suturing": 78, "Needle_Passing": 56, "Knot_Tying": 72},
        ("Suturing", "Needle_Passing", "Knot_Tying"),
    ),
    "aqa7": Recipe(
        "download AQA-7 from rtis.oit.unlv.edu/datasets.html",
        {"all": 1106, "train": 803, "test": 303, "diving": 370, "gym_vault": 176, "ski_big_air": 175}
        | {"snowboard_big_air": 206, "sync_diving_3m": 88, "sync_diving_10m": 91},
        ("Split_4/split_4_train_list.mat", "split_4_train_list.mat"),
    ),
    "tasd2": Recipe(
        "we know of no public download; ask the authors of the paper (Gao et al., ECCV 2020)",
        {"all": 606, "SyncDiving-3m": 238, "SyncDiving-10m": 368},
        ("tasd2.csv",),
    ),
    "mtl-aqa": Recipe(
        "annotations and Video_List.xlsx: github.com/ParitoshParmar/MTL-AQA; the videos are on YouTube, and"
        " frame_extractor.sh there writes the frames",
        {"all": 1412, "train": 1059, "test": 353},
        tuple(f"{folder}/{name}" for folder in MTL_AQA.folders if folder for name in MTL_AQA.annotations)
        + MTL_AQA.annotations,
        {
            "final_annotations_dict.pkl": "8fda2f55be4f7e8031923c796d5599c357582df759dbd476de6cc40c2b3c81f3",
            "train_split_0.pkl": "87d5dd2fe704af5ae1130b8d3ab66d2d4287346363fa37f52cee27dfb6730e52",
            "test_split_0.pkl": "c25d6619e0044182ab303b64f4c0386510c2e17d302aad28f08c5e461319904a",
        },
        MTL_AQA.folders,
    ),
    "finediving": Recipe(
        "sign the release agreement in github.com/xujinglin/FineDiving and send it to the address there",
        {"all": 3000, "train": 2251, "test": 749},
        tuple(f"{folder}/{name}".lstrip("/") for folder in FINEDIVING.folders for name in FINEDIVING.annotations),
        {
            "fine-grained_annotation_aqa.pkl": "b22aef17cc085f49c417aa5b81fb6db6a2698b711959c5a5bbbd1d29c4e8e904",
            "FineDiving_fine-grained_annotation.pkl": (
                "228b33f93f751685dca6ec010ec6416245f6f1166c852363980571d9a6eb0cbd"
            ),
            "FineDiving_coarse_annotation.pkl": "8dc211a35c2b1ec1dc6f5c9f7e93774b627d812b8ea41d012a85bc1e0e49240e",
            "train_split.pkl": "a8a1cdcbdef430429fbbd7539d90939982a0c5588a1a1c79117a07372609a4d8",
            "test_split.pkl": "bcb1f407ad190a68f464c5aa70658e72d34b683a89deccf3ecc9119019896594",
        },
        FINEDIVING.folders,
    ),
    "fis-v": Recipe(
        "lists and the link to the videos: github.com/chmxu/MS_LSTM",
        {"all": 500, "train": 400, "test": 100},
        ("fis-v", "Fis-V"),
        {
            "train_dataset.txt": "b95cbe65f7118556cc3e6b49b6dadd088d5ac6f4bd524dabbd0c963e431ee543",
            "test_dataset.txt": "7df4fa1501bb22a5d1c3f56a01131c8af84caea2053995843430fe46d220435b",
        },
        ("", "data", "annotations"),
    ),
    "fs1000": Recipe("github.com/AndyFrancesco29/Audio-Visual-Figure-Skating: ask for the videos at the address there"),
    "rhythmic-gymnastics": Recipe(
        "lists and the link to the videos: github.com/qinghuannn/ACTION-NET",
        {"all": 1000, "train": 800, "test": 200, "Ball": 250, "Clubs": 250, "Hoop": 250, "Ribbon": 250},
        ("RG_public", "videos/Ball_*", "video/Ball_*"),
        {
            "train.txt": "1f54d40d6a3caaaaa86ea085d7f5d53498b86cda3222a8f3dc6887ee5bef17e7",
            "test.txt": "f56a103c365a1ab2f5f5d7f19e1cf1ffbf2f220f01b27c46ef39ed9dbb0d0bbb",
        },
        ("", "data", "annotations"),
    ),
    "unlv": Recipe(
        "download diving.tar.gz and gymnastic_vault.tar.gz from rtis.oit.unlv.edu/datasets.html",
        {"diving": 370, "vault": 176},
        ("diving/diving_overall_scores.mat", "gymnastic_vault"),
    ),
    "ui-prmd": Recipe(
        "download Segmented Movements and Incorrect Segmented Movements from webpages.uidaho.edu/ui-prmd",
        {"all": 2000},
        ("Segmented Movements", "Incorrect Segmented Movements"),
    ),
    "kimore": Recipe(
        "vrai.dii.univpm.it/content/kimore-dataset names the download", marks=("CG/*/*/Es1", "GPP/*/*/Es1")
    ),
    "folder": Recipe("your own videos: docs/datasets/folder.md"),
    "skeletons": Recipe("your own keypoint files: docs/datasets/skeletons.md"),
}
"""By kind. Counts and hashes are of the publishers' files or papers, which the pages of docs/datasets name."""


@dataclass(frozen=True)
class DataReport:
    """How a copy compares."""

    kind: str
    root: str
    source: str  # what to request where
    counts: tuple[tuple[str, int, int | None], ...]  # what is counted, here, and as published (None: not known)
    files: tuple[tuple[str, str], ...]  # files whose hash is known, each "agrees", "differs" or "missing"
    problems: tuple[str, ...]  # what the lists name and the copy lacks, or why it cannot be read; one line each

    @property
    def ok(self) -> bool:
        """True when nothing is missing and everything known agrees."""
        agree = all(published in (None, here) for _, here, published in self.counts)
        return agree and not self.problems and all(state != "differs" for _, state in self.files)


def kind_of(root: Path) -> str:
    """The kind of data set that a folder shows itself to be. Raises UsageError: none or several."""
    kinds = [kind for kind, recipe in RECIPES.items() if any(next(root.glob(m), None) for m in recipe.marks)]
    if len(kinds) == 1:
        return kinds[0]
    what = f"could be {' or '.join(kinds)}" if kinds else "shows no known layout"
    raise UsageError(f"this folder {what}", where=root, fix="Name the set: --config PRESET, such as --config fis-v")


def check_data(kind: str, root: Path, options: Mapping[str, Any]) -> DataReport:
    """Compare a copy with what is published; every label file is read, no video is opened."""
    recipe, here, problems = RECIPES[kind], Counter[str](), list[str]()
    try:
        listing = list_records(kind, root, **options)
        problems += listing.problems
        for record in listing.records:
            here.update(["all", *([record.split] if record.split else []), *([record.task] if record.task else [])])
    except (DataError, UsageError) as error:
        problems.append(str(error))
    names = list(dict.fromkeys(["all", *recipe.counts, *sorted(here)]))
    counts = tuple((name, here[name], recipe.counts.get(name)) for name in names)
    files = tuple((name, _state(root, recipe, name)) for name in recipe.hashes)
    return DataReport(kind, printable(root), recipe.source, counts, files, tuple(clip(p, 300) for p in problems))


def _state(root: Path, recipe: Recipe, name: str) -> str:
    for path in (root / folder / name for folder in recipe.folders):
        if path.is_file():
            agrees = hashlib.sha256(read_bytes(path)).hexdigest() == recipe.hashes[name]
            return "agrees" if agrees else "differs"
    return "missing"
