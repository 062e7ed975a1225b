"""Published methods beside AIM, as small networks on the same time steps: network, loss and decoding of each.

Every docstring names the paper, what follows it, and what departs from it. Common departures: the features come from
the cache, not from a video network that is trained too; widths are small; hidden layers are normalised without learnt
scales; scores are in the training scale 0..10. All are defined on stacks of M members (`models.layers`): B samples, T
time steps, F features of a step, d = `PublishedConfig.width`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, logsigmoid, normalize, one_hot, relu

from models.layers import Layers, start_values
from models.stacked import MemberDropout

TOP = 10.0  # upper end of the training scale
FLOOR = 0.3  # least predicted deviation
TIE = 1e-4  # differences of scores that are closer are equal: rounding separates equal differences of round scores

HEADS = 4  # of self-attention
QUERIES = 4  # learnt queries: grades of GDLT, parts of TPT, steps of RICA2
DEPTH = 3  # levels of CoRe's tree; 2 ** depth groups
DEVIATION = 0.5  # of the target distribution of USDL and MUSDL
SPARSITY = 0.05  # weight of the sparsity loss of TPT and RICA2
SPACING = 3.2  # TPT's ranking loss: steps between the centres of attention of neighbouring parts
ORDERING = 0.05  # weight of RICA2's ranking loss
MARGIN = 1.0  # of GDLT's triplet loss, and of RICA2's ranking loss in steps
BOTTLENECK = 1e-5  # weight of RICA2's divergence
SAMPLES = 20  # drawn by RICA2 for a prediction

VOTERS = 10
"""Exemplars of a prediction of CoRe and TPT."""


@dataclass(frozen=True)
class PublishedConfig:
    """Settings of a method."""

    kind: str  # key of `PUBLISHED_METHODS`
    width: int = 64  # of the hidden layers
    dropout: float = 0.2  # of the encoded steps


@dataclass(frozen=True)
class LabelledSteps:
    """Time steps with labels."""

    steps: Tensor  # (M, B, T, F)
    score: Tensor  # (M, B)
    judges: Tensor  # (M, B, J) scores of single judges; J may be 0


class PublishedNetwork(nn.Module):
    """A method: `start`, then `loss` in training and `predict` afterwards."""

    mean: Tensor

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__()
        self.config = config
        self.embed = layers.linear(features, config.width)
        self.register_buffer("mean", torch.zeros(()), persistent=False)

    def start(self, generators: list[torch.Generator], scores: Tensor) -> None:
        """Draw the start values of each member from its own generator; `scores` (n,) are those of the training part."""
        start_values(self, generators)
        self.mean = scores.mean()

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """(M,) loss of each member; `partners` (M, B) are other rows of the batch, exemplars of each row.

        By default the mean squared error.
        """
        return (self.score(x.steps, drop) - x.score).square().mean(-1)

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """(M, B, J) scores of `steps` (M, B, T, F) by J judges, one where the method has none.

        `bank` is the training part, `voters` (M, B, V) rows of it.
        """
        return self.score(steps, None).unsqueeze(-1)

    def score(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """(M, B) scores, where these depend on the steps alone."""
        raise NotImplementedError

    def encode(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """(M, B, T, d) one layer on each step, with dropout in training."""
        hidden: Tensor = relu(self.embed(steps))
        return hidden if drop is None else drop(hidden, self.config.dropout)


class Attention(nn.Module):
    """Scaled dot-product attention (Vaswani et al., 2017)."""

    def __init__(self, width: int, heads: int, layers: Layers) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (layers.linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(..., Q, d) attends to (..., T, d): the result (..., Q, d) and the weights (..., heads, Q, T)."""
        projected = (self.query(x), self.key(memory), self.value(memory))
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for y in projected)  # (..., heads, L, d / heads)
        weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1)
        return self.out((weights @ v).transpose(-3, -2).flatten(-2)), weights


class Block(nn.Module):
    """Self-attention, then attention to a memory where there is one, then two layers; each normalised and added."""

    def __init__(self, config: PublishedConfig, layers: Layers, *, cross: int = 0) -> None:
        super().__init__()
        self.inside = Attention(config.width, HEADS, layers)
        self.across = Attention(config.width, cross, layers) if cross else None
        self.first = layers.linear(config.width, 2 * config.width)
        self.second = layers.linear(2 * config.width, config.width)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """(..., L, d) to (..., L, d), and the weights on the memory."""
        weights = None
        x = x + self.inside(norm(x), norm(x))[0]
        if self.across is not None and memory is not None:
            more, weights = self.across(norm(x), norm(memory))
            x = x + more
        return x + self.second(relu(self.first(norm(x)))), weights


