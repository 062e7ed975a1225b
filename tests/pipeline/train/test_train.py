"""Training: stacks equal one-by-one training, runs resume to the bit, inputs are standardised, scores scaled."""

import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from data.errors import AimError, Cancelled, UsageError
from data.video.records import Labels
from models.aim import Aim, AimInputs
from models.aim_config import AimConfig
from models.losses import aim_loss
from models.metrics import spearman
from models.stacked import MemberDropout, member_state
from pipeline.score.trained_model import TrainedModel
from pipeline.settings.train_config import TrainConfig
from pipeline.train import Normaliser, TrainedNetworks, checkpoint, fold_data, label_table, stack_training
from pipeline.train.fit import TrainingControl, torch_threads
from pipeline.train.stack_training import Member, StackTraining, draw_batches, input_sizes
from tests.conftest import ROOT
from tests.helpers.made_features import made_features, with_records

paper = partial(TrainConfig, recipe="paper")
TINY = AimConfig(width=12, regression_width=6, multi_task=True, feature_dropout=0.1)


@pytest.fixture(scope="module")
def features():
    return made_features(40, channels=6, scene=9)


def train_plainly(data, member, config, model, epochs):
    """An ordinary training loop: one network of nn.Linear and nn.LSTM, torch.optim.Adam, batch by batch."""
    net = Aim(model, input_sizes(data.inputs))
    start = StackTraining(data, [member], model, config)
    net.load_state_dict(member_state(start.net.state_dict(), 0))
    optimizer = torch.optim.Adam(net.parameters(), lr=1.0, weight_decay=config.weight_decay)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = config.learning_rate(epoch)
        generator = np.random.Generator(np.random.SFC64([member.seed, epoch]))
        batches = draw_batches([member], [generator], config.batch)
        for rows, counts in batches:
            real = torch.from_numpy(rows[:, : counts[0]])
            x, targets, weights = data.gather(torch.tensor([member.fold]), real)
            mine = AimInputs(**{name: values[0] for name, values in vars(x).items()})
            drop = MemberDropout([generator], [int(counts[0])])
            output = net(mine, lambda values, rate, drop=drop: drop(values[None], rate)[0])
            optimizer.zero_grad()
            aim_loss(output, targets[0], weights[0], config.theta).backward()
            optimizer.step()
    return net


@pytest.mark.parametrize("components", [None, 4])
def test_a_stack_trains_like_its_members_one_by_one(features, components):
    """After 50 steps of Adam with weight decay, no parameter differs by 1e-4; training parts and folds differ.

    With 4 scene components a stack leaves out the 5 scene entries that are 0; a network alone reads all 9.
    """
    config = paper(
        batch=8, learning_rates=(1e-2, 1e-3), switch_epochs=(6, 20), networks=1, scene_components=components, clip=5.0
    )
    parts = [np.arange(38), np.arange(3, 40), np.arange(1, 36), np.arange(0, 34)]
    normalisers = [Normaliser.fit(features, rows, config) for rows in parts]
    data = fold_data(features, normalisers)
    members = [Member(number, fold, rows, seed=100 + fold) for number, (fold, rows) in enumerate(enumerate(parts))]
    stack = StackTraining(data, members, TINY, config)
    assert stack.data.inputs.scene.shape[-1] == (components or 9)
    for epoch in range(10):
        stack.epoch(epoch)
    for position, member in enumerate(members):
        alone = train_plainly(data, member, config, TINY, epochs=10).state_dict()
        for name, values in member_state(stack.net.state_dict(), position).items():
            assert (values - alone[name]).abs().max() < 1e-4, name


def test_it_learns_the_planted_asymmetry():
    features = made_features(90, channels=8, scene=12, lag=False, noise=0.05)
    rows, held_out = np.arange(60), np.arange(60, 90)
    config, model = TrainConfig(networks=3, epochs=150), AimConfig(width=32, multi_task=True)
    run = TrainedModel.fit(features.take(rows), config, model)
    predicted = run.predict(features.take(held_out))
    true = label_table(features.records)[held_out]
    assert spearman(predicted.score, true[:, 0]) > 0.7
    assert predicted.execution is not None
    assert spearman(predicted.execution, true[:, 1]) > 0.7


def equal_networks(run, other):
    """Whether all parameters are equal to the bit."""
    return all(torch.equal(values, other.networks.state[name]) for name, values in run.networks.state.items())


def test_networks_and_seeds_differ(features):
    config = TrainConfig(networks=2, epochs=3, batch=16)
    first, other = (
        TrainedModel.fit(features, config.model_copy(update={"seed": seed}), TINY).networks.state["encoder.weight"]
        for seed in (0, 1)
    )
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])


