"""Synthetic report data that looks like a real batch of synchronised dives."""

from dataclasses import replace

import numpy as np

from data.video.web_media import as_uri, embed_video, key_frames
from data.video.writer import write_video
from models.estimate import Estimate
from pipeline.cache.failure import Failure
from pipeline.checks.flag import Flag
from pipeline.checks.paired_test import Lead
from pipeline.evaluate.evaluation_results import Leads, Losses
from pipeline.evaluate.system_table import Table, TableRow
from pipeline.report import page_data as d
from pipeline.report.movement_section import angle_charts
from pipeline.score.movement import movement
from pipeline.score.video_score import Score, StepScore
from tests.helpers import drawn_people
from tests.helpers.made_outputs import STANDING, pose_output

SIZE = drawn_people.SIZE
FRAMES, RATE = 51, 25.0

LOWEST = 11.34
"""Lowest training score, with which every score begins."""

TRAINING = d.TrainingSteps(((6.3, 0.8),) * 10, tuple(np.linspace(-2.2, -0.4, 64).tolist()), ((0.3, 0.6),) * 10)
"""Steps of 64 training videos."""

NAMES = ("left athlete", "right athlete")

BETTER = d.BetterVideos(
    (
        d.Observation(
            "Left athlete: hips 38 degrees more bent at 1.12 s than in any of the 6",
            "62 degrees",
            1.12,
            (0.82, 1.42),
            ((0, 11), (0, 12)),
        ),
    ),
    count=3,
    usual=1,
    note="The 6 better training videos are the best by the judges' score of 17.",
    best="dive_09.mp4",
    best_score=91.5,
)


def keypoints():
    """(FRAMES, 2, 17, 3): two divers falling and turning, the second two frames late."""
    points = np.full((FRAMES, 2, 17, 3), np.nan)
    for agent in range(2):
        phase = np.clip((np.arange(FRAMES) - agent * 2.0) / FRAMES, 0, 1)
        for i, p in enumerate(phase):
            angle = 2 * np.pi * 1.5 * p**1.5
            centre = np.array([110 + 90 * agent, 60 + 130 * p**2])
            points[i, agent, :, :2] = 0.6 * STANDING @ drawn_people.rotation(angle).T + centre
            points[i, agent, :, 2] = 0.9 - 0.5 * p
    points[20:23, 1] = np.nan
    return points


def dive_video(path):
    """Write a small H.264 video of the joints of the two divers of `keypoints`; returns its path."""
    write_video(path, (drawn_people.picture(*np.nan_to_num(frame, nan=-100)) for frame in keypoints()), RATE)
    return path


def steps(rng, score):
    """Ten steps whose scores sum to `score`."""
    count = 10
    parts = rng.normal(score / count, 0.9, count)
    parts += (score - parts.sum()) / count
    length = FRAMES / RATE / count
    weights = np.clip(0.35 + 0.04 * np.arange(count) + rng.normal(0, 0.06, count), 0.05, 0.95)
    return tuple(
        StepScore(i * length, (i + 1) * length, float(parts[i]), float(1 - weights[i]), float(weights[i]))
        for i in range(count)
    )


def video(clip, index, rng, name):
    """One video with every part filled."""
    score = float(rng.normal(74, 9))
    time = np.arange(FRAMES) / RATE
    wave = lambda scale: np.abs(np.convolve(rng.normal(0, scale, FRAMES + 8), np.ones(9) / 9, "valid")) + 0.03  # noqa: E731
    parts = {n: wave(s) for n, s in (("head", 0.15), ("trunk", 0.12), ("arms", 0.5), ("legs", 0.35))}
    parts["legs"][20:23] = np.nan
    embedded = embed_video(clip)
    assert embedded is not None
    flags = [
        Flag("warn", "people rarely detected", "second diver seen in 88 % of the frames"),
        Flag("info", "shaking camera", "rms .8 % of the picture width"),
        Flag("bad", "cut inside", "at 1.28 s: a replay may follow"),
    ]
    execution, synchronisation = float(rng.normal(7.6, 0.6)), float(rng.normal(8.1, 0.5))
    truth = {"score": score + float(rng.normal(0, 4)), "execution": 7.9, "synchronisation": 8.2}
    made = steps(rng, score - LOWEST)
    result = Score(
        id=name,
        path=clip,
        score=score,
        duration=FRAMES / RATE,
        interval80=(score - 5.2, score + 5.0),
        interval95=(score - 9.1, score + 8.7),
        percentile=float(np.clip(50 + (score - 74) * 4, 1, 99)),
        execution=execution,
        synchronisation=synchronisation,
        steps=made,
        flags=tuple(flags[: index % 4]),
        quality={"pose": {"found_rate": 0.974, "cuts": 0}, "clips": {"padded": False}},
    )
    stills = np.linspace(0, 1.9, 8).tolist()
    tools = {} if index else {"left master": wave(0.05), "right master": wave(0.08)}
    about = "Distance of each body part after both bodies are placed on each other."
    return d.VideoSection(
        name=name,
        result=result,
        truth=truth,
        duration=FRAMES / RATE,
        task="3 m" if index % 2 else "10 m",
        media=d.Media(
            embedded.uri,
            None,
            *SIZE,
            embedded.note,
            as_uri("image/jpeg", key_frames(clip, [0.0], SIZE[1])[0]),
            tuple(time),
        ),
        key_frames=tuple(map(d.KeyFrame, stills, key_frames(clip, stills))),
        training=TRAINING,
        skeleton=d.Skeleton(time, keypoints(), SIZE, NAMES),
        angles=angle_charts(movement(pose_output(keypoints(), size=SIZE)), NAMES),
        better=BETTER,
        moved=moved(index),
        people=NAMES,
        difference=(d.Traces("Difference between the divers", "torso lengths", time, parts, about),),
        camera=d.Traces(
            "Camera pan",
            "picture widths / heights",
            time,
            {"right": 0.02 * np.sin(time), "down": 0.25 * time**1.5},
            least=0.1,
        ),
        kinematics=(d.Traces("Speed of the tools", "m/s", time, tools),) if tools else (),
    )