class Queries(nn.Module):
    """Learnt queries that attend to the steps: a decoder of one block."""

    def __init__(self, config: PublishedConfig, layers: Layers, *, cross: int) -> None:
        super().__init__()
        self.count = QUERIES
        self.table = layers.linear(QUERIES, config.width)
        self.block = Block(config, layers, cross=cross)

    def forward(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(M, B, T, d) to the queries' features (M, B, Q, d) and their attention (M, B, heads, Q, T)."""
        members, batch = memory.shape[:2]
        one_hot = torch.eye(self.count, device=memory.device).expand(members, 1, -1, -1)
        asked = self.table(one_hot).expand(-1, batch, -1, -1)
        return self.block(asked, memory)  # type: ignore[no-any-return]


class StepTransformer(PublishedNetwork):
    """A plain Transformer over the steps: the control, with nothing specific to action quality.

    One block (Vaswani et al., 2017), positions as sines, mean over the steps, one layer; mean squared error.
    """

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.block = Block(config, layers)
        self.out = layers.linear(config.width, 1)

    def score(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """A layer on the mean of the encoded steps."""
        encoded, _ = self.block(with_positions(self.encode(steps, drop)))
        out: Tensor = self.out(norm(encoded).mean(-2)).squeeze(-1)
        return self.mean + out


class Usdl(PublishedNetwork):
    """USDL and MUSDL: Tang et al., "Uncertainty-aware score distribution learning" (CVPR 2020).

    As in the paper: a score becomes a normal distribution on a grid, normalised to sum 1 (equations 1 and 2); features
    are averaged over the steps; layers with a softmax predict the distribution; the loss is the Kullback-Leibler
    divergence from the target (equation 4). MUSDL does so for every judge, with layers of its own, and adds the losses.
    Departures: the score is the expectation, since the most probable score would tie performances; the grid goes
    beyond the training scores by 4 deviations, so that the target's mean is the score at its ends too; the deviation is
    .05 of the range of training scores in all data sets.
    """

    grid: Tensor

    def __init__(self, config: PublishedConfig, features: int, layers: Layers, judges: int = 1) -> None:
        super().__init__(config, features, layers)
        reach, spacing = 4 * DEVIATION, 0.4 * DEVIATION
        count = round((TOP + 2 * reach) / spacing) + 1
        self.register_buffer("grid", torch.linspace(-reach, TOP + reach, count), persistent=False)
        self.hidden = nn.ModuleList(layers.linear(config.width, config.width) for _ in range(judges))
        self.out = nn.ModuleList(layers.linear(config.width, count) for _ in range(judges))

    def target(self, scores: Tensor) -> Tensor:
        """(...) to (..., grid): the distribution of each score."""
        return (-0.5 * ((self.grid - scores.unsqueeze(-1)) / DEVIATION).square()).softmax(-1)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Divergence of the prediction from the target, summed over the judges."""
        judged = x.judges if self.config.kind == "musdl" else x.score.unsqueeze(-1)
        target = self.target(judged)  # (M, B, J, grid)
        apart = target * (target.clamp(min=1e-12).log() - self._log_distribution(x.steps, drop))
        return apart.sum((-1, -2)).mean(-1)

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """The expectation."""
        return self._log_distribution(steps, None).exp() @ self.grid

    def _log_distribution(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        pooled = self.encode(steps, drop).mean(-2)
        each = [out(relu(hidden(pooled))) for hidden, out in zip(self.hidden, self.out, strict=True)]
        return torch.stack(each, dim=-2).log_softmax(-1)  # (M, B, J, grid)


class Tree(nn.Module):
    """The group-aware regression tree of CoRe (section 3.3): binary decisions down to a group, a position within."""

    def __init__(self, inputs: int, config: PublishedConfig, layers: Layers) -> None:
        super().__init__()
        width, inner = config.width // 2, 2**DEPTH - 1
        self.first = layers.linear(inputs, width)
        self.branch = nn.ModuleList(layers.linear(width, 1) for _ in range(inner))
        self.below = nn.ModuleList(layers.linear(width, 2 * width) for _ in range(inner))
        self.position = nn.ModuleList(layers.linear(width, 1) for _ in range(inner + 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(..., in) to the log-probability (..., L) of each group and the position (..., L) within it."""
        nodes, logs = [relu(self.first(x))], [x.new_zeros(x.shape[:-1])]
        for branch, below in zip(self.branch, self.below, strict=True):  # breadth first: node i has 2i+1 and 2i+2
            node, log = nodes[len(nodes) // 2], logs[len(logs) // 2]
            right = branch(node).squeeze(-1)
            nodes += relu(below(node)).chunk(2, dim=-1)
            logs += [log + logsigmoid(-right), log + logsigmoid(right)]
        leaves = len(self.position)
        places = [out(node).squeeze(-1) for out, node in zip(self.position, nodes[-leaves:], strict=True)]
        return torch.stack(logs[-leaves:], dim=-1), torch.stack(places, dim=-1)


def group_edges(scores: Tensor, groups: int) -> Tensor:
    """(groups + 1,) bounds, symmetric about 0, of groups with equally many differences of `scores` (n,).

    A bound is one of the differences, never between two; the outer groups end at the range of all scores (`TOP`).
    """
    apart = (scores.unsqueeze(1) - scores).abs()
    ordered = apart[torch.triu_indices(len(scores), len(scores), 1).unbind()].sort().values
    places = [i * (len(ordered) - 1) // (groups // 2) for i in range(1, groups // 2)]
    upper = torch.cat([ordered[places], ordered.new_tensor([max(TOP, float(ordered[-1]))])])
    return torch.cat([-upper.flip(0), upper.new_zeros(1), upper])


class Core(PublishedNetwork):
    """CoRe: Yu et al., "Group-aware contrastive regression for action quality assessment" (ICCV 2021).

    As in the paper: the score is that of an exemplar plus a predicted difference. The features of both and the
    exemplar's score enter a group-aware regression tree. Groups hold equal shares of the training differences, and the
    outer ones end at the range of the scores. The loss of a pair is the sum of its two orders: the mean negative
    log-likelihood of the group, plus the mean squared error of the position in each group, summed over the groups
    (`Group_helper.py` and `helper.py` of the authors' code). The prediction is the likeliest group's bound plus
    position, averaged over 10 voting exemplars.
    Departures: a difference of the whole range is in the outer group, while theirs gives it none; exemplars and voters
    come from the training part only, of the same task, and of the same difficulty where it is known; a pair is two rows
    of one batch; 8 groups in place of 16, since sets are small; the label is the score. On MTL-AQA theirs is score /
    difficulty, multiplied back (`dataset.score=execution` has that label).
    """

    edges: Tensor

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.tree = Tree(self.relation_width(), config, layers)
        self.register_buffer("edges", torch.zeros(2**DEPTH + 1), persistent=False)

    def start(self, generators: list[torch.Generator], scores: Tensor) -> None:
        """As `PublishedNetwork.start`; also sets the bounds of the groups."""
        super().start(generators, scores)
        self.edges = group_edges(scores, 2**DEPTH)

    def relation_width(self) -> int:
        """Entries of a relation."""
        return 2 * self.config.width + 1

    def parts(self, steps: Tensor, drop: MemberDropout | None) -> tuple[Tensor, Tensor]:
        """Features (M, B, P, d) of P parts of each performance, and the parts' own loss (M,); CoRe has one part."""
        return self.encode(steps, drop).mean(-2, keepdim=True), steps.new_zeros(len(steps))

    def relation(self, asked: Tensor, exemplar: Tensor, score: Tensor) -> Tensor:
        """The input of the tree for pairs (..., P, d), where the exemplar has `score` (...)."""
        return torch.cat([asked.flatten(-2), exemplar.flatten(-2), score.unsqueeze(-1) / TOP], dim=-1)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Group and position, both orders of each pair, plus the parts' own loss."""
        parts, own_loss = self.parts(x.steps, drop)
        others, scores = take_rows(parts, partners), take_rows(x.score, partners)
        first, second = self.relation(parts, others, scores), self.relation(others, parts, x.score)
        apart = x.score - scores
        logs, positions = (values.chunk(2, dim=1) for values in self.tree(torch.cat([first, second], dim=1)))
        orders = zip(logs, positions, (apart, -apart), strict=True)
        return own_loss + torch.stack([self.tree_loss(*order) for order in orders]).sum(0)

    def groups(self, difference: Tensor) -> Tensor:
        """The group of each difference; a bound belongs to the group that is farther from 0, and 0 to the upper one."""
        half = 2 ** (DEPTH - 1)
        above = torch.bucketize(difference.abs(), self.edges[half + 1 : -1] - TIE, right=True)
        return torch.where(difference <= -TIE, half - 1 - above, half + above)

    def tree_loss(self, logs: Tensor, positions: Tensor, difference: Tensor) -> Tensor:
        """(M,) mean negative log-likelihood of the groups of `difference` (M, B), plus the squared errors of positions.

        Errors are averaged within each group, and summed over the groups: a rare group counts as much as a common one.
        """
        group = self.groups(difference)
        low, size = self._bounds(group)
        log, position = (values.gather(-1, group.unsqueeze(-1)).squeeze(-1) for values in (logs, positions))
        member = one_hot(group, logs.shape[-1]).to(log.dtype)  # (M, B, L)
        error = (position - (difference - low) / size).square().unsqueeze(-1)
        return -log.mean(-1) + ((member * error).sum(1) / member.sum(1).clamp(min=1)).sum(-1)

    def decode(self, logs: Tensor, positions: Tensor) -> Tensor:
        """(..., L) to (...): the difference in the likeliest group."""
        group = logs.argmax(-1)
        low, size = self._bounds(group)
        return low + size * positions.gather(-1, group.unsqueeze(-1)).squeeze(-1)

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """The mean over the voters."""
        asked, encoded = self.parts(steps, None)[0], self.parts(bank.steps, None)[0]
        flat = voters.flatten(1)  # (M, B * V)
        exemplars, scores = (take_rows(x, flat).unflatten(1, voters.shape[1:]) for x in (encoded, bank.score))
        relation = self.relation(asked.unsqueeze(2).expand_as(exemplars), exemplars, scores)
        logs, positions = self.tree(relation)
        return torch.mean(scores + self.decode(logs, positions), -1, keepdim=True)

    def _bounds(self, group: Tensor) -> tuple[Tensor, Tensor]:
        """Lower bound and size of groups; equal training scores can make a group of size 0."""
        low, high = self.edges[group], self.edges[group + 1]
        return low, (high - low).clamp(min=1e-3)


class Tpt(Core):
    """TPT: Bai et al., "Action quality assessment with temporal parsing transformer" (ECCV 2022).

    As in the paper: learnt queries attend to the clips and become parts of the action. A ranking loss keeps the
    centres of their attention in order and inside the video, a sparsity loss keeps each attention narrow (section 3.3).
    Parts of a performance and of an exemplar are compared one by one, and the mean comparison gives the relative score.
    The margin of the ranking loss is 3.2 steps, the weights of the losses are 1 and .05. Steps have no positions: only
    the ranking loss orders the parts.
    Departures: one decoder block in place of two; in it the queries attend to each other before the steps, not after;
    attention is divided by the root of its width, not by the width and a learnt temperature; groups and positions come
    from CoRe's tree, not from two small networks; the rest as `Core`.
    """

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.queries = Queries(config, layers, cross=1)
        self.compare = layers.linear(2 * config.width, config.width)

    def relation_width(self) -> int:
        """Entries of a relation."""
        return self.config.width

    def parts(self, steps: Tensor, drop: MemberDropout | None) -> tuple[Tensor, Tensor]:
        """As `Core.parts`, with one part for each query."""
        parts, weights = self.queries(self.encode(steps, drop))
        late, width = order_terms(weights, SPACING)
        return norm(parts), (late.sum(-1) + SPARSITY * width).mean((-1, -2))

    def relation(self, asked: Tensor, exemplar: Tensor, score: Tensor) -> Tensor:
        """The mean comparison (..., d) of corresponding parts; the exemplar's score does not enter."""
        return relu(self.compare(torch.cat([asked, exemplar], dim=-1))).mean(-2)


def order_terms(weights: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """How far the centres of attention `weights` (M, B, 1, Q, T) are from an order, and how wide the attention is.

    The first (M, B, 1, Q + 1) is the number of steps that each centre lacks to `margin` steps after the centre before;
    the video's first and last step count as centres. The second (M, B, 1) is the mean distance of the attention from
    its centres, in steps.
    """
    places = torch.arange(1.0, weights.shape[-1] + 1, device=weights.device)
    centres = (weights * places).sum(-1)  # (M, B, 1, Q)
    first, last = torch.ones_like(centres[..., :1]), torch.full_like(centres[..., :1], weights.shape[-1])
    bounded = torch.cat([first, centres, last], dim=-1)
    width = ((places - centres.unsqueeze(-1)).abs() * weights).sum(-1).mean(-1)
    return relu(margin - bounded.diff(dim=-1)), width


class Gdlt(PublishedNetwork):
    """GDLT: Xu et al., "Likert scoring with grade decoupling for long-term action assessment" (CVPR 2022).

    As in the paper: an encoder over the clips; one learnt prototype a grade attends to them; each grade's response,
    divided by the sum of all, weighs the grade's value from 0 to 1; squared error plus a triplet loss that keeps the
    features of different grades apart (hardest positive and negative by cosine distance). Both have weight 1, on labels
    from 0 to 1. Steps have no positions, so the encoder does not know their order.
    Departures: one block each for encoder and decoder; one layer in place of two with batch normalisation before it.
    """

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.block = Block(config, layers)
        self.queries = Queries(config, layers, cross=HEADS)
        self.response = layers.linear(config.width, QUERIES)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Mean squared error of scores from 0 to 1 plus the triplet loss."""
        grades = self._grades(x.steps, drop)
        error = ((self.decode(grades) - x.score) / TOP).square().mean(-1)
        return error + triplet_loss(grades, MARGIN)

    def score(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """The weighted grade."""
        return self.decode(self._grades(steps, drop))

    def decode(self, grades: Tensor) -> Tensor:
        """(M, B, Q, d) features of the grades to the score (M, B)."""
        return likert(torch.diagonal(self.response(grades), dim1=-2, dim2=-1).sigmoid())

    def _grades(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        memory, _ = self.block(self.encode(steps, drop))
        return norm(self.queries(memory)[0])


def likert(responses: Tensor) -> Tensor:
    """(..., Q) responses of the grades, each at least 0, to the score (...): grades are evenly spaced from 0 to 10."""
    values = torch.linspace(0, TOP, responses.shape[-1], device=responses.device)
    return (responses * values).sum(-1) / responses.sum(-1).clamp(min=1e-6)


def triplet_loss(grades: Tensor, margin: float) -> Tensor:
    """(M,) mean over (M, B, Q, d) of: farthest of the same grade - nearest of another + margin, at least 0."""
    batch, count = grades.shape[1:3]
    unit = normalize(grades.flatten(1, 2), dim=-1)
    apart = 1 - unit @ unit.transpose(1, 2)  # (M, B * Q, B * Q)
    grade = torch.arange(count, device=grades.device).repeat(batch)
    same = grade.unsqueeze(1) == grade
    farthest = torch.where(same, apart, -1.0).amax(-1)
    nearest = torch.where(same, 3.0, apart).amin(-1)
    return relu(farthest - nearest + margin).mean(-1)


class Rica2(PublishedNetwork):
    """RICA2: Majeedi et al., "Rubric-informed, calibrated assessment of actions" (ECCV 2024).

    As in the paper: queries attend to the clips; each becomes a normal distribution of an embedding, from which
    training draws by reparameterisation; the steps' draws are averaged and scored. Three losses are added: the
    divergence from the standard normal distribution (weight 1e-5), the ranking loss, averaged over pairs of steps
    (.05), and the sparsity loss (.05). Steps have no positions.
    Departures: the score's loss is the normal log-likelihood of mean and variance of 5 draws, on scores from 0 to 10.
    It is weighted by the variance (beta-NLL with beta 1, Seitzer et al., ICLR 2022). Theirs is the squared error of the
    draws on raw scores: it rewards no deviation, and in planted data the deviation did not follow the noise of the
    scores. The deviation of the draws' scores, at least .3, is not reported. The log-variance starts at -1. The steps
    are learnt, not those of a rubric, so every performance has all of them and the rubric's graph is a mean.
    """

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.queries = Queries(config, layers, cross=1)
        self.embedding = layers.linear(config.width, config.width)  # half is the mean, half the log-variance
        self.graph = layers.linear(config.width // 2, config.width)
        self.out = layers.linear(config.width, 1)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Likelihood of the draws, divergence and order."""
        mean, log_variance, order = self.steps(x.steps, drop)
        score, deviation = self.draw(mean, log_variance, drop, 5)
        apart = BOTTLENECK * divergence(mean, log_variance).mean(-1)
        weighted = normal_loss(x.score, score, deviation) * deviation.detach().square()
        return weighted.mean(-1) + order + apart

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """Mean of the draws."""
        mean, log_variance, _ = self.steps(steps, None)
        return self.draw(mean, log_variance, drop, SAMPLES)[0].unsqueeze(-1)

    def steps(self, steps: Tensor, drop: MemberDropout | None) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log-variance (M, B, Q, d / 2) of each step's embedding, and the loss (M,) of their order."""
        features, weights = self.queries(self.encode(steps, drop))
        mean, log_variance = self.embedding(norm(features)).chunk(2, dim=-1)
        late, width = order_terms(weights, MARGIN)
        ranking = late[..., 1:-1].mean(-1) + late[..., 0] + late[..., -1]
        order = ORDERING * ranking + SPARSITY * width
        return mean, log_variance - 1, order.mean((-1, -2))

    def draw(self, mean: Tensor, log_variance: Tensor, drop: MemberDropout, count: int) -> tuple[Tensor, Tensor]:
        """Mean and deviation (M, B) of the scores of `count` draws; the deviation is at least `FLOOR`."""
        deviation, scores = (log_variance / 2).exp(), []
        for _ in range(count):
            drawn = mean + deviation * drop.noise(mean)
            scores.append(self.out(relu(self.graph(drawn.mean(-2)))).squeeze(-1))
        drawn_scores = torch.stack(scores)
        return self.mean + drawn_scores.mean(0), (drawn_scores.var(0) + FLOOR**2).sqrt()


def normal_loss(score: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """Negative log-likelihood of `score` under normal distributions, without its constant."""
    return 0.5 * ((score - mean) / deviation).square() + deviation.log()


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(M, B) Kullback-Leibler divergence from the standard normal, summed over the steps, mean over channels."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean(-1).sum(-1)


def norm(x: Tensor) -> Tensor:
    """`x` normalised over the last axis, without learnt scales."""
    return layer_norm(x, x.shape[-1:])


def with_positions(x: Tensor) -> Tensor:
    """(..., T, d) plus the sines of the positions (Vaswani et al., section 3.5)."""
    steps, width = x.shape[-2:]
    rates = 10000.0 ** (-torch.arange(0, width, 2, device=x.device) / width)
    angles = torch.arange(steps, device=x.device).unsqueeze(1) * rates
    return x + torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[:, :width]


def take_rows(values: Tensor, rows: Tensor) -> Tensor:
    """(M, n, ...) at `rows` (M, k): (M, k, ...)."""
    return values[torch.arange(len(rows), device=rows.device).unsqueeze(1), rows]


class PublishedEntry(NamedTuple):
    """One row of `PUBLISHED_METHODS`."""

    title: str  # in the leaderboard
    network: type[PublishedNetwork]


PUBLISHED_METHODS = {
    "transformer": PublishedEntry("Transformer over steps", StepTransformer),
    "usdl": PublishedEntry("USDL", Usdl),
    "musdl": PublishedEntry("MUSDL", Usdl),
    "core": PublishedEntry("CoRe", Core),
    "gdlt": PublishedEntry("GDLT", Gdlt),
    "tpt": PublishedEntry("TPT", Tpt),
    "rica2": PublishedEntry("RICA2", Rica2),
}
"""The methods by kind, in the order of the leaderboard."""


def build_published(config: PublishedConfig, features: int, judges: int, layers: Layers) -> PublishedNetwork:
    """The network of these settings for steps of `features` entries. Raises ValueError: MUSDL without `judges`."""
    if config.kind == "musdl":
        if judges == 0:
            raise ValueError("'musdl' needs the scores of single judges")
        return Usdl(config, features, layers, judges)
    return PUBLISHED_METHODS[config.kind].network(config, features, layers)
