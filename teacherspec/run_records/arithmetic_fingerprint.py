"""A digest of this machine's arithmetic: machines with other digests give other bits. Takes a second.

It covers operators whose bits are known to differ between CPU types, thread counts and builds of the
libraries: transcendental functions (vectorised differently), reductions and products (ordered differently),
and the optimizer's step. Each has a digest of its own, so that a difference can be named.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from teacherspec.runtime.atomic_io import encode_json, sha256_bytes

if TYPE_CHECKING:
    import torch

SHORT = 12


def fingerprint() -> str:
    """One short digest of all operators."""
    return sha256_bytes(encode_json(operators()).encode())[:SHORT]


def operators() -> dict[str, str]:
    """Operator → short digest of its result on fixed inputs, in float32 on the CPU."""
    import torch

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 96, generator=generator)
    w = torch.randn(96, 96, generator=generator) / 10
    results = {name: compute(x, w) for name, compute in _computations().items()}
    results["adamw"] = _adamw(x, w)
    return {name: _digest(value) for name, value in sorted(results.items())}


def _digest(value: "torch.Tensor") -> str:
    return sha256_bytes(value.detach().contiguous().numpy().tobytes())[:SHORT]


def _computations() -> "dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]":
    import torch
    from torch.nn import functional

    def attention(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        heads = (x @ w).reshape(1, 64, 4, 24).transpose(1, 2)
        return functional.scaled_dot_product_attention(heads, heads, heads)

    def convolution(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x.reshape(1, 1, 64, 96), w[:9, :9].reshape(1, 1, 9, 9))

    unary = ("exp", "log", "erf", "sqrt", "rsqrt", "tanh", "sigmoid", "sin", "cos")
    computations: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
        name: lambda x, w, name=name: getattr(torch, name)(x.abs() + 0.1)  # type: ignore[misc]
        for name in unary
    }
    computations |= {
        "matmul": lambda x, w: x @ w,
        "vector_product": lambda x, w: w @ x[0],
        "dot": lambda x, w: torch.dot(x.flatten(), x.flatten().flip(0)),
        "small_linear": lambda x, w: functional.linear(x[:3], w[:5]),
        "bf16_matmul": lambda x, w: (x.bfloat16() @ w.bfloat16()).float(),
        "sum": lambda x, w: x.sum(),
        "mean": lambda x, w: x.mean(0),
        "norm": lambda x, w: torch.linalg.vector_norm(x, dim=1),
        "gelu": lambda x, w: functional.gelu(x),
        "silu": lambda x, w: functional.silu(x),
        "softmax": lambda x, w: torch.softmax(x, -1),
        "log_softmax": lambda x, w: torch.log_softmax(x, -1),
        "layer_norm": lambda x, w: functional.layer_norm(x, (96,)),
        "cross_entropy": lambda x, w: functional.cross_entropy(x @ w, torch.arange(64)),
        "attention": attention,
        "convolution": convolution,
    }
    return computations


def _adamw(x: "torch.Tensor", w: "torch.Tensor") -> "torch.Tensor":
    """Weights after three steps on a small loss: forward, backward and the fused optimizer together."""
    import torch

    weights = w.clone().requires_grad_()
    optimizer = torch.optim.AdamW([weights], lr=1e-2, fused=True)
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.gelu(x @ weights).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return weights


if __name__ == "__main__":
    print("\n".join(f"{name:16} {digest}" for name, digest in operators().items()))
    print(f"{'all':16} {fingerprint()}")
