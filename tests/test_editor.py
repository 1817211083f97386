"""The topology editor and the explorers of lecture 06, without a browser: are their numbers right?"""

from itertools import islice

import numpy as np
import pytest

from course_lib import bounds, topology
from course_lib.clusters import SimulatedCluster
from course_lib.explorers import decentralized, gossip, topology_editor
from course_lib.explorers.topology_editor import RULES, study
from course_lib.methods import dsgd
from course_lib.problems import Quadratic

editor = topology_editor.topology_editor


def edges(graph):
    return [tuple(edge) for edge in graph.edges]


# ---- the editor -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("graph", [topology.ring(8), topology.star(8), topology.complete(8)])
def test_measured_decay_stays_below_the_predicted_slope(rule, graph):
    drawn = study(8, edges(graph), rule)
    measured, predicted = (mark.y for mark in drawn.picture.marks[:2])
    if rule == "neighbours only" and graph.number_of_edges() == 7:  # the star is not regular: no theory
        assert np.isnan(predicted[1:]).all() and "Column 0 of W sums to 7" in drawn.sentence
    else:
        assert np.all(measured <= predicted * (1 + 1e-9) + 1e-15)
        assert predicted[1] == pytest.approx(topology.rho(drawn.W), abs=1e-12)


def test_the_editor_uses_the_weights_of_the_library():
    for name, weights in (("Metropolis", topology.metropolis), ("max-degree", topology.max_degree)):
        for graph in (topology.ring(8), topology.star(8), topology.grid(2, 4)):
            np.testing.assert_allclose(study(8, edges(graph), name).W, weights(graph), atol=1e-15)


def test_sentences_say_what_went_wrong_and_what_it_costs():
    ring = edges(topology.ring(8))
    assert "The gap is 0.195" in study(8, ring).sentence
    assert "16 messages a round, 1.28 MB" in study(8, ring).sentence
    assert "λ₂ is 0.707" in study(8, ring, "neighbours only").sentence
    assert "one round gives everyone the mean" in study(8, edges(topology.complete(8))).sentence
    assert "falls into 2 parts" in study(8, ring[:3] + ring[4:-1]).sentence
    assert "falls into 8 parts" in study(8, []).sentence
    for rule in RULES:
        for presets in editor.presets.values():
            drawn = study(8, [tuple(e) for e in presets], rule)
            assert len(drawn.sentence) <= 200 and drawn.sentence.endswith(".")


def test_rounds_in_the_sentence_are_enough_and_no_more():
    rho = topology.rho(topology.metropolis(topology.ring(8)))
    assert rho**32 <= 1e-3 < rho**31


def test_view_follows_the_drawing():
    editor = topology_editor.TopologyEditor("test", 5, {"ring": topology.ring(5), "path": topology.path(5)})
    view = editor.view
    assert view.drawing["edges"] == [[0, 1], [0, 4], [1, 2], [2, 3], [3, 4]]
    before = view.png
    view.drawing = {"edges": [[0, 1]], "rule": 0}
    assert view.shown == view.drawing and view.png != before
    assert view.weights[0][:2] == [0.5, 0.5] and "falls into 4 parts" in view.sentence


