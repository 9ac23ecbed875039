"""The CNN-BiLSTM computes what its layers say, in whatever order is fast."""

import pytest
import torch
import torch.nn.functional as F

from geneeg_sk.classification._cnn_bilstm import CNNBiLSTM, filtered_power, squash, statistics


def convolved(net, X):
    """The power of signals without margins, filtered by a plain convolution with a stride."""
    n, c, t = X.shape
    # A tap of the layer holds `stride` samples in a row.
    weight = net.temporal.weight.transpose(1, 2).flatten(1)[:, None]
    before = net.temporal.weight.shape[-1] // 2 * net.stride
    X = F.pad(X, (before, weight.shape[-1])).flatten(0, 1)[:, None]
    filtered = F.conv1d(X, weight, net.temporal.bias, stride=net.stride)[..., : t // net.stride]
    return F.avg_pool1d(filtered.square(), net.pool).transpose(1, 2).unflatten(0, (n, c))


@pytest.mark.parametrize(
    ("kernel_size", "stride", "pool"), [(64, 4, 16), (32, 4, 16), (27, 3, 5), (9, 4, 6), (1, 1, 1)]
)
def test_filtered_power_and_its_gradients_are_those_of_a_convolution(kernel_size, stride, pool):
    t = 8 * stride * pool
    net = CNNBiLSTM(t, 2, kernel_size=kernel_size, stride=stride, pool=pool, n_filters=5)
    net.double()
    X = torch.randn(40, 3, t, dtype=torch.float64, requires_grad=True)
    layer = net.temporal
    fast = filtered_power(F.pad(X, net.margins(t)), layer.weight, layer.bias, net.pool)
    plain = convolved(net, X)
    torch.testing.assert_close(fast, plain)
    of_power = torch.randn_like(plain)
    parameters = [X, layer.weight, layer.bias]
    for got, expected in zip(
        torch.autograd.grad(fast, parameters, of_power),
        torch.autograd.grad(plain, parameters, of_power),
    ):
        torch.testing.assert_close(got, expected)


def test_however_few_signals_are_filtered_at_a_time_power_is_the_same(monkeypatch):
    net = CNNBiLSTM(256, 2).double()
    X = F.pad(torch.randn(4, 3, 256, dtype=torch.float64), net.margins(256))
    at_once = filtered_power(X, net.temporal.weight, net.temporal.bias, net.pool)
    monkeypatch.setattr("geneeg_sk.classification._cnn_bilstm.CACHE_VALUES", 1)
    one_by_one = filtered_power(X, net.temporal.weight, net.temporal.bias, net.pool)
    torch.testing.assert_close(one_by_one, at_once)


def test_amplitudes_are_compressed_by_an_inverse_sine_also_where_squares_overflow():
    X = torch.tensor([[0.0, -0.0, 1e-6, -0.3, 5.0, -1e4, 1e18]])
    torch.testing.assert_close(squash(X), 3 * torch.asinh(X), rtol=1e-5, atol=1e-6)
    largest = torch.finfo(torch.float32).max
    assert torch.isfinite(squash(torch.tensor([[largest, -largest]]))).all()


def test_attributions_of_a_flat_window_have_the_slope_at_zero():
    X = torch.zeros(1, 4, requires_grad=True)
    squash(X).sum().backward()
    torch.testing.assert_close(X.grad, torch.full((1, 4), 3.0))


def test_the_spread_of_one_mixture_is_zero_and_its_gradient_is_finite():
    power = torch.randn(2, 1, 4, 3, requires_grad=True)
    pooled = statistics(power)
    torch.testing.assert_close(pooled[..., 6:], torch.zeros(2, 4, 3))
    pooled.sum().backward()
    assert torch.isfinite(power.grad).all()
