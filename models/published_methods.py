"""Published methods besides AIM, as small networks on the same time steps: the network, loss and decoding of each.

Every docstring names the paper and lists departures from it. Common departures: features come from the cache instead
of a jointly trained video network; widths are small. Hidden layers are normalised without learnt scales. Scores are on
the training scale 0..10. All are defined on stacks of M members (`models.layers`): B samples, T time steps, F features
of a step, d = `PublishedConfig.width`.
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
TIE = 1e-4  # closer differences of scores count as equal, as they differ by rounding

HEADS = 4  # of self-attention
QUERIES = 4  # learnt queries: grades of GDLT, parts of TPT, steps of RICA2
DEPTH = 3  # levels of CoRe's tree; 2 ** depth groups
DEVIATION = 0.5  # of the target distribution of USDL and MUSDL
SPARSITY = 0.05  # weight of the sparsity loss of TPT and RICA2
SPACING = 3.2  # TPT's ranking loss: steps between the centres of attention of adjacent parts
ORDERING = 0.05  # weight of RICA2's ranking loss
MARGIN = 1.0  # of GDLT's triplet loss, and of RICA2's ranking loss in steps
BOTTLENECK = 1e-5  # weight of RICA2's divergence
SAMPLES = 20  # draws of RICA2 for a prediction

VOTERS = 10
"""Exemplars for a prediction by CoRe and TPT."""


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
        """Initialise each member with its own generator; `scores` (n,) are those of the training part."""
        start_values(self, generators)
        self.mean = scores.mean()

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """(M,) loss of each member; `partners` (M, B) are other rows of the batch, as exemplars.

        By default the mean squared error.
        """
        return (self.score(x.steps, drop) - x.score).square().mean(-1)

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """(M, B, J) scores of `steps` (M, B, T, F) by J judges; J is 1 for methods without judges.

        `bank` is the training part, `voters` (M, B, V) are rows of it.
        """
        return self.score(steps, None).unsqueeze(-1)

    def score(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """(M, B) scores, for methods without exemplars."""
        raise NotImplementedError

    def encode(self, steps: Tensor, drop: MemberDropout | None) -> Tensor:
        """(M, B, T, d) output of one layer on each step, with dropout in training."""
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
    """Self-attention, optional attention to a memory, then two layers, each normalised and with a skip connection."""

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
        self.table = layers.linear(QUERIES, config.width)
        self.block = Block(config, layers, cross=cross)

    def forward(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(M, B, T, d) to the queries' features (M, B, Q, d) and their attention (M, B, heads, Q, T)."""
        members, batch = memory.shape[:2]
        one_hot = torch.eye(QUERIES, device=memory.device).expand(members, 1, -1, -1)
        asked = self.table(one_hot).expand(-1, batch, -1, -1)
        return self.block(asked, memory)  # type: ignore[no-any-return]