def test_the_still_and_the_words_do_not_depend_on_what_was_drawn():
    editor = topology_editor.TopologyEditor("test", 5, {"ring": topology.ring(5)})
    data, _ = editor._repr_mimebundle_()
    editor.view.drawing = {"edges": [], "rule": 2}
    again, _ = editor._repr_mimebundle_()
    assert data["text/plain"] == again["text/plain"] and data["image/png"] == again["image/png"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == editor.view.model_id


# ---- explorers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("graph", gossip.GRAPHS)
def test_every_conversation_keeps_the_mean(graph):
    values, messages, used = gossip.conversation(graph)
    np.testing.assert_allclose(values.mean(1), 0.5, atol=1e-13)
    sent = np.cumsum([2 * len(pairs) for pairs in used[:-1]])
    if graph != "one peer, 2ᵗ away":  # there each pair hears one way
        assert np.array_equal(messages[1:], sent)


def test_one_peer_is_done_after_four_rounds():
    values, messages, _ = gossip.conversation("one peer, 2ᵗ away")
    assert np.ptp(values[3]) > 0.1 and np.ptp(values[4]) < 1e-15 and messages[4] == 64


def test_the_floor_of_the_bias_explorer_is_where_dsgd_stands_still():
    problem = decentralized.quadratic()
    for name, step in (("ring", 0.3), ("complete", 0.3)):
        W = topology.metropolis(decentralized.GRAPHS[name])
        still = bounds.dgd_fixed_point(problem.A, problem.b, W, step)
        floor = np.sqrt(((still - problem.optimum()) ** 2).sum() / 16)
        picture = decentralized.bias_picture(step, name)
        assert picture.marks[-1].y == pytest.approx(floor)
        assert picture.marks[0].y[-1] == pytest.approx(floor, rel=1e-3)


@pytest.mark.parametrize("network", ["complete", "torus", "ring", "one peer"])
def test_expected_errors_are_those_of_the_library(network):
    """1500 runs at once of `dsgd` against the exact recursion, at four standard errors."""
    m, spread, runs, rounds = 16, 3.0, 1500, 40
    b = spread * np.random.default_rng(5).standard_normal(m)
    problem = Quadratic(np.ones((m, 1, 1)), b[:, None], noise=1.0)
    graphs = {"complete": topology.complete(m), "torus": topology.torus(4, 4), "ring": topology.ring(m)}
    W = topology.metropolis(graphs[network]) if network in graphs else topology.one_peer_exponential(m)
    start = problem.optimum() + 3
    cluster = SimulatedCluster(problem, batch_size=1, replicates=runs, initial_model=start)
    method = dsgd(cluster, lambda t: 2 / (20 + t + 1), W)
    X, _ = next(islice(method, rounds, None))
    errors = ((X - problem.optimum()) ** 2).mean((1, 2))
    exact = decentralized.expected_errors(m, spread)[decentralized.NETWORKS.index(network), rounds - 1]
    assert abs(errors.mean() - exact) <= 4 * errors.std() / np.sqrt(runs)


def test_all_networks_share_one_asymptote():
    errors = decentralized.expected_errors(16, 0.0)
    ratio = errors[:, -1] / (4 / 3 / 16 / decentralized.LAST)
    assert np.all((ratio > 0.95) & (ratio < 1.3))
    far = decentralized.expected_errors(16, 3.0)
    assert far[5, 999] > 10 * far[0, 999]  # different data: the ring's transient is long


def test_the_bill_of_a_budget_is_that_of_the_cluster():
    """One round on the library's cluster, against the explorer's bytes and seconds a round."""
    size, latency = 50, 1e-3
    rounds, sent, seconds = decentralized.budget(0.1, 3.0, latency, size)
    from course_lib.clusters import Link

    problem = Quadratic(np.broadcast_to(np.eye(size), (16, size, size)), np.zeros((16, size)))
    for name, W in (
        ("complete", topology.uniform(16)),
        ("exponential", topology.metropolis(topology.exponential(16))),
        ("one peer", topology.one_peer_exponential(16)),
        ("torus", topology.metropolis(topology.torus(4, 4))),
        ("ring", topology.metropolis(topology.ring(16))),
    ):
        cluster = SimulatedCluster(problem, compute=decentralized.COMPUTE, link=Link(latency, 1.25e9))
        next(islice(dsgd(cluster, 0.1, W), 1, None))
        k = decentralized.NETWORKS.index(name)
        assert sent[k] / rounds[k] == pytest.approx(cluster.bytes)
        assert seconds[k] / rounds[k] == pytest.approx(cluster.seconds)


@pytest.mark.parametrize("preset, winner", [({}, "one peer"), ({"latency": 2e-5, "size": 10**4}, "all-reduce")])
def test_who_is_done_first_depends_on_links_and_model(preset, winner):
    _, _, seconds = decentralized.budget(**{"target": 0.01, "spread": 3.0, "latency": 2e-3, "size": 10**6} | preset)
    assert decentralized.NETWORKS[int(np.argmin(seconds))] == winner