def moved(index):
    """How the divers move. Later videos begin 3 frames later; in the seventh step the left one has straighter knees."""
    made = movement(pose_output(keypoints()[3 * index :], size=SIZE))
    step = np.floor((made.time * RATE + 3 * index) / FRAMES * 10 + 1e-6)
    made.variables.people[0]["knee"][:] = np.where(step == 6, 90.0 + 40 * index, 150.0)
    return made


def batch(videos, rng):
    """A batch with failures, and with more rows than the page has sections."""
    rows = list(videos)
    for i in range(24):
        score = float(rng.normal(74, 9))
        like = rows[i % len(rows)]
        rank = float(np.clip(50 + 4 * (score - 74), 0, 100))
        ends = {"interval80": (score - 5, score + 5), "interval95": (score - 9, score + 9)}
        result = replace(like.result, score=score, percentile=rank, **ends)
        truth = {"score": score + float(rng.normal(0, 4))}
        rows.append(replace(like, name=f"round{1 + i % 5}/dive_{i:03d}.mp4", result=result, truth=truth))
    early = "the file ends early: 102 frames announced, 61 present. Copy or download the video again"
    failures = {
        "broken/truncated.mp4": Failure("video", "clips", early),
        "notes.mp4": Failure("video", "clips", "not a readable video (the file is damaged)"),
    }
    return d.BatchSection(tuple(rows), failures, tuple(rng.normal(72, 10, 188).tolist()))


def evaluation(rng):
    """An evaluation with the columns of the paper's table 2."""
    tasks = ("Suturing", "Needle Passing", "Knot Tying")
    predictions = []
    for i in range(103):
        true = float(rng.normal(19, 5))
        guess = 0.75 * true + 4.8 + float(rng.normal(0, 2.2))
        predictions.append(
            d.ScatterPoint(
                f"{tasks[i % 3]}_{i:03d}", true, Estimate(guess, guess - 3.4, guess + 3.4), tasks[i % 3], str(i % 4)
            )
        )
    rows = (
        TableRow("AIM (ours, 10 networks)", (0.78, (0.69, 0.85), 0.79, 2.1, None), "ours"),
        TableRow("subject mean", (0.71, (0.6, 0.8), 0.735, 2.6, "tie"), "baseline"),
        TableRow("duration", (0.45, (0.28, 0.59), 0.49, 4.1, "worse"), "baseline"),
        TableRow("random", (-0.07, (-0.26, 0.13), None, 6.0, "worse"), "baseline"),
        TableRow("AIM (Gao et al. 2020)", (None, None, 0.71, None, None), "paper"),
    )
    columns = ("rho", "95 % interval", "per fold", "MAE", "beside AIM")
    better = ("high", "neither", "high", "low", "neither")
    epoch = np.arange(1, 301)
    train = 4 * np.exp(-epoch / 60) + 0.24 + 0.01 * rng.normal(size=300)
    leads = {
        name: Lead(Estimate(lead, lead - width, lead + width), 0.5)
        for name, lead, width in [("no transformation", -0.03, 0.04), ("no AIM", 0.13, 0.05), ("duration", 0.3, 0.04)]
    }
    return d.EvaluationSection(
        rho=Estimate(0.78, 0.69, 0.85),
        rho_of="Rank correlation of AIM with the judges",
        rho_about="103 performances, 4 folds",
        predictions=tuple(predictions),
        table=Table("Rank correlation, n 103", columns, rows, note="Means over 10 networks.", better=better),
        further=(Table("Suturing, n 39", columns[:4], tuple(replace(r, values=r.values[:4]) for r in rows)),),
        comparison=Leads("AIM", 103, leads),
        methods_text="We evaluated 103 performances.",
        losses=Losses(tuple(epoch), tuple(train), tuple(train - 0.01), tuple(train + 0.01)),
        leaks=(
            ("same trial on both sides", True, "103 trials"),
            ("same subject on both sides", False, "4-fold shares surgeons by design: B, C, D, E"),
        ),
    )


def report(folder, count=4):
    """A page with `count` video sections, a batch and an evaluation."""
    rng = np.random.default_rng(7)
    clip = dive_video(folder / "dive.mp4")
    videos = tuple(video(clip, i, rng, f"final/dive_{i + 1:02d}.mp4") for i in range(count))
    return d.ReportData(
        title="Synchronised diving, final",
        subtitle="29 videos scored by aim-tasd2-demo, an ensemble of 10",
        origin={
            "date": "2026-11-25T00:40:12+00:00",
            "Command": "run_pipeline.py score dives/ --model runs/demo",
            "Versions": "torch 2.13.0, openvino 2026.4.1",
            "Machine": "2 cores, 24 GiB",
        },
        config="dataset:\n  root: dives/\nclips:\n  layout: uniform\n  steps: 10\npose:\n  backend: movenet\n",
        videos=videos,
        batch=batch(videos, rng),
        evaluation=evaluation(rng),
    )


def in_phases(video, names):
    """The video with the phase of each time step."""
    steps = tuple(replace(step, phase=name) for step, name in zip(video.result.steps, names, strict=True))
    return replace(video, result=replace(video.result, steps=steps))
