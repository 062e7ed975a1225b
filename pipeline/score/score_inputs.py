"""Finds the performances for `score` and `report`: videos, the files of one trial, or a data set in its layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from data.datasets import DIFFICULTIES, kinematics_of, trial_of, with_difficulties
from data.errors import PROGRAM, UsageError, counted, printable
from data.store import Storage, absence, is_remote
from data.video import VIDEO_SUFFIXES, Labels, Listing, Record, find_videos
from data.video.records import MAX_LABEL
from pipeline.observer import Observer
from pipeline.run import completed, data_set_at, dataset_records
from pipeline.settings.config import Config

NOTHING = "Name videos, a data-set folder, --kinematics FILE, or a data set: --config jigsaws --set dataset.root=FOLDER"


def find_performances(
    inputs: Sequence[Path],
    observer: Observer,
    config: Config,
    *,
    kinematics: Path | None = None,
    file_rate: float = 0.0,
    difficulty: float | None = None,
) -> tuple[Record, ...]:
    """The performances to score; the observer gets a line about each problem and about a recognised data set.

    Args:
        inputs: videos or folders, or the folder of a data set (`data_set_at`): the configuration's, or JIGSAWS. In the
            layout of JIGSAWS, a video comes with the kinematics file of its trial.
        kinematics: the file of one trial; `inputs` are the trial's views, if it has any.
        config: gives access to stores, the frame rate of folders of frames, files of features and phases, and the data
            set to score without inputs.
        file_rate: frames per second of the videos in `inputs`; 0: that of their containers. It is independent of a
            frame rate that replaced the containers' in training.
        difficulty: announced, of a single performance. For a folder of videos, its labels.csv or the data set has them.

    Raises UsageError for nothing to score, a missing input, files of different trials, or a difficulty of several
    performances or not above 0. Raises DataError if the data set's files are unusable.
    """
    storage, dataset, rate = config.machine.storage.as_storage(), config.dataset, config.frames.fps
    if kinematics is not None:
        listing = completed(
            Listing(one_trial(inputs, kinematics, storage)), config, file_rate, [*inputs, kinematics][0]
        )
    elif data_set := data_set_at(inputs, config) or data_set_at(inputs, config, "jigsaws"):
        listing = dataset_records(data_set, unscored=True).at_rate(file_rate)
        count = counted(len(listing.records), "performance")
        observer.note(f"recognised {printable(inputs[0])}: {data_set.dataset.kind}, {count}")
    elif inputs:
        listing = completed(find_videos(inputs, storage, rate), config, file_rate, inputs[0])
        if config.method.times_difficulty and len(inputs) == 1:
            listing = with_difficulties(listing, inputs[0], storage)
    elif dataset.root is not None or dataset.features:
        listing = dataset_records(config, unscored=True)
    else:
        raise UsageError("nothing to score", fix=NOTHING)
    observer.notes([f"note: {problem}" for problem in listing.problems])
    records = []
    for record in listing.records:
        if record.path and "kinematics" not in record.sidecars and (path := kinematics_of(record.path)):
            record = replace(record, sidecars={**record.sidecars, "kinematics": path})
        records.append(record)
    if difficulty is not None and len(records) != 1:
        fix = f"Write a table {DIFFICULTIES} with the columns video,difficulty into the folder of the videos"
        raise UsageError(f"one difficulty is given for {counted(len(records), 'video')}", fix=fix)
    if difficulty is not None:
        records = [replace(records[0], labels=Labels(difficulty=positive(difficulty)))]
    return tuple(records)


def positive(difficulty: float) -> float:
    """The difficulty. Raises UsageError unless it is above 0."""
    if not 0 < difficulty <= MAX_LABEL:
        raise UsageError(
            f"the difficulty is {difficulty:g}", fix="Give the announced one, a number above 0 such as 3.2"
        )
    return difficulty


def one_trial(videos: Sequence[Path], kinematics: Path, storage: Storage | None = None) -> tuple[Record, ...]:
    """The views of one trial, each with its kinematics file; one record without a video if there are no views.

    Raises UsageError if a file is missing or the files are not those of one trial.
    """
    if is_remote(kinematics):
        raise UsageError("kinematics are read from this machine only", where=kinematics, fix="Copy the file here")
    if kinematics.suffix.lower() in VIDEO_SUFFIXES:
        raise UsageError(
            "this is a video", where=kinematics, fix=f"Type: {PROGRAM} score VIDEO --kinematics FILE.txt --model MODEL"
        )
    if not kinematics.is_file():
        fix = "Name a file of 76 columns (.txt); names are case sensitive"
        raise UsageError(absence(kinematics, "kinematics file"), where=kinematics, fix=fix)
    if folder := next((video for video in videos if video.is_dir()), None):
        fix = "Name the videos of the trial, or give the folder of a data set without --kinematics"
        raise UsageError("a kinematics file belongs to one trial, and this is a folder", where=folder, fix=fix)
    trials = sorted({trial_of(path.stem) for path in (*videos, kinematics) if trial_of(path.stem) != path.stem})
    if trials and any(trial != trials[0] for trial in (*trials, kinematics.stem)):
        fix = f"Give the kinematics file of {printable(trials[0])}, and only the videos of this trial"
        raise UsageError(f"the videos are not of the trial {printable(kinematics.stem)}", where=kinematics, fix=fix)
    records = find_videos(videos, storage).records if videos else (Record(kinematics.name, None),)
    return tuple(replace(record, sidecars={"kinematics": kinematics}) for record in records)