@pytest.fixture
def epochs_run(monkeypatch):
    """The number of every epoch that a stack computes."""
    run = []
    real = StackTraining.epoch

    def epoch(self, number):
        run.append(number)
        return real(self, number)

    monkeypatch.setattr(StackTraining, "epoch", epoch)
    return run


def test_a_training_of_one_core_has_one_thread(features, monkeypatch):
    threads, real = list[int](), StackTraining.epoch

    def epoch(self, number):
        threads.append(torch.get_num_threads())
        return real(self, number)

    monkeypatch.setattr(StackTraining, "epoch", epoch)
    with torch_threads(3):
        for networks, cores in ((4, 1), (1, 2)):
            control = TrainingControl(cores=cores)
            TrainedModel.fit(features, TrainConfig(networks=networks, epochs=1), TINY, control=control)
    assert {*threads[:-1]} == {1}
    assert threads[-1] == 2


@pytest.fixture(scope="module")
def fitted(features):
    """Trains four networks in two stacks of 12 epochs: their parameters and losses."""
    config = TrainConfig(networks=4, epochs=12, batch=16)
    return lambda control=None: TrainedNetworks.fit(features, [np.arange(len(features))], TINY, config, control)[1]


@pytest.fixture(scope="module")
def undisturbed(fitted):
    return fitted()


@pytest.mark.parametrize("after", [1, 8, 19])
def test_resume_is_equal_to_the_bit(fitted, undisturbed, tmp_path, after, epochs_run):
    with pytest.raises(Cancelled):
        fitted(TrainingControl(tmp_path, stop=lambda: len(epochs_run) >= after))
    resumed = fitted(TrainingControl(tmp_path))
    assert len(epochs_run) == 2 * 12
    assert all(torch.equal(values, resumed.state[name]) for name, values in undisturbed.state.items())
    assert np.array_equal(undisturbed.losses, resumed.losses)
    assert undisturbed.losses[-1].mean() < undisturbed.losses[0].mean()


def test_a_kill_between_checkpoints_resumes_to_the_bit(features, tmp_path, monkeypatch, epochs_run):
    """An epoch takes a quarter of the time between checkpoints, so they follow epochs 1, 5 and 9."""
    monkeypatch.setattr(stack_training, "monotonic", lambda: stack_training.CHECKPOINT_S * len(epochs_run) / 4)
    config = TrainConfig(networks=1, epochs=12, batch=16)
    counted = StackTraining.epoch

    def killed(self, number):
        if number == 8:
            raise KeyboardInterrupt
        return counted(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(StackTraining, "epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            TrainedModel.fit(features, config, TINY, control=TrainingControl(tmp_path))
    resumed = TrainedModel.fit(features, config, TINY, control=TrainingControl(tmp_path))
    assert epochs_run == [*range(8), *range(5, 12)]
    assert equal_networks(TrainedModel.fit(features, config, TINY), resumed)


def test_an_interrupt_while_training_ends_all_threads(features, epochs_run):
    def progress(done, total):
        raise KeyboardInterrupt

    config, control = TrainConfig(networks=2, epochs=3000, batch=16), TrainingControl(progress=progress)
    with pytest.raises(KeyboardInterrupt):
        TrainedModel.fit(features, config, TINY, control=control)
    assert len(epochs_run) < 3000


def test_checkpoints_of_another_training_or_code_or_damaged_are_not_used(features, tmp_path, epochs_run, monkeypatch):
    config = TrainConfig(networks=1, epochs=4, batch=16)
    whole, other = [0, 1, 2, 3], config.model_copy(update={"weight_decay": 0.45})

    def epochs(given):
        epochs_run.clear()
        TrainedModel.fit(features, given, TINY, control=TrainingControl(tmp_path))
        return epochs_run

    for given, expected in ((config, whole), (other, whole), (other, [])):
        assert epochs(given) == expected
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "code_digest", lambda: "that of yesterday")
        assert epochs(other) == whole
    assert epochs(other) == whole
    (place,) = tmp_path.iterdir()
    content = place.read_bytes()
    for damaged in (content[:-100], content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]):
        place.write_bytes(damaged)
        assert epochs(other) == whole


@pytest.mark.parametrize("changed", ["models/aim.py", "pipeline/train/fit.py", "pipeline/systems/regressors.py"])
def test_the_code_of_networks_trainings_and_systems_counts(tmp_path, monkeypatch, changed):
    for folder in checkpoint.CODE:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(checkpoint, "ROOT", tmp_path)
    before = checkpoint.code_digest.__wrapped__()
    assert before == checkpoint.code_digest()
    (tmp_path / changed).write_text((tmp_path / changed).read_text() + "\n# changed\n")
    assert checkpoint.code_digest.__wrapped__() != before