class StepTransformer(PublishedNetwork):
    """A plain Transformer over the steps: a control that is not specific to action quality.

    One block (Vaswani et al., 2017), sinusoidal positions, mean over the steps, one layer; mean squared error.
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

    As in the paper: a score becomes a normal distribution on a grid, normalised to sum 1 (equations 1 and 2). Features
    are averaged over the steps. Layers with a softmax predict the distribution. The loss is the Kullback-Leibler
    divergence from the target (equation 4). MUSDL has separate layers for every judge, and adds their losses.
    Departures: the score is the expectation, because the most probable score produces ties. The grid extends beyond the
    training scores by 4 deviations, so that the target's mean equals the score at both ends too. The deviation is .05
    of the range of training scores in all data sets.
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
    """The group-aware regression tree of CoRe (section 3.3): binary decisions select a group, then a position in it."""

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

    Each bound is one of the differences; the outer groups end at the range of all scores (`TOP`).
    """
    apart = (scores.unsqueeze(1) - scores).abs()
    ordered = apart[torch.triu_indices(len(scores), len(scores), 1).unbind()].sort().values
    places = [i * (len(ordered) - 1) // (groups // 2) for i in range(1, groups // 2)]
    upper = torch.cat([ordered[places], ordered.new_tensor([max(TOP, float(ordered[-1]))])])
    return torch.cat([-upper.flip(0), upper.new_zeros(1), upper])


class Core(PublishedNetwork):
    """CoRe: Yu et al., "Group-aware contrastive regression for action quality assessment" (ICCV 2021).

    As in the paper: the score is that of an exemplar plus a predicted difference. The features of both and the
    exemplar's score are inputs of a group-aware regression tree. Groups have equal shares of the training differences,
    and the outer groups end at the range of the scores. The loss of a pair is summed over both orders: the mean
    negative log-likelihood of the group, plus the mean squared error of the position in each group, summed over the
    groups (`Group_helper.py` and `helper.py` of the authors' code). The prediction is the bound of the most likely
    group plus the position, averaged over 10 voting exemplars.
    Departures: a difference of the whole range belongs to the outer group, and in their code to none. Exemplars and
    voters are training performances of the same task, and of the same difficulty if known. A pair is two rows of one
    batch. There are 8 groups instead of 16, because sets are small. The label is the score. On MTL-AQA their label is
    score / difficulty, multiplied back later (`dataset.score=execution` has that label).
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
        """Features (M, B, P, d) of P parts of each performance, and the parts' loss (M,); CoRe has one part."""
        return self.encode(steps, drop).mean(-2, keepdim=True), steps.new_zeros(len(steps))

    def relation(self, asked: Tensor, exemplar: Tensor, score: Tensor) -> Tensor:
        """The input of the tree for pairs (..., P, d) with the exemplar's `score` (...)."""
        return torch.cat([asked.flatten(-2), exemplar.flatten(-2), score.unsqueeze(-1) / TOP], dim=-1)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Losses of group and position in both orders of each pair, plus the parts' loss."""
        parts, own_loss = self.parts(x.steps, drop)
        others, scores = take_rows(parts, partners), take_rows(x.score, partners)
        first, second = self.relation(parts, others, scores), self.relation(others, parts, x.score)
        apart = x.score - scores
        logs, positions = (values.chunk(2, dim=1) for values in self.tree(torch.cat([first, second], dim=1)))
        orders = zip(logs, positions, (apart, -apart), strict=True)
        return own_loss + torch.stack([self.tree_loss(*order) for order in orders]).sum(0)

    def groups(self, difference: Tensor) -> Tensor:
        """The group of each difference; a bound belongs to the group farther from 0, and 0 to the upper group."""
        half = 2 ** (DEPTH - 1)
        above = torch.bucketize(difference.abs(), self.edges[half + 1 : -1] - TIE, right=True)
        return torch.where(difference <= -TIE, half - 1 - above, half + above)

    def tree_loss(self, logs: Tensor, positions: Tensor, difference: Tensor) -> Tensor:
        """(M,) mean negative log-likelihood of the groups of `difference` (M, B), plus the squared errors of positions.

        Errors are averaged within each group and summed over groups, so rare and common groups count equally.
        """
        group = self.groups(difference)
        low, size = self._bounds(group)
        log, position = (values.gather(-1, group.unsqueeze(-1)).squeeze(-1) for values in (logs, positions))
        member = one_hot(group, logs.shape[-1]).to(log.dtype)  # (M, B, L)
        error = (position - (difference - low) / size).square().unsqueeze(-1)
        return -log.mean(-1) + ((member * error).sum(1) / member.sum(1).clamp(min=1)).sum(-1)

    def decode(self, logs: Tensor, positions: Tensor) -> Tensor:
        """(..., L) to (...): the difference in the most likely group."""
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
    Corresponding parts of a performance and an exemplar are compared, and the mean comparison gives the relative score.
    The margin of the ranking loss is 3.2 steps, and the losses have weights 1 and .05. Without positional encodings,
    only the ranking loss orders the parts.
    Departures: one decoder block instead of two, with self-attention before the attention to the steps, not after.
    Attention is divided by the root of its width, not by the width and a learnt temperature. Groups and positions come
    from CoRe's tree, not from two small networks. Otherwise as `Core`.
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
        """The mean comparison (..., d) of corresponding parts, without the exemplar's score."""
        return relu(self.compare(torch.cat([asked, exemplar], dim=-1))).mean(-2)


def order_terms(weights: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """Disorder of the centres of attention `weights` (M, B, 1, Q, T), and width of the attention.

    The first (M, B, 1, Q + 1) is the number of steps by which each centre is less than `margin` after the previous one.
    The video's first and last step count as centres. The second (M, B, 1) is the mean distance of the attention from
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

    As in the paper: an encoder over the clips. One learnt prototype per grade attends to them. Normalised responses
    weight the values of the grades from 0 to 1. The loss is the squared error plus a triplet loss. The latter
    separates the features of different grades (hardest positive and negative by cosine distance). Both have weight 1,
    on labels from 0 to 1. Without positional encodings, the encoder ignores the order of steps.
    Departures: one block each for encoder and decoder; one preceding layer instead of two with batch normalisation.
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
    """(..., Q) responses >= 0 of the grades to the score (...); grades are evenly spaced from 0 to 10."""
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

    As in the paper: queries attend to the clips. Each becomes a normal distribution of an embedding, sampled by
    reparameterisation in training. The steps' draws are averaged and scored. Three losses are added: the divergence
    from the standard normal distribution (weight 1e-5), the ranking loss, averaged over pairs of steps (.05), and the
    sparsity loss (.05). Steps lack positional encodings.
    Departures: the score's loss is the normal log-likelihood of mean and variance of 5 draws, on scores from 0 to 10.
    It is weighted by the variance (beta-NLL with beta 1, Seitzer et al., ICLR 2022). Their loss is the squared error of
    the draws on raw scores. It does not reward a deviation, and on synthetic data the deviation did not follow the
    noise of the scores. The deviation of the draws' scores, at least .3, is not reported. The log-variance starts at
    -1. The steps are learnt instead of a rubric's, so every performance has all of them and the rubric's graph is a
    mean.
    """

    def __init__(self, config: PublishedConfig, features: int, layers: Layers) -> None:
        super().__init__(config, features, layers)
        self.queries = Queries(config, layers, cross=1)
        self.embedding = layers.linear(config.width, config.width)  # half is the mean, half the log-variance
        self.graph = layers.linear(config.width // 2, config.width)
        self.out = layers.linear(config.width, 1)

    def loss(self, x: LabelledSteps, partners: Tensor, drop: MemberDropout) -> Tensor:
        """Losses of the draws' likelihood, the divergence and the order."""
        mean, log_variance, order = self.steps(x.steps, drop)
        score, deviation = self.draw(mean, log_variance, drop, 5)
        apart = BOTTLENECK * divergence(mean, log_variance).mean(-1)
        loss = 0.5 * ((x.score - score) / deviation).square() + deviation.log()  # normal, without its constant
        weighted = loss * deviation.detach().square()
        return weighted.mean(-1) + order + apart

    def predict(self, steps: Tensor, bank: LabelledSteps, voters: Tensor, drop: MemberDropout) -> Tensor:
        """Mean of the draws."""
        mean, log_variance, _ = self.steps(steps, None)
        return self.draw(mean, log_variance, drop, SAMPLES)[0].unsqueeze(-1)

    def steps(self, steps: Tensor, drop: MemberDropout | None) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log-variance (M, B, Q, d / 2) of each step's embedding, and the ranking loss (M,)."""
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


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(M, B) Kullback-Leibler divergence from the standard normal, summed over the steps, mean over channels."""
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean(-1).sum(-1)


def norm(x: Tensor) -> Tensor:
    """`x` normalised over the last axis, without learnt scales."""
    return layer_norm(x, x.shape[-1:])


def with_positions(x: Tensor) -> Tensor:
    """(..., T, d) plus sinusoidal positional encodings (Vaswani et al., section 3.5)."""
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
    """The network for steps of `features` entries. Raises ValueError: MUSDL without `judges`."""
    if config.kind == "musdl":
        if judges == 0:
            raise ValueError("'musdl' needs the scores of single judges")
        return Usdl(config, features, layers, judges)
    return PUBLISHED_METHODS[config.kind].network(config, features, layers)