def test_standardisation(features):
    primary = features.primary.copy()
    primary[..., 2] = 5.0  # constant in the training part
    primary[7, 3, 4] = np.nan
    given = replace(features, primary=primary)
    normaliser = Normaliser.fit(given, np.arange(40), paper())
    out = normaliser.apply(given)["primary"]
    observed = out[features.primary_mask]
    varying = [0, 1, 3, 5]
    assert np.allclose(observed.mean(0)[varying], 0, atol=1e-5)
    assert np.allclose(observed.std(0)[varying], 1, atol=1e-4)
    assert (out[~features.primary_mask] == 0).all()
    assert (out[..., 2] == 0).all()
    assert out[7, 3, 4] == 0
    primary[..., 2] = 9.0
    assert (normaliser.apply(given)["primary"][..., 2] == 0).all()
    cut = Normaliser.fit(features, np.arange(40), paper(clip=1.5)).apply(features)
    assert np.abs(cut["scene"]).max() == 1.5
    same_scale = Normaliser.fit(features, np.arange(40), paper(same_scale=True))
    assert np.array_equal(same_scale.primary, same_scale.secondary)


def test_scene_components_are_whitened_and_few(features):
    def scene(**settings):
        return Normaliser.fit(features, np.arange(40), paper(**settings)).apply(features)["scene"]

    few = scene(scene_components=4, scene_gain=0.5)
    assert (few[..., 4:] == 0).all()
    assert np.allclose(np.cov(few[..., :4].reshape(-1, 4).T), 0.25 * np.eye(4), atol=0.01)
    assert np.allclose(scene(scene_gain=0.5), scene() / 2, atol=1e-6)
    assert np.isfinite(scene(scene_components=50)).all()


def test_scores_are_scaled_to_ten_by_the_training_part(features):
    normaliser, labels = Normaliser.fit(features, np.arange(40), paper()), label_table(features.records)
    scaled = normaliser.scale_scores(labels)
    assert np.allclose([scaled.min(0), scaled.max(0)], [[0] * 3, [10] * 3])
    back = [normaliser.unscale(scaled[:, column], column) for column in range(3)]
    assert np.allclose(np.transpose(back), labels)


def test_missing_labels_and_constant_scores(features):
    half = with_records(features, lambda _, i: {"labels": Labels(score=5.0) if i % 2 else None})
    run = TrainedModel.fit(half, TrainConfig(networks=1, epochs=2), TINY)
    assert len(run.train_ids) == 20
    assert all(values.isfinite().all() for values in run.networks.state.values())
    unlabelled = with_records(features, lambda *_: {"labels": None})
    with pytest.raises(AimError, match=r"at least 2 labelled.*\. Give the labels of the data set, or check"):
        TrainedModel.fit(unlabelled, TrainConfig(), TINY)
    with pytest.raises(AimError, match=r"no performance of .* has a score\. Give the labels of the data set, or check"):
        Normaliser.fit(unlabelled, np.arange(40), TrainConfig())


def test_without_scene_and_with_several_secondaries():
    other = made_features(20, channels=5, scene=0, agents=2)
    run = TrainedModel.fit(other, TrainConfig(networks=2, epochs=2), TINY)
    predicted = run.predict(other)
    assert np.isfinite(predicted.score).all()
    assert (predicted.execution is None, predicted.synchronisation is None) == (True, False)
    with pytest.raises(UsageError, match="whole-scene feature"):
        TrainedModel.fit(other, TrainConfig(networks=1), replace(TINY, variant="scene"))


def test_dropout_rate_and_scale():
    drop = MemberDropout([np.random.Generator(np.random.SFC64(seed)) for seed in (0, 1)], [500, 300])
    first, second = (out[:300] for out in drop(torch.ones(2, 500, 64), 0.2))
    for out in (first, second):
        assert ((out == 0) | (out == 1.25)).all()
        assert float((out == 0).float().mean()) == pytest.approx(0.2, abs=0.01)
    assert not torch.equal(first, second)


def test_batches_are_even_and_cover_every_row_once():
    members = [Member(0, 0, np.arange(188), 1), Member(1, 0, np.arange(7, 140), 2)]
    batches = draw_batches(members, [np.random.Generator(np.random.SFC64(m.seed)) for m in members], 64)
    assert [counts.tolist() for _, counts in batches] == [[63, 45], [63, 44], [62, 44]]
    for m, member in enumerate(members):
        assert sorted(row for rows, counts in batches for row in rows[m, : counts[m]]) == member.rows.tolist()


def test_the_papers_schedule():
    config = paper()
    rates = {0: 1e-4, 19: 1e-4, 20: 1e-5, 49: 1e-5, 50: 1e-6, 99: 1e-6, 100: 1e-4, 2999: 1e-6}
    assert {epoch: config.learning_rate(epoch) for epoch in rates} == rates
    assert (config.epochs, config.batch, config.weight_decay, config.theta, config.networks) == (3000, 64, 0.5, 0.4, 10)
